"""The only writer of what switches report: one event, one transaction, and telling it twice changes nothing.

State moves forward only. What is known stays known: an event may fill a gap or add, it never takes an answer away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import lazyload, selectinload

from telephony import events as told
from telephony.events import CallEnded, Caller, CallEvent, CallStarted, LegResult, LegSummary, Result, Resynced
from telephony.numbers import e164, is_withheld
from webapp import live, switches
from webapp.accounts.models import Line
from webapp.calls import why
from webapp.calls.events import CallChanged, CallFinished, CallMerged, CallMissed, CustomerReached
from webapp.calls.models import Call, CallNote, CallState, Leg, NumberChoice, Step, StepKind
from webapp.contacts.queries import parties_with_number
from webapp.db import db, now, transaction
from webapp.events import publish
from webapp.timeline.models import Activity

log = structlog.get_logger(__name__)

REQUEST_PATIENCE = timedelta(seconds=60)  # how long a call that we asked for may be unheard of
MERGED_FACTS = ("answered_at", "did", "queue", "party_id", "requested_by_id", "request_key", "disposition_id")
LONGEST_TEXT = 16_000  # characters of a caller's name or number that are kept


def record(event: CallEvent | Resynced, *, switch: str) -> None:
    """Write what `switch` told. Raises only what the database raises."""
    if isinstance(event, Resynced):
        reconcile(event, switch=switch)
        return
    with transaction():
        _record(event, switch)


def reconcile(event: Resynced, *, switch: str) -> None:
    """After a reconnect: what the switch no longer knows ended while nobody looked."""
    for uid in _vanished(event, switch):
        with transaction():
            call = _find(switch, uid)
            if call and not call.is_over:
                _lose(call, event.at)
                changed(call)


def _record(event: CallEvent, switch: str) -> None:
    call = _find(switch, event.uid)
    if call is None:
        call = _begun(event, switch)
        if call is None:
            log.warning("event of an unknown call", switch=switch, uid=event.uid, told=type(event).__name__)
            return
    heard, before = now(), _fingerprint(call)
    if not isinstance(event, CallEnded):
        _revive(call)
        call.linkedid = call.linkedid or event.uid
    _HANDLERS[type(event)](call, event)
    if _fingerprint(call) != before or call.version == 0:
        why.note(call, StepKind.TOLD, why.facts_of(event), said_at=event.at, at=heard)
        changed(call)


def _find(switch: str, uid: str) -> Call | None:
    """With its legs and no more: a phone rings meanwhile, and what pages show beside them is not looked at here."""
    query = sa.select(Call).where(Call.switch == switch, Call.uid == uid).with_for_update(of=Call)
    return db.session.scalar(query.options(lazyload("*"), selectinload(Call.legs).lazyload("*")))


def _begun(event: CallEvent, switch: str) -> Call | None:
    """A new row, when the event knows enough for one."""
    about: Any = event.summary if isinstance(event, CallEnded) else event if isinstance(event, CallStarted) else None
    if about is None:
        return None
    started = (about.started_at or event.at) if isinstance(event, CallEnded) else event.at
    call = Call(switch=switch, uid=event.uid, direction=about.direction, started_at=started, version=0, legs=[])
    call.state = CallState.RINGING
    db.session.add(call)
    return call


def changed(call: Call) -> None:
    """Inside a transaction that has locked the row: everybody who takes part is to look again."""
    call.version += 1
    db.session.flush()
    users = {leg.user_id for leg in call.legs if leg.user_id} | ({call.requested_by_id} - {None})
    versions = live.touch(user for user in users if user)
    why.note(call, StepKind.SENT, {"users": [str(user) for user in versions], "version": call.version})
    publish(
        CallChanged(
            call_id=call.id,
            version=call.version,
            state=call.state.value,
            user_ids=frozenset(versions),
            live_versions=tuple(versions.items()),
        )
    )


def _fingerprint(call: Call) -> tuple[Any, ...]:
    """All that a page shows of a call; an event that leaves it as it was is no news."""
    return (
        *(getattr(call, column.key) for column in sa.inspect(Call).column_attrs if column.key != "version"),
        tuple(
            tuple(getattr(leg, column.key) for column in sa.inspect(Leg).column_attrs)
            for leg in sorted(call.legs, key=lambda leg: leg.uid)
        ),
    )


# what each event does


def _started(call: Call, event: CallStarted) -> None:
    call.linkedid = call.linkedid or event.linkedid
    call.did = call.did or event.did
    _identify(call, event.customer)
    _forward(call, CallState.RINGING)


def _queued(call: Call, event: told.QueueJoined) -> None:
    call.queue = event.queue


def _leg_ringing(call: Call, event: told.LegRinging) -> None:
    if call.is_over:
        return
    leg = _leg(call, event.leg, event.line, event.at)
    leg.channel = event.channel or leg.channel
    leg.queue = leg.queue or event.queue
    call.queue = call.queue or event.queue
    _forward(call, CallState.RINGING)


def _answered(call: Call, event: told.CallAnswered) -> None:
    leg = _leg(call, event.leg, event.line, event.at)
    leg.channel = event.channel or leg.channel
    _connect(call, leg, event.at)
    _forward(call, CallState.ANSWERED)


def _leg_ended(call: Call, event: told.LegEnded) -> None:
    leg = _leg(call, event.leg, event.line, event.at)
    leg.ended_at = leg.ended_at or event.at
    leg.result = LegResult.ANSWERED if leg.answered_at else event.result
    leg.cause = event.cause if leg.cause is None else leg.cause
    if leg.answered_at and not leg.talk_seconds:
        leg.talk_seconds = (leg.ended_at - leg.answered_at).total_seconds()


def _held(call: Call, event: told.CallHeld) -> None:
    _forward(call, CallState.HELD)


def _resumed(call: Call, event: told.CallResumed) -> None:
    if call.state is CallState.HELD:
        _forward(call, CallState.ANSWERED)


def _merged(call: Call, event: told.CallsMerged) -> None:
    other = _find(call.switch, event.merged)
    if other is None or other is call:
        return
    for leg in list(other.legs):
        leg.call = call
    for note in list(other.notes):
        _merge_note(call, note)
    for fact in MERGED_FACTS:
        if getattr(call, fact) is None:
            setattr(call, fact, getattr(other, fact))
    if other.answered_at and call.answered_at:
        call.answered_at = min(call.answered_at, other.answered_at)
    db.session.flush()
    db.session.execute(sa.delete(Activity).where(Activity.subject_id == other.id))
    db.session.execute(sa.update(Step).where(Step.call_id == other.id).values(call_id=call.id))
    publish(CallMerged(call_id=call.id, merged_id=other.id))
    db.session.expire(other)
    db.session.delete(other)
    db.session.flush()


def _merge_note(call: Call, note: CallNote) -> None:
    """One note for each agent: whoever wrote on both wrote on one conversation."""
    own = next((each for each in call.notes if each.user_id == note.user_id), None)
    if own is None:
        note.call = call
    else:
        own.text = "\n".join(filter(None, (own.text, note.text)))


def _ended(call: Call, event: CallEnded) -> None:
    summary = event.summary
    call.linkedid = call.linkedid or summary.linkedid
    call.did = call.did or summary.did
    call.queue = call.queue or summary.queue
    _identify(call, summary.customer)
    for told_leg in summary.legs:
        _complete_leg(call, told_leg)
    if summary.answered_at and not call.answered_at:
        call.answered_at = summary.answered_at
        _reached(call, summary.answered_at)
    at = summary.ended_at or event.at
    if summary.result is Result.LOST and call.is_over:
        return  # a poorer story than the one we have
    call.ended_at = at if call.ended_at is None else min(call.ended_at, at)
    call.result = Result.ANSWERED if call.answered_at else summary.result
    call.hangup_by = summary.hangup_by or call.hangup_by
    call.cause = summary.cause if summary.cause is not None else call.cause
    call.wait_seconds = max(call.wait_seconds or 0.0, summary.wait)
    call.talk_seconds = max(call.talk_seconds or 0.0, summary.talk)
    call.hold_seconds = max(call.hold_seconds or 0.0, summary.hold)
    _close(call)


_HANDLERS: dict[type[CallEvent], Callable[[Call, Any], None]] = {
    CallStarted: _started,
    told.QueueJoined: _queued,
    told.LegRinging: _leg_ringing,
    told.CallAnswered: _answered,
    told.LegEnded: _leg_ended,
    told.CallHeld: _held,
    told.CallResumed: _resumed,
    told.CallsMerged: _merged,
    CallEnded: _ended,
}


# parts that the handlers share


def _revive(call: Call) -> None:
    """We gave a call that we had asked for up, and now the switch speaks of it: it was late, not dead."""
    if call.is_over and call.linkedid is None and call.requested_by_id and call.result is Result.FAILED:
        call.state, call.result, call.ended_at, call.failure = CallState.REQUESTED, None, None, ""


def _forward(call: Call, state: CallState) -> None:
    if call.state is not state and call.may_become(state):
        call.state = state


@dataclass(frozen=True, slots=True)
class _Identity:
    number: str | None
    raw: str
    name: str
    withheld: bool


def _identity(customer: Caller, switch: str) -> _Identity:
    raw = _storable(customer.number)
    withheld = customer.withheld or is_withheld(raw)
    number = None if withheld else e164(raw, switches.region_of(switch))
    # a number whose owner does not want it shown is not kept either
    return _Identity(number, "" if withheld else raw, "" if withheld else _storable(customer.name), withheld)


def _storable(text: str) -> str:
    """Verbatim, but for what no database keeps and for what is longer than any name."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]


def _identify(call: Call, customer: Caller) -> None:
    if call.requested_by_id or (call.number and not customer.withheld):
        return  # we know whom we asked for; and the first telling of a number is the true one
    identity = _identity(customer, call.switch)
    if identity.withheld and call.direction is told.Direction.OUTBOUND:
        return  # not told yet
    call.withheld = identity.withheld
    call.number, call.number_raw, call.name_raw = identity.number, identity.raw, identity.name
    if call.withheld:
        why.forget_caller(call)
    why.note(call, StepKind.NUMBER, asdict(identity) | {"region": switches.region_of(call.switch)})
    if call.withheld:
        call.party_id = None
    elif call.number and call.party_id is None:
        call.party_id = party_for(call.number)
        why.note(call, StepKind.MATCH, _matching(call.number, call.party_id))


def _matching(number: str, chosen: UUID | None) -> dict[str, Any]:
    with db.session.no_autoflush:
        owners = sorted({str(party.id) for party in parties_with_number(number)})
    return {"parties": owners[:20], "of": len(owners), "chosen": str(chosen) if chosen else None}


def party_for(number: str) -> UUID | None:
    """The one who has this number; of several the one chosen last time, else nobody yet."""
    with db.session.no_autoflush:  # a new call is written once, with its party
        parties = {party.id for party in parties_with_number(number)}
    if len(parties) < 2:
        return parties.pop() if parties else None
    choice = db.session.get(NumberChoice, number)
    return choice.party_id if choice and choice.party_id in parties else None


def _leg(call: Call, uid: str, line: str, at: datetime) -> Leg:
    for leg in call.legs:
        if leg.uid == uid:
            return leg
    leg = Leg(uid=uid, line=line, rang_at=at, user_id=_owner(call.switch, line), talk_seconds=0.0)
    call.legs.append(leg)
    why.note(call, StepKind.PHONE, {"line": line, "user": str(leg.user_id) if leg.user_id else None}, said_at=at)
    return leg


def _owner(switch: str, line: str) -> UUID | None:
    return db.session.scalar(sa.select(Line.user_id).where(Line.switch == switch, Line.endpoint == line))


def _connect(call: Call, leg: Leg, at: datetime) -> None:
    leg.answered_at = leg.answered_at or at
    if call.answered_at is None:
        call.answered_at = at
        _reached(call, at)


def _reached(call: Call, at: datetime) -> None:
    db.session.flush()
    publish(CustomerReached(call_id=call.id, switch=call.switch, direction=call.direction, number=call.number, at=at))


def _complete_leg(call: Call, summary: LegSummary) -> None:
    leg = _leg(call, summary.uid, summary.line, summary.rang_at or summary.answered_at or call.started_at)
    if summary.answered_at:
        _connect(call, leg, summary.answered_at)
    leg.channel = leg.channel or summary.channel
    leg.ended_at = leg.ended_at or summary.ended_at
    leg.result = LegResult.ANSWERED if leg.answered_at else (leg.result or summary.result)
    leg.talk_seconds = max(leg.talk_seconds or 0.0, summary.talk)


def _lose(call: Call, at: datetime) -> None:
    call.ended_at = at
    call.result = Result.ANSWERED if call.answered_at else Result.LOST
    if call.answered_at and not call.talk_seconds:
        call.talk_seconds = max(0.0, (at - call.answered_at).total_seconds())
    _close(call)


def _close(call: Call) -> None:
    """The row is over: no leg stays open, and those who wait for the end of calls are told."""
    assert call.ended_at is not None
    for leg in call.legs:
        if leg.ended_at is None:
            leg.ended_at = max(call.ended_at, leg.answered_at or leg.rang_at)
            leg.result = LegResult.ANSWERED if leg.answered_at else (leg.result or LegResult.CANCELLED)
    call.state = CallState.ENDED
    db.session.flush()
    publish(CallFinished(call_id=call.id, at=call.ended_at))
    if call.is_missed:
        publish(CallMissed(call_id=call.id, at=call.ended_at))


def _vanished(event: Resynced, switch: str) -> list[str]:
    calls = db.session.execute(
        sa.select(Call.uid, Call.state, Call.started_at).where(Call.switch == switch, Call.state != CallState.ENDED)
    ).all()
    db.session.rollback()
    return [
        uid
        for uid, state, started_at in calls
        if uid not in event.open_uids
        and started_at <= event.at
        and not (state is CallState.REQUESTED and event.at - started_at < REQUEST_PATIENCE)
    ]
