"""The only writer of what switches report: one event, one transaction, and telling it twice changes nothing.

State moves forward only. What is known stays known: an event may fill a gap or add, it never takes an answer away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import lazyload, selectinload

from telephony import events as told
from telephony.events import (
    CallEnded,
    Caller,
    CallEvent,
    CallStarted,
    CallSummary,
    LegResult,
    LegSummary,
    Result,
    Resynced,
)
from webapp import live
from webapp.accounts.models import Line
from webapp.calls import doubt, why
from webapp.calls.disagreement import Story, changes, disagree, story_of
from webapp.calls.events import (
    CallbackAsked,
    CallChanged,
    CallFinished,
    CallMerged,
    CallMissed,
    CallRetold,
    CustomerNotReached,
    CustomerReached,
    RingAnswered,
    RingUnanswered,
)
from webapp.calls.identity import identify, storable
from webapp.calls.models import Call, CallNote, CallState, Leg, Step, StepKind
from webapp.db import db, now, transaction
from webapp.events import publish
from webapp.timeline.models import Activity

log = structlog.get_logger(__name__)

REQUEST_PATIENCE = timedelta(seconds=60)  # how long a call that we asked for may be unheard of
MERGED_FACTS = ("answered_at", "did", "queue", "party_id", "requested_by_id", "request_key", "disposition_id")


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
    for uid in doubt.looked_at_again(event, switch):
        with transaction():
            call = _find(switch, uid)
            if call and not call.booked_at:
                _look_again(call, event)


def _look_again(call: Call, event: Resynced) -> None:
    """What the list of channels says of a call that is doubtful, or over."""
    before = _fingerprint(call)
    if call.is_over and call.uid in event.open_uids and call.ended_at and call.ended_at < event.at:
        doubt.reopen(call, event.at)
    elif call.doubtful and _confirms(event, call):
        _trust(call, "list", event.at)
    if _fingerprint(call) != before:
        changed(call)


def _confirms(event: Resynced, call: Call) -> bool:
    """The customer is in one bridge with somebody; or is gone, and nobody says that they were."""
    if call.answered_at:
        return call.uid in event.talking_uids
    return call.is_over and call.uid not in event.open_uids


@dataclass(frozen=True, slots=True)
class Settled:
    """What the books changed of a call: a new one (`before` is None), or one that was told otherwise."""

    call_id: UUID
    was_open: bool
    before: Story | None
    after: Story


def settle(summary: CallSummary, *, switch: str) -> Settled | None:
    """What the switch itself wrote down of a call that is over wins over what was heard of it. None: no difference.

    Inside the caller's transaction; `summary.ended_at` must be known.
    """
    assert summary.ended_at is not None
    event = CallEnded(uid=summary.uid, at=summary.ended_at, summary=summary)
    call = _find(switch, summary.uid)
    if call is not None:  # only one of them may know: of a call that rang when we came, the switch does not tell it
        _hide_if_withheld(call, event)
    if call is not None and call.withheld:
        summary = replace(summary, customer=Caller("", withheld=True))
    before = story_of(call) if call else None
    was_open = call is not None and not call.is_over
    if call is not None and call.is_over and not disagree(call, summary):
        call.booked_at = call.booked_at or now()
        if call.doubtful:
            _trust(call, "books", event.at)
            changed(call)
        return None
    if call is None or was_open:
        _record(replace(event, summary=summary), switch, by_books=True)
        call = _find(switch, summary.uid)
        assert call is not None
    if disagree(call, summary):
        _correct(call, summary)
        changed(call)
    call.booked_at = call.booked_at or now()
    if call.doubtful:
        _trust(call, "books", event.at)
        changed(call)
    if before is None:
        return Settled(call.id, False, None, story_of(call))
    old, new = changes(before, story_of(call))
    return Settled(call.id, was_open, old, new) if new or was_open else None


def _record(event: CallEvent, switch: str, *, by_books: bool = False) -> None:
    call = _find(switch, event.uid)
    if call is None:
        call = _begun(event, switch)
        if call is None:
            log.warning("event of an unknown call", switch=switch, uid=event.uid, told=type(event).__name__)
            return
    heard, before = now(), _fingerprint(call)
    if call.booked_at and not by_books and not isinstance(event, told.CallsMerged):
        _hide_if_withheld(call, event)
        return
    if not isinstance(event, CallEnded):
        _revive(call)
        call.linkedid = call.linkedid or event.uid
    if event.tainted:
        doubt.doubt(call, event.at)
    _HANDLERS[type(event)](call, event)
    if _fingerprint(call) != before or call.version == 0:
        why.note(call, StepKind.TOLD, why.facts_of(event, by_books=by_books), said_at=event.at, at=heard)
        changed(call)


def _hide_if_withheld(call: Call, event: CallEvent) -> None:
    """The one thing that may be told late; all else that comes late, or from a forger, has no word any more."""
    about: Any = event.summary if isinstance(event, CallEnded) else event if isinstance(event, CallStarted) else None
    if about is not None and about.customer.withheld and not call.withheld:
        identify(call, about.customer)
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
    is_news = leg.result is None
    leg.ended_at = leg.ended_at or event.at
    leg.result = LegResult.ANSWERED if leg.answered_at else event.result
    leg.cause = event.cause if leg.cause is None else leg.cause
    if leg.answered_at and not leg.talk_seconds:
        leg.talk_seconds = (leg.ended_at - leg.answered_at).total_seconds()
    if is_news and leg.result is LegResult.NO_ANSWER and leg.user_id and call.direction is told.Direction.INBOUND:
        db.session.flush()
        publish(RingUnanswered(call_id=call.id, user_id=leg.user_id, at=event.at))


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


def _trust(call: Call, by: str, at: datetime) -> None:
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
    leg.ended_at = leg.ended_at or summary.ended_at
    leg.result = LegResult.ANSWERED if leg.answered_at else (leg.result or summary.result)
    whole = leg.answered_at == summary.answered_at  # hold is known to the summary; it may have missed the beginning
    leg.talk_seconds = summary.talk if whole else max(leg.talk_seconds or 0.0, summary.talk)


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


def _correct(call: Call, books: CallSummary) -> None:
    """What was heard was wrong, or only a part: the story is told anew, as the switch wrote it down."""
    was_answered_at = call.answered_at
    call.direction = books.direction
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
