"""Recoveries and balances in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from telephony.numbers import display
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, may
from webapp.books import queries
from webapp.books.ledger import Fault
from webapp.books.models import Incomplete, LedgerCheck, Recovery
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.calls.models import Call
from webapp.contacts import shown as contacts
from webapp.switches import region_of
from webapp.tasks import shown as tasks

FIELDS = {
    "direction": _l("direction"),
    "result": _l("result"),
    "started_at": _l("beginning"),
    "answered_at": _l("answered at"),
    "ended_at": _l("end"),
    "answered_by": _l("answered by"),
}
SOURCES = {"file": _l("Its own file"), "spooled": _l("Sent by its spooler"), "asked": _l("Its own list")}
FAULTS = {
    Fault.NO_CALL: _l("The switch had this call, we have not"),
    Fault.NO_BOOK: _l("We have this call, the switch has not"),
    Fault.NOT_OVER: _l("The call is over, and here it goes on"),
    Fault.RESULT: _l("The switch tells otherwise how it ended"),
    Fault.NO_ENTRY: _l("Nobody talked to the caller, and nobody is to call back"),
    Fault.TWO_ENTRIES: _l("Several are to call the same caller back"),
    Fault.RULE: _l("The list of callbacks contradicts itself"),
    Fault.LISTED: _l("The caller was talked to, and is still to be called back"),
}

INCOMPLETE = {
    Incomplete.UNREAD: _l("What the telephone system wrote down was not read to the end of the day."),
    Incomplete.DAMAGED: _l("Some of what the telephone system wrote down could not be read."),
}


@dataclass(frozen=True, slots=True)
class Change:
    """As words, or as moments, which a page shows on its reader's clock. None: nothing was known."""

    name: str
    word: str
    was: str | datetime | None
    now: str | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRow:
    id: UUID
    kind: str
    switch: str
    source: str
    changes: list[Change]
    happened_at: datetime
    recovered_at: datetime
    late_seconds: float
    url: str | None  # None: not the reader's to open
    party: contacts.Brief | None
    name_from_switch: str
    number_display: str
    number_e164: str | None
    withheld: bool
    direction: str
    result: str | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffenderRow:
    word: str
    detail: str  # which rule is broken, or what each side says
    uid: str
    started_at: datetime | None
    url: str | None  # of the call
    entries: tasks.Place | None  # the entry, or the list of those that the number has


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    day: date
    day_word: str
    switch: str
    offered: int
    answered: int
    closed: int
    open: int
    difference: int
    offences: int
    balances: bool
    incomplete: str  # why it proves nothing yet; empty: it does
    at: datetime
    offenders: list[OffenderRow]
    unlisted: int  # how many more there are


@dataclass(frozen=True, slots=True)
class ForgedRow:
    at: datetime
    switch: str
    url: str | None  # None: not the reader's to open
    doubtful: bool


@dataclass(frozen=True, slots=True)
class OfCall:
    """What the books say of one call: recoveries, oldest first; or that it is not in them."""

    recoveries: list[RecoveryRow]
    unbooked: bool


def of_call(call: Call) -> OfCall:
    return OfCall([_row(each, {call.id}) for each in queries.of_call(call.id)], queries.is_unbooked(call))


def rows(recoveries: Iterable[Recovery], reader: User) -> list[RecoveryRow]:
    recoveries = list(recoveries)
    may_open = call_reads.visible_ids(reader, [each.call_id for each in recoveries]) if recoveries else set()
    return [_row(each, may_open) for each in recoveries]


def checks(found: Iterable[LedgerCheck], reader: User) -> list[CheckRow]:
    found = list(found)
    ids = {UUID(each["call_id"]) for check in found for each in check.offenders if each.get("call_id")}
    entry_ids = {UUID(each["callback_id"]) for check in found for each in check.offenders if each.get("callback_id")}
    works = may(reader, Permission.CALLBACK_WORK)
    links = _Links(
        calls=call_reads.visible_ids(reader, ids) if ids else set(),
        entries=tasks.places(entry_ids) if entry_ids and works else {},
        works=works,
    )
    return [_check(each, links) for each in found]


def why_incomplete(why: Incomplete | None) -> str:
    return str(INCOMPLETE[why]) if why else ""


def forged(found: Iterable[Call], reader: User) -> list[ForgedRow]:
    found = list(found)
    may_open = call_reads.visible_ids(reader, [call.id for call in found]) if found else set()
    return [
        ForgedRow(
            call.doubted_at or call.started_at,
            call.switch,
            f"/calls/{call.id}" if call.id in may_open else None,
            call.doubtful,
        )
        for call in found
    ]


def changes(recovery: Recovery) -> list[Change]:
    names = {leg.line: leg.user.name for leg in recovery.call.legs if leg.user}
    before, after = recovery.before, recovery.after
    return [
        Change(name, str(FIELDS.get(name, name)), _told_as(name, before.get(name), names) if name in before else None,
               _told_as(name, value, names) or "–")
        for name, value in after.items()
    ]  # fmt: skip


def _row(recovery: Recovery, may_open: set[UUID]) -> RecoveryRow:
    call = recovery.call
    return RecoveryRow(
        id=recovery.id,
        kind=recovery.kind.value,
        switch=recovery.switch,
        source=str(SOURCES[recovery.source.value]),
        changes=changes(recovery) if recovery.before else [],
        happened_at=recovery.happened_at,
        recovered_at=recovery.recovered_at,
        late_seconds=max(0.0, (recovery.recovered_at - recovery.happened_at).total_seconds()),
        url=calls.url(call.id) if call.id in may_open else None,
        party=contacts.brief(call.party) if call.party else None,
        name_from_switch=call.name_raw,
        number_display=calls.number_display(call.number, call.number_raw, call.switch),
        number_e164=call.number,
        withheld=call.withheld,
        direction=call.direction.value,
        result=call.result.value if call.result else None,
        state=call.state.value,
    )


@dataclass(frozen=True, slots=True)
class _Links:
    """What the reader may open of that which is wrong."""

    calls: set[UUID]
    entries: dict[UUID, tasks.Place]
    works: bool  # has a list of callbacks


def _check(check: LedgerCheck, links: _Links) -> CheckRow:
    return CheckRow(
        day=check.day,
        day_word=format_date(check.day, "EEE d MMM", rebase=False),
        switch=check.switch,
        offered=check.offered,
        answered=check.answered,
        closed=check.closed,
        open=check.open,
        difference=check.difference,
        offences=check.offences,
        balances=check.balances,
        incomplete=why_incomplete(check.incomplete),
        at=check.at,
        offenders=[_offender(each, check.switch, links) for each in check.offenders],
        unlisted=max(0, check.offences - len(check.offenders)),
    )


def _offender(told: Mapping[str, Any], switch: str, links: _Links) -> OffenderRow:
    fault, call_id = Fault(told["fault"]), _uuid(told.get("call_id"))
    entries = links.entries.get(entry_id) if (entry_id := _uuid(told.get("callback_id"))) else None
    if fault is Fault.TWO_ENTRIES and links.works:
        entries = tasks.Place(display(told["said"], region_of(switch)), f"/callbacks?{urlencode({'q': told['said']})}")
    return OffenderRow(
        word=str(FAULTS[fault]),
        detail="" if entries and fault is Fault.TWO_ENTRIES else _detail(fault, told["said"], switch),
        uid=told["uid"],
        started_at=datetime.fromisoformat(told["started_at"]) if told.get("started_at") else None,
        url=calls.url(call_id) if call_id and call_id in links.calls else None,
        entries=entries,
    )


def _uuid(told: str | None) -> UUID | None:
    return UUID(told) if told else None


def _detail(fault: Fault, said: str, switch: str) -> str:
    if fault is Fault.TWO_ENTRIES:
        return display(said, region_of(switch))
    if fault is Fault.RULE:
        return tasks.rule(said)
    books, slash, ours = said.partition(" / ")
    if not slash or fault is not Fault.RESULT:
        return ""
    return str(
        _("The switch: %(books)s. Here: %(ours)s.", books=calls.result_word(books), ours=calls.result_word(ours))
    )


def _told_as(name: str, value: Any, names: Mapping[str, str]) -> str | datetime | None:
    if name == "answered_by":
        return ", ".join(names.get(line, line) for line in value) or str(_("nobody"))
    if value is None:
        return str(_("never")) if name == "answered_at" else None
    if name == "result":
        return calls.result_word(value)
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    return str({"inbound": _("Inbound"), "outbound": _("Outbound"), "internal": _("Internal")}.get(value, value))
