"""Calls as lists and pages show them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from telephony.events import Direction, LegResult
from telephony.numbers import display, e164
from webapp import switches
from webapp.calls.models import UNHEARD, Call, Disposition, Leg
from webapp.contacts import shown as contacts
from webapp.contacts.models import OwnNumber
from webapp.switches import region_of

RESULTS = {  # of a call or of a phone's part in it
    "answered": _l("Answered"),
    "abandoned": _l("Abandoned"),
    "no_agents": _l("No agents"),
    "queue_timeout": _l("Queue timeout"),
    "busy": _l("Busy"),
    "no_answer": _l("No answer"),
    "rejected": _l("Rejected"),
    "wrong_number": _l("Wrong number"),
    "failed": _l("Failed"),
    "agent_no_answer": _l("Agent did not answer"),
    "agent_declined": _l("Agent declined"),
    "agent_unavailable": _l("Agent's phone unavailable"),
    "lost": _l("Lost track"),
    "answered_elsewhere": _l("Answered by a colleague"),
    "declined": _l("Declined"),
    "cancelled": _l("Caller gave up"),
}


DISPOSITIONS = {  # those that every installation begins with; a firm's own are in the firm's own language
    "Sale": _l("Sale"),
    "Offer sent": _l("Offer sent"),
    "Question answered": _l("Question answered"),
    "Complaint": _l("Complaint"),
    "Wants to be called back": _l("Wants to be called back"),
    "Wrong number": _l("Wrong number"),
}


def disposition_word(disposition: Disposition) -> str:
    return str(DISPOSITIONS.get(disposition.label, disposition.label))


def result_word(result: str) -> str:
    return str(RESULTS.get(result, result))


@dataclass(frozen=True, slots=True)
class Said:
    """A disposition in the reader's language."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Note:
    author: str
    text: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    uid: str
    url: str | None  # None: not the reader's to open
    direction: str
    state: str
    result: str | None
    party: contacts.Brief | None
    name_from_switch: str
    number_display: str
    number_e164: str | None
    withheld: bool
    queue: str | None
    did: str | None
    did_label: str | None
    agents: list[str]
    started_at: datetime
    wait_seconds: float
    talk_seconds: float
    disposition: Said | None
    notes: list[Note]
    has_notes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Row):
    answered_at: datetime | None
    ended_at: datetime | None
    hold_seconds: float
    hangup_by: str | None
    cause: int | None
    linkedid: str | None
    switch: str
    failure: str
    doubtful: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRow:
    agent: str | None
    line: str
    queue: str | None
    result: str | None
    rang_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    ring_seconds: float
    talk_seconds: float
    cause: int | None


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    icon: str
    text: str
    tone: str = ""


def url(call_id: UUID) -> str:
    return f"/calls/{call_id}"


def rows(calls: Iterable[Call], may_open: Container[UUID] | None = None) -> list[Row]:
    """`may_open`: the calls whose own page the reader may see; None: all of these."""
    return [Row(**_facts(call, may_open is None or call.id in may_open)) for call in calls]


def whole(call: Call) -> Whole:
    return Whole(
        **_facts(call, True),
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        hold_seconds=call.hold_seconds,
        hangup_by=call.hangup_by.value if call.hangup_by else None,
        cause=call.cause,
        linkedid=call.linkedid,
        switch=call.switch,
        failure=failure(call),
        doubtful=call.doubtful,
    )


def legs(call: Call) -> list[LegRow]:
    return [
        LegRow(
            agent=leg.user.name if leg.user else None,
            line=leg.line,
            queue=leg.queue,
            result=leg.result.value if leg.result else None,
            rang_at=leg.rang_at,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            ring_seconds=leg.ring_seconds(),
            talk_seconds=leg.talk_seconds,
            cause=leg.cause,
        )
        for leg in call.legs
    ]


def course(call: Call) -> list[Moment]:
    """What happened, in order."""
    moments = [_beginning(call)]
    for leg in call.legs:
        moments += _of_leg(leg)
    if call.ended_at and call.was_picked_up_in_vain:
        words = _("The customer had picked up, and nobody talked to them")
        moments.append(Moment(call.ended_at, "alert-triangle", words, "warn"))
    if call.ended_at:
        by = call.hangup_by.value if call.hangup_by else ""
        words = {"customer": _("The customer hung up"), "agent": _("The agent hung up")}
        moments.append(Moment(call.ended_at, "phone-off", words.get(by, _("The call ended"))))
    return sorted(moments, key=lambda moment: moment.at)


def number_display(number: str | None, raw: str, switch: str) -> str:
    """As one reads it; what is no number is shown as the line said it."""
    return display(number, region_of(switch)) if number else raw


def moment_display(at: datetime) -> str:
    """On the reader's clock."""
    return str(format_datetime(at, "d MMM HH:mm"))


def own_number_display(number: OwnNumber) -> str:
    return display(number.value, region_of(number.switch))


def failure(call: Call) -> str:
    """Ours in the reader's language; the switch's as it said it."""
    if call.was_picked_up_in_vain and not call.failure:
        return str(_("The customer picked up, and nobody of ours talked to them."))
    return _("The telephone system never answered.") if call.failure == UNHEARD else call.failure


def did_label(switch: str, did: str | None) -> str | None:
    """What the firm calls the number that was called, however the line and the settings write it."""
    settings = switches.settings_of(switch)
    if settings is None or not did:
        return None
    called = e164(did, settings.region) or did
    return next(
        (label for number, label in settings.did_labels.items() if (e164(number, settings.region) or number) == called),
        None,
    )


def did_display(switch: str, did: str | None) -> str | None:
    return display(number, region_of(switch)) if did and (number := e164(did, region_of(switch))) else did


def agents(call: Call) -> list[str]:
    """Who talked to the customer, in order; nobody yet: who asked for the call."""
    talked = [leg.user.name if leg.user else leg.line for leg in call.answered_legs]
    if not talked and call.requested_by:
        return [call.requested_by.name]
    return list(dict.fromkeys(talked))


def _facts(call: Call, may_open: bool) -> dict[str, Any]:
    disposition = call.disposition
    notes = [Note(note.user.name, note.text, note.updated_at) for note in call.notes if note.text.strip()]
    return {
        "uid": str(call.id),
        "url": url(call.id) if may_open else None,
        "direction": call.direction.value,
        "state": call.state.value,
        "result": call.result.value if call.result else None,
        "party": contacts.brief(call.party) if call.party else None,
        "name_from_switch": call.name_raw,
        "number_display": number_display(call.number, call.number_raw, call.switch),
        "number_e164": call.number,
        "withheld": call.withheld,
        "queue": call.queue,
        "did": did_display(call.switch, call.did),
        "did_label": did_label(call.switch, call.did),
        "agents": agents(call),
        "started_at": call.started_at,
        "wait_seconds": call.wait_seconds,
        "talk_seconds": call.talk_seconds,
        "disposition": Said(disposition.code, disposition_word(disposition)) if disposition else None,
        "notes": notes,
        "has_notes": bool(notes),
    }


def _beginning(call: Call) -> Moment:
    if call.direction is Direction.OUTBOUND:
        who = call.requested_by.name if call.requested_by else ""
        if who and call.is_customer_first:
            words = _("%(who)s placed the call, customer first", who=who)
            return Moment(call.started_at, "phone-outgoing", words)
        return Moment(call.started_at, "phone-outgoing", _("%(who)s placed the call", who=who) if who else _("Placed"))
    called = did_label(call.switch, call.did) or did_display(call.switch, call.did)
    words = _("Called %(number)s", number=called) if called else _("Called us")
    return Moment(call.started_at, "phone-incoming", words)


def _of_leg(leg: Leg) -> list[Moment]:
    who = leg.user.name if leg.user else leg.line
    moments = [Moment(leg.rang_at, "bell-ringing", _("The phone of %(who)s rings", who=who), "info")]
    if leg.answered_at:
        moments.append(Moment(leg.answered_at, "phone-call", _("%(who)s answers", who=who), "good"))
    elif leg.ended_at and leg.result is LegResult.DECLINED:
        moments.append(Moment(leg.ended_at, "phone-x", _("%(who)s declines", who=who), "warn"))
    elif leg.ended_at and leg.result is LegResult.NO_ANSWER:
        moments.append(Moment(leg.ended_at, "phone-off", _("%(who)s does not answer", who=who), "warn"))
    return moments
