"""What becomes of a call's row when an event is told of it, and when the books tell otherwise. Only `capture` writes with it.

State moves forward only. What is known stays known: an event may fill a gap or add, it never takes an answer away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import lazyload, selectinload

from telephony import events as told
from telephony.events import CallEnded, CallEvent, CallStarted, CallSummary, Direction, LegResult, LegSummary, Result
from webapp.accounts.models import Line
from webapp.calls import doubt, pops, why
from webapp.calls.events import (
    CallbackAsked,
    CallFinished,
    CallMerged,
    CallMissed,
    CallNotInbound,
    CallRetold,
    CustomerNotReached,
    CustomerReached,
    RingAnswered,
    RingUnanswered,
)
from webapp.calls.identity import identify, storable
from webapp.calls.models import Call, CallNote, CallState, Leg, Step, StepKind
from webapp.db import db, now
from webapp.events import publish
from webapp.timeline.models import Activity

MERGED_FACTS = ("answered_at", "did", "queue", "party_id", "requested_by_id", "request_key", "disposition_id")


def find(switch: str, uid: str) -> Call | None:
    """With its legs and no more: a phone rings meanwhile, and what pages show beside them is not looked at here."""
    query = sa.select(Call).where(Call.switch == switch, Call.uid == uid).with_for_update(of=Call)
    return db.session.scalar(query.options(lazyload("*"), selectinload(Call.legs).lazyload("*")))


def account_in(event: CallEvent) -> CallSummary | CallStarted | None:
    """Whose call it is, if the event says so."""
    return event.summary if isinstance(event, CallEnded) else event if isinstance(event, CallStarted) else None


def begun(event: CallEvent, switch: str) -> Call | None:
    """A new row, when the event knows enough for one."""
    about = account_in(event)
    if about is None:
        return None
    started = (about.started_at if isinstance(about, CallSummary) else None) or event.at
    call = Call(switch=switch, uid=event.uid, direction=about.direction, started_at=started, version=0, legs=[])
    call.state = CallState.RINGING
    db.session.add(call)
    return call


def advance(call: Call, event: CallEvent) -> None:
    if not isinstance(event, CallEnded):
        _revive(call)
        call.linkedid = call.linkedid or event.uid
    if event.tainted:
        doubt.doubt(call, event.at)
    _HANDLERS[type(event)](call, event)


# what each event does


def _started(call: Call, event: CallStarted) -> None:
    call.linkedid = call.linkedid or event.linkedid
    call.did = call.did or event.did
    identify(call, event.customer)
    _forward(call, CallState.RINGING)


def _queued(call: Call, event: told.QueueJoined) -> None:
    call.queue = event.queue
    call.queued_at = min(call.queued_at or event.at, event.at)


def _callback_requested(call: Call, event: told.CallbackRequested) -> None:
    call.queue = call.queue or storable(event.queue)[:80]
    db.session.flush()
    publish(
        CallbackAsked(call_id=call.id, queue=storable(event.queue)[:80], number=storable(event.number), at=event.at)
    )


def _leg_ringing(call: Call, event: told.LegRinging) -> None:
    if call.is_over:
        return
    had_rung = {leg.user_id for leg in call.legs}
    leg = _leg(call, event.leg, event.line, event.at)
    if leg.user_id and leg.user_id not in had_rung and call.direction is Direction.INBOUND:
        pops.begin(call, leg, event.at)
    leg.channel = event.channel or leg.channel
    leg.queue = leg.queue or event.queue
    call.queue = call.queue or event.queue
    _forward(call, CallState.RINGING)


def _answered(call: Call, event: told.CallAnswered) -> None:
    leg = _leg(call, event.leg, event.line, event.at)
    leg.channel = event.channel or leg.channel
    _connect(call, leg, event.at)
    _forward(call, CallState.ANSWERED)


def _leg_asked(call: Call, event: told.LegAsked) -> None:
    leg = _leg(call, event.leg, event.line, event.at)
    leg.asked_at = leg.asked_at or event.at


def _leg_ended(call: Call, event: told.LegEnded) -> None:
    leg = _leg(call, event.leg, event.line, event.at)
    is_news = leg.result is None
    _end(leg, event.at)
    leg.result = LegResult.ANSWERED if leg.answered_at else event.result
    leg.cause = event.cause if leg.cause is None else leg.cause
    if leg.answered_at and not leg.talk_seconds:
        leg.talk_seconds = ((leg.ended_at or event.at) - leg.answered_at).total_seconds()
    if is_news and leg.result is LegResult.NO_ANSWER and leg.user_id and call.direction is Direction.INBOUND:
        db.session.flush()
        publish(RingUnanswered(call_id=call.id, user_id=leg.user_id, at=event.at))


def _held(call: Call, event: told.CallHeld) -> None:
    _forward(call, CallState.HELD)


def _resumed(call: Call, event: told.CallResumed) -> None:
    if call.state is CallState.HELD:
        _forward(call, CallState.ANSWERED)


def _merged(call: Call, event: told.CallsMerged) -> None:
    other = find(call.switch, event.merged)
    if other is None or other is call:
        return
    for leg in list(other.legs):
        leg.call = call
    for note in list(other.notes):
        _merge_note(call, note)
    for fact in MERGED_FACTS:
        if getattr(call, fact) is None:
            setattr(call, fact, getattr(other, fact))
    if other.doubtful:
        doubt.doubt(call, event.at)
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


def _forged(call: Call, event: told.LinesForged) -> None:
    """All that there is to do about it is done for whatever is told of such a call."""


def _ended(call: Call, event: CallEnded) -> None:
    summary = event.summary
    call.linkedid = call.linkedid or summary.linkedid
    call.did = call.did or summary.did
    call.queue = call.queue or summary.queue
    identify(call, summary.customer)
    for told_leg in summary.legs:
        _complete_leg(call, told_leg)
    if summary.answered_at and not call.answered_at:
        call.answered_at = summary.answered_at
        _reached(call, summary.answered_at)
    if summary.started_at and not call.requested_by_id:  # whoever dials is rung first, by some telephone systems
        call.started_at = min(call.started_at, summary.started_at)
    at = summary.ended_at or event.at
    if summary.result is Result.LOST and call.is_over:
        return  # a poorer story than the one we have
    call.ended_at = at if call.ended_at is None or call.doubtful else min(call.ended_at, at)
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
    told.CallbackRequested: _callback_requested,
    told.LegRinging: _leg_ringing,
    told.CallAnswered: _answered,
    told.LegAsked: _leg_asked,
    told.LegEnded: _leg_ended,
    told.CallHeld: _held,
    told.CallResumed: _resumed,
    told.CallsMerged: _merged,
    told.LinesForged: _forged,
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
    if leg.answered_at is None and leg.user_id:
        db.session.flush()
        publish(RingAnswered(call_id=call.id, user_id=leg.user_id, at=at))
    leg.answered_at = leg.answered_at or at
    if call.answered_at is None:
        call.answered_at = at
        _reached(call, at)


def trust(call: Call, by: str, at: datetime) -> None:
    doubt.trust(call, by, at)
    if call.answered_at:
        _reached(call, call.answered_at)


def _reached(call: Call, at: datetime) -> None:
    """What a forger may have said closes nobody's callback."""
    if call.doubtful:
        return
    db.session.flush()
    publish(CustomerReached(call_id=call.id, switch=call.switch, direction=call.direction, number=call.number, at=at))


def _complete_leg(call: Call, summary: LegSummary) -> None:
    leg = _leg(call, summary.uid, summary.line, summary.rang_at or summary.answered_at or call.started_at)
    if summary.answered_at:
        _connect(call, leg, summary.answered_at)
    leg.channel = leg.channel or summary.channel
    if summary.ended_at:
        _end(leg, summary.ended_at)
    leg.result = LegResult.ANSWERED if leg.answered_at else (leg.result or summary.result)
    whole = leg.answered_at == summary.answered_at  # hold is known to the summary; it may have missed the beginning
    leg.talk_seconds = summary.talk if whole else max(leg.talk_seconds or 0.0, summary.talk)


def _end(leg: Leg, at: datetime) -> None:
    """Never before it began: what was told late may have been told in disorder."""
    leg.ended_at = leg.ended_at or max(at, leg.answered_at or leg.rang_at)


def lose(call: Call, at: datetime) -> None:
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
            _end(leg, call.ended_at)
            leg.result = LegResult.ANSWERED if leg.answered_at else (leg.result or LegResult.CANCELLED)
    call.state = CallState.ENDED
    db.session.flush()
    publish(CallFinished(call_id=call.id, at=call.ended_at))
    if call.is_missed:
        publish(CallMissed(call_id=call.id, at=call.ended_at))


def correct(call: Call, books: CallSummary) -> None:
    """What was heard was wrong, or only a part: the story is told anew, as the switch wrote it down."""
    was_answered_at, was_inbound = call.answered_at, call.direction is Direction.INBOUND
    call.direction = books.direction
    if was_inbound and call.direction is not Direction.INBOUND:
        publish(CallNotInbound(call_id=call.id))
    call.started_at = call.started_at if call.requested_by_id else books.started_at or call.started_at
    call.failure = ""
    for leg in call.legs:
        if leg.answered_at and leg.line not in books.answered_by:  # nobody talked there
            leg.answered_at, leg.talk_seconds = None, 0.0
            leg.result = LegResult.CANCELLED
    known = {leg.uid: leg for leg in call.legs}
    for told_leg in books.legs:
        if (leg_row := known.get(told_leg.uid)) is not None:
            leg_row.answered_at, leg_row.ended_at = told_leg.answered_at, told_leg.ended_at
            leg_row.result = told_leg.result or leg_row.result
    call.answered_at, call.ended_at = books.answered_at, books.ended_at
    call.result = books.result
    call.hangup_by = books.hangup_by or call.hangup_by
    call.cause = books.cause if books.cause is not None else call.cause
    call.wait_seconds = books.wait
    call.hold_seconds = max(
        call.hold_seconds or 0.0, books.hold
    )  # of the phones' own hold button the books know nothing
    call.talk_seconds = max(0.0, books.talk + books.hold - call.hold_seconds)
    for told_leg in books.legs:
        _complete_leg(call, told_leg)
    if books.answered_at and not was_answered_at:
        _reached(call, books.answered_at)
    elif was_answered_at and not books.answered_at:
        db.session.flush()
        publish(CustomerNotReached(call_id=call.id, at=was_answered_at))
    _close(call)
    publish(CallRetold(call_id=call.id, at=books.ended_at or now()))
