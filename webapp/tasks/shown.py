"""Callbacks as lists show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from telephony import numbers
from webapp import zones
from webapp.accounts.models import User
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.calls.models import Call
from webapp.contacts import shown as contacts
from webapp.contacts.models import Party
from webapp.db import now
from webapp.tasks import audit, queries
from webapp.tasks.listing import Filters, Tab, order_key
from webapp.tasks.models import Callback, CallbackKind, CallbackState

RULES = {
    audit.Rule.MISSED_IN_ENTRY: _l("A missed call is in no entry"),
    audit.Rule.ONLY_MISSED: _l("A call that was not missed is in an entry"),
    audit.Rule.ONE_FOR_NUMBER: _l("One number has several open entries"),
    audit.Rule.ONE_FOR_PERSON: _l("One person has several open entries"),
    audit.Rule.COUNTS_CALLS: _l("The entry does not count as many calls as it has"),
    audit.Rule.HAS_CALL: _l("The open entry has no missed call"),
    audit.Rule.COUNTS_ATTEMPTS: _l("The entry does not count as many attempts as were made"),
    audit.Rule.TALKED_TO: _l("The entry is open although somebody talked to the caller since"),
    audit.Rule.HAS_END: _l("The entry is open and has an end, or is closed and has none"),
    audit.Rule.DISMISSED_BY: _l("It is not known who dismissed the entry, or why"),
    audit.Rule.MERGED_INTO: _l("The merged entry goes on in no other one"),
    audit.Rule.CLAIMED_BY: _l("The entry is claimed by nobody, or without an end"),
}


@dataclass(frozen=True, slots=True)
class Colleague:
    id: UUID | None
    name: str
    is_reader: bool = False


@dataclass(frozen=True, slots=True)
class ClosingCall:
    url: str | None  # None: not the reader's to open


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    id: UUID
    kind: str
    party: contacts.Brief | None
    who: str  # in words, for those who hear the page
    name_from_switch: str
    number_display: str
    number_e164: str | None
    withheld: bool
    queue: str | None
    missed: int
    attempts: int
    priority: int
    first_missed_at: datetime
    last_missed_at: datetime
    due_at: datetime
    overdue: bool
    retry_at: datetime | None
    promised_for: datetime | None
    promised_zone: str
    promised_there: str  # on the customer's clock, in words
    note: str
    state: str
    claimed_by: Colleague | None
    claimed_until: datetime | None
    assigned_to: Colleague | None
    mine: bool
    closed_as: str | None
    closed_at: datetime | None
    closed_by: Colleague | None
    closed_call: ClosingCall | None
    reason: str
    order: str  # as `listing.order_key`; "" where rows stay as they came


@dataclass(frozen=True, slots=True)
class Missed:
    at: datetime
    url: str | None
    result: str | None
    queue: str | None
    waited: float
    rang: list[str]  # whose phones


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    url: str | None
    by: str
    result: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Details:
    """What happened about one callback."""

    missed: list[Missed]
    attempts: list[Attempt]


def rows(callbacks: Iterable[Callback], reader: User, filters: Filters | None = None) -> list[Row]:
    """With `filters`, each knows its place in that list."""
    callbacks, at = list(callbacks), now()
    closing = [callback.closed_by_call_id for callback in callbacks if callback.closed_by_call_id]
    may_open = call_reads.visible_ids(reader, closing) if closing else set()
    return [
        _row(callback, reader, may_open, at, order_key(callback, filters, at) if filters else "")
        for callback in callbacks
    ]


def who(callback: Callback) -> str:
    """In words; the number where there is no name."""
    name = callback.party.name if callback.party else callback.name_raw
    number = calls.number_display(callback.number, callback.number_raw, callback.switch)
    return name or number or _("Number withheld")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry as other pages speak of it."""

    who: str
    url: str


def places(callback_ids: Iterable[UUID]) -> dict[UUID, Place]:
    """Of those that are still there."""
    return {found.id: Place(who(found), url(found)) for found in queries.by_ids(callback_ids)}


def url(callback: Callback) -> str:
    """The list that it stands in, narrowed to its number."""
    tab = Tab.OPEN
    if callback.state is CallbackState.CLOSED:
        tab = Tab.CLOSED
    elif callback.state is CallbackState.WAITING:
        tab = Tab.PROMISES if callback.kind is CallbackKind.PROMISE else Tab.WAITING
    asked = {"tab": tab.value} | ({"q": callback.number} if callback.number else {})
    return f"/callbacks?{urlencode(asked)}#callback-{callback.id}"


def rule(broken: str) -> str:
    """Which rule of the ledger is broken, in words."""
    return str(RULES.get(broken, broken))  # type: ignore[call-overload]


def details(callback: Callback, reader: User) -> Details:
    missed, attempts = queries.missed_calls(callback), queries.attempts(callback)
    told = [call.id for call in missed] + [call.id for _attempt, call, _name in attempts]
    may_open = call_reads.visible_ids(reader, told) if told else set()

    def url(call: Call) -> str | None:
        return calls.url(call.id) if call.id in may_open else None

    return Details(
        missed=[
            Missed(
                at=call.started_at,
                url=url(call),
                result=call.result.value if call.result else None,
                queue=call.queue,
                waited=call.wait_seconds,
                rang=list(dict.fromkeys(leg.user.name for leg in call.legs if leg.user)),
            )
            for call in missed
        ],
        attempts=[
            Attempt(attempt.at, url(call), name, call.result.value if call.result else None, call.state.value)
            for attempt, call, name in attempts
        ],
    )


def _row(callback: Callback, reader: User, may_open: set[UUID], at: datetime, order: str) -> Row:
    closing = callback.closed_by_call_id
    number = calls.number_display(callback.number, callback.number_raw, callback.switch)
    withheld = not callback.number and not callback.number_raw
    holder = callback.claimed_by_id or callback.assigned_to_id
    return Row(
        id=callback.id,
        kind=callback.kind.value,
        party=contacts.brief(callback.party) if callback.party else None,
        who=who(callback),
        name_from_switch=callback.name_raw,
        number_display=number,
        number_e164=callback.number,
        withheld=withheld,
        queue=callback.queue,
        missed=callback.missed,
        attempts=callback.attempts,
        priority=callback.priority,
        first_missed_at=callback.first_missed_at,
        last_missed_at=callback.last_missed_at,
        due_at=callback.due_at,
        overdue=callback.is_overdue(at),
        retry_at=callback.retry_at,
        promised_for=callback.promised_for,
        promised_zone=callback.promised_zone.replace("_", " "),
        promised_there=_there(callback),
        note=callback.note,
        state=callback.state.value,
        claimed_by=_colleague(callback.claimed_by, reader),
        claimed_until=callback.claimed_until,
        assigned_to=_colleague(callback.assigned_to, reader),
        mine=holder == reader.id,
        closed_as=callback.closed_as.value if callback.closed_as else None,
        closed_at=callback.closed_at,
        closed_by=_closed_by(callback),
        closed_call=ClosingCall(calls.url(closing) if closing in may_open else None) if closing else None,
        reason=callback.reason,
        order=order,
    )


def _there(callback: Callback) -> str:
    if callback.promised_for is None or not callback.promised_zone:
        return ""
    there = callback.promised_for.astimezone(ZoneInfo(callback.promised_zone))
    return str(format_datetime(there.replace(tzinfo=None), "EEE d MMM HH:mm", rebase=False))


def _colleague(user: User | None, reader: User) -> Colleague | None:
    return Colleague(user.id, user.name, user.id == reader.id) if user else None


def _closed_by(callback: Callback) -> Colleague | None:
    """Who dismissed it, or who talked to the customer."""
    if callback.closed_by:
        return Colleague(callback.closed_by.id, callback.closed_by.name)
    talked = calls.agents(callback.closed_by_call) if callback.closed_by_call else []
    return Colleague(None, ", ".join(talked)) if talked else None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the dialog that promises a call begins with."""

    callback: Row | None
    who: str
    number_display: str
    number: str | None
    party_id: UUID | None
    queue: str | None
    zones: list[str]  # where the number may be
    firm_zone: str
    all_zones: tuple[str, ...]
    at: datetime  # on the clock of the first zone
    suggested: list[tuple[datetime, str]]  # as `at`, and in words
    note: str
    mine: bool


def proposal(
    callback: Callback | None, number: str | None, party: Party | None, queue: str | None, reader: User
) -> Proposal:
    number = (callback.number if callback else None) or number
    firm = current_app.config["BABEL_DEFAULT_TIMEZONE"]
    there = zones.zones_of(number)
    if callback and callback.promised_zone:
        there = [callback.promised_zone, *(zone for zone in there if zone != callback.promised_zone)]
    zone = there[0] if there else firm
    promised = callback.promised_for if callback else None
    at = promised.astimezone(ZoneInfo(zone)) if promised else zones.suggestion(now(), zone)
    display = numbers.display(number, current_app.config["RINGBACK_REGION"]) if number else ""
    return Proposal(
        callback=_row(callback, reader, set(), now(), "") if callback else None,
        who=who(callback) if callback else (party.name if party else display),
        number_display=display,
        number=number,
        party_id=party.id if party else None,
        queue=queue,
        zones=there,
        firm_zone=firm,
        all_zones=zones.all_zones(),
        at=at,
        suggested=[
            (each, format_datetime(each, "EEE d MMM HH:mm", rebase=False)) for each in zones.suggestions(now(), zone)
        ],
        note=callback.note if callback else "",
        mine=callback is None or callback.assigned_to_id in (None, reader.id),
    )
