"""What calls do to the ledger: each inbound call without a conversation is in exactly one entry, and conversations close
entries, whatever the order in which they are told.

A caller's calls and the conversations with them lie on one line of time. A missed call belongs to the entry that ends
with the first conversation after it; what comes after that conversation is another entry. An event that is told late
joins, closes or parts entries until they stand as if it had been told in time. What a person decided (dismissed) stays.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from telephony.events import Direction, HungUpBy, Result
from webapp.calls.models import Call
from webapp.db import db, now
from webapp.tasks import oversight
from webapp.tasks.actions import take_over
from webapp.tasks.lookup import (
    BY_CALLS,
    closed_after,
    first_reached,
    has_call_of,
    is_person,
    key_of,
    one_at_a_time,
    open_entry,
    short_near,
)
from webapp.tasks.models import Callback, CallbackAttempt, CallbackCall, CallbackKind, CallbackState, ClosedAs
from webapp.tasks.people import give
from webapp.tasks.policies import GRACE, REMINDED_BEFORE, policy_for
from webapp.tasks.rows import changed, close, is_being_called, remind, reopen, set_due

# where the customer's side was reached: one of the plan's attempts. Where ours failed, nobody rang at the customer's
THEIR_SIDE = (Result.BUSY, Result.NO_ANSWER, Result.REJECTED, Result.WRONG_NUMBER)


def open_or_join(call: Call) -> None:
    """Nobody talked to this caller: one open entry per number; who calls again joins it and becomes more urgent."""
    assert call.ended_at is not None
    if db.session.get(CallbackCall, call.id):
        return
    one_at_a_time(call.party_id)
    key, reached = key_of(call), first_reached(call.number, call.ended_at)
    entry = closed_after(call, reached) or (None if reached else open_entry(key, call.number, call.party_id))
    if entry is not None:
        _join(entry, call)
    elif entry := short_near(call):
        _reopen_short(entry, call, None if reached else key)
    else:
        entry = _opened(call, None if reached else key)
    db.session.add(CallbackCall(call_id=call.id, callback_id=entry.id))
    if reached and entry.is_open:
        assert reached.answered_at is not None
        close(entry, how(entry, reached.id, reached.direction), at=reached.answered_at, call_id=reached.id)
    give(entry, now())
    changed(entry)


def close_reached(number: str | None, *, call_id: UUID, direction: Direction, at: datetime) -> None:
    """Somebody talked to this caller: whatever was open for it before is done, and what came after is another entry."""
    call = db.session.get(Call, call_id)
    attempt = db.session.get(CallbackAttempt, call_id)
    if attempt is not None:
        _succeeded(attempt)
    for entry in _touched(number, call, attempt, at):
        later = _calls_after(entry, at)
        if not later and entry.last_missed_at <= at:
            close(entry, how(entry, call_id, direction), at=at, call_id=call_id)
        elif later and entry.kind is CallbackKind.MISSED and entry.first_missed_at <= at:
            _part(entry, later, call_id, direction, at)
        else:
            continue
        changed(entry)


def take_back(call_id: UUID, *, direction: Direction, at: datetime) -> None:
    """A call that counted as missed turns out to have been answered: its entry counts one less, or was none."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    db.session.delete(link)
    db.session.flush()
    if calls := calls_of(entry):
        recount(entry, calls)
    elif entry.kind is CallbackKind.MISSED and (entry.is_open or entry.closed_as is ClosedAs.SHORT):
        close(entry, how(entry, call_id, direction), at=at, call_id=call_id)
    changed(entry)


def hide_number(call: Call, told: str | None) -> None:
    """The number that a missed call is entered under is not ours to know: the call gets an entry without one. The number
    of a promise, and one that was typed to be called, came from elsewhere and stay."""
    link = db.session.get(CallbackCall, call.id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    if entry.kind is CallbackKind.TICKET and entry.number and entry.number != told:
        entry.name_raw = ""
        changed(entry)
        return
    db.session.delete(link)
    db.session.flush()
    calls = calls_of(entry)
    if calls or entry.kind is CallbackKind.PROMISE:
        recount(entry, calls)
        if not calls:
            _expect_again(entry)
        open_or_join(call)
    else:
        entry.number, entry.number_raw, entry.name_raw, entry.party_id = None, "", "", None
        entry.open_key = key_of(call) if entry.is_open else None
        db.session.add(CallbackCall(call_id=call.id, callback_id=entry.id))
    changed(entry)


def _expect_again(promise: Callback) -> None:
    """Nobody rang whom it was promised to: it is of its own moment again, unless somebody is on it, or was."""
    if promise.state is not CallbackState.OPEN or promise.attempts or promise.promised_for is None:
        return
    promise.state, promise.retry_at = CallbackState.WAITING, promise.promised_for - REMINDED_BEFORE
    promise.name_raw = ""
    set_due(promise, promise.promised_for + GRACE)


def follow_merge(call_id: UUID, merged_id: UUID) -> None:
    """What was said of a call that is another one now is said of that."""
    call = db.session.get_one(Call, call_id)
    link, attempt = db.session.get(CallbackCall, merged_id), db.session.get(CallbackAttempt, merged_id)
    if link is not None:
        _move_link(call, link)
    if attempt is not None:
        if db.session.get(CallbackAttempt, call_id) is None:
            db.session.add(CallbackAttempt(call_id=call_id, callback_id=attempt.callback_id, by_id=attempt.by_id,
                                           at=attempt.at, failed_at=attempt.failed_at, counts=attempt.counts))  # fmt: skip
        db.session.delete(attempt)
    db.session.execute(
        sa.update(Callback).where(Callback.closed_by_call_id == merged_id).values(closed_by_call_id=call_id)
    )
    db.session.flush()
    if call.answered_at:  # one half was missed, and the other was not
        take_back(call_id, direction=call.direction, at=call.answered_at)


def attempt_over(call: Call) -> None:
    """A call that was made for an entry is over and nobody was talked to: the plan says what comes next."""
    attempt = db.session.get(CallbackAttempt, call.id)
    if attempt is None or attempt.counts or call.answered_at or call.ended_at is None:
        return
    if attempt.failed_at and call.result not in THEIR_SIDE:
        return  # told again, and nothing new
    attempt.failed_at, attempt.counts = call.ended_at, call.result in THEIR_SIDE
    entry = db.session.get_one(Callback, attempt.callback_id, with_for_update={"of": Callback})
    if attempt.counts:
        entry.attempts += 1
        if entry.is_open and not _is_with_another(entry, attempt):
            _wait(entry, call.ended_at)
    changed(entry)


# which entries


def _touched(number: str | None, call: Call | None, attempt: CallbackAttempt | None, at: datetime) -> list[Callback]:
    """Entries that this conversation closes: open ones, and those that a later call or the end of the plan closed."""
    theirs: list[sa.ColumnElement[bool]] = []
    if number:
        theirs += [Callback.number == number, sa.and_(Callback.open_key.is_not(None), has_call_of(number))]
    if call and call.party_id and is_person(call.party_id):
        theirs.append(sa.and_(Callback.open_key.is_not(None), Callback.party_id == call.party_id))
    if attempt is not None:
        theirs.append(Callback.id == attempt.callback_id)
    if not theirs:
        return []
    later = sa.and_(Callback.closed_at > at, Callback.closed_as.in_(BY_CALLS))
    query = sa.select(Callback).where(
        sa.or_(*theirs), Callback.first_missed_at <= at, sa.or_(Callback.open_key.is_not(None), later)
    )
    return list(db.session.scalars(query.order_by(Callback.id).with_for_update(of=Callback)).unique())


# what happens to it


def _join(entry: Callback, call: Call) -> None:
    assert call.ended_at is not None
    if entry.kind is CallbackKind.MISSED and not calls_of(entry):  # whom it was for was talked to after all
        entry.missed, entry.first_missed_at, entry.last_missed_at = 0, call.ended_at, call.ended_at
    entry.missed += 1
    entry.first_missed_at = min(entry.first_missed_at, call.ended_at)
    rang_again = call.ended_at > entry.last_missed_at
    entry.last_missed_at = max(entry.last_missed_at, call.ended_at)
    entry.party_id = entry.party_id or call.party_id
    entry.name_raw = entry.name_raw or call.name_raw
    if not entry.is_open:
        return
    if rang_again:
        at_their_phone(entry)
    due_at = policy_for(entry.queue).due(call.ended_at)
    if due_at < entry.due_at:
        set_due(entry, due_at, at=call.ended_at)


def at_their_phone(entry: Callback) -> None:
    """No next attempt, and no promised moment, is waited for while they call themselves. A kept place is kept."""
    if entry.retry_at is not None and entry.state is CallbackState.WAITING:
        entry.state = CallbackState.OPEN
    entry.retry_at = None


def _opened(call: Call, key: str | None) -> Callback:
    """Under the key, or whoever else's it is if another was faster; without a key it is closed before it is seen."""
    assert call.ended_at is not None
    policy = policy_for(call.queue)
    entry = Callback(
        open_key=key, number=call.number, number_raw=call.number_raw, name_raw=call.name_raw, party_id=call.party_id,
        switch=call.switch, queue=call.queue, did=call.did, kind=CallbackKind.MISSED, state=CallbackState.OPEN, missed=1,
        first_missed_at=call.ended_at, last_missed_at=call.ended_at, due_at=policy.due(call.ended_at), attempts=0,
    )  # fmt: skip
    if _is_short(call):
        close(entry, ClosedAs.SHORT, at=call.ended_at)
    else:
        remind(entry, policy)
    try:
        with db.session.begin_nested():
            db.session.add(entry)
    except IntegrityError:
        other = open_entry(key, None, None)
        if other is None:
            raise
        _join(other, call)
        return other
    return entry


def _is_short(call: Call) -> bool:
    assert call.ended_at is not None
    lasted = (call.ended_at - call.started_at).total_seconds()
    gave_up = call.result is Result.ABANDONED and call.hangup_by is not HungUpBy.SYSTEM  # who pressed a key did not
    return gave_up and policy_for(call.queue).is_short(lasted)


def _reopen_short(entry: Callback, call: Call, key: str | None) -> None:
    """The second call within a day: they do want to be called, within the time that counts from this one."""
    assert call.ended_at is not None
    reopen(entry, key)
    last = max(entry.last_missed_at, call.ended_at)
    _join(entry, call)
    set_due(entry, policy_for(entry.queue).due(last), at=last)
    db.session.flush()


def how(entry: Callback, call_id: UUID, direction: Direction) -> ClosedAs:
    if direction is Direction.INBOUND:
        return ClosedAs.RANG_IN
    attempt = db.session.get(CallbackAttempt, call_id)
    return ClosedAs.CALLED_BACK if attempt and attempt.callback_id == entry.id else ClosedAs.REACHED


def calls_of(entry: Callback) -> list[Call]:
    query = sa.select(Call).join(CallbackCall, CallbackCall.call_id == Call.id)
    return list(db.session.scalars(query.where(CallbackCall.callback_id == entry.id)).unique())


def _calls_after(entry: Callback, at: datetime) -> list[Call]:
    return [call for call in calls_of(entry) if (call.ended_at or call.started_at) > at]


def _part(entry: Callback, later: list[Call], call_id: UUID, direction: Direction, at: datetime) -> None:
    """A conversation between the calls of one entry: those before it were another one, which it closed."""
    keep = {call.id for call in later}
    earlier = [call for call in calls_of(entry) if call.id not in keep]
    if not earlier:
        return
    past = _past(entry, earlier)
    ids = [call.id for call in earlier]
    db.session.execute(sa.update(CallbackCall).where(CallbackCall.call_id.in_(ids)).values(callback_id=past.id))
    if not _close_short(past, earlier):
        close(past, how(past, call_id, direction), at=at, call_id=call_id)
    recount(entry, later)
    _close_short(entry, later)
    db.session.flush()


def _past(entry: Callback, calls: list[Call]) -> Callback:
    missed = [call.ended_at for call in calls if call.ended_at]
    past = Callback(
        number=entry.number, number_raw=entry.number_raw, name_raw=entry.name_raw, party_id=entry.party_id,
        switch=entry.switch, queue=calls[0].queue, did=calls[0].did, kind=CallbackKind.MISSED, state=CallbackState.CLOSED,
        missed=len(calls), first_missed_at=min(missed), last_missed_at=max(missed),
        due_at=policy_for(calls[0].queue).due(min(missed)),
    )  # fmt: skip
    db.session.add(past)
    db.session.flush()
    return past


def _close_short(entry: Callback, calls: list[Call]) -> bool:
    """What is left of an entry may be one short call; nobody is on it yet."""
    alone = len(calls) == 1 and _is_short(calls[0]) and not entry.attempts and entry.claimed_by_id is None
    if alone:
        close(entry, ClosedAs.SHORT, at=entry.last_missed_at)
    return alone


def recount(entry: Callback, calls: list[Call]) -> None:
    missed = [call.ended_at for call in calls if call.ended_at]
    entry.missed = max(1, len(calls)) if entry.kind is CallbackKind.MISSED else len(calls)
    if entry.kind is not CallbackKind.MISSED or not missed:
        return
    entry.first_missed_at, entry.last_missed_at = min(missed), max(missed)
    if entry.is_open and not entry.attempts:
        set_due(entry, policy_for(entry.queue).due(entry.first_missed_at), at=now())


def _succeeded(attempt: CallbackAttempt) -> None:
    """It was told as vain, and was not."""
    if attempt.counts:
        entry = db.session.get_one(Callback, attempt.callback_id, with_for_update={"of": Callback})
        entry.attempts = max(0, entry.attempts - 1)
    attempt.failed_at, attempt.counts = None, False


def _move_link(call: Call, link: CallbackCall) -> None:
    """One conversation counts once: in the entry that has it already, or in the one that somebody asked for."""
    own, source_id = db.session.get(CallbackCall, call.id), link.callback_id
    db.session.delete(link)
    if own is None:
        db.session.add(CallbackCall(call_id=call.id, callback_id=source_id))
        db.session.flush()
        return
    ids = sorted({own.callback_id, source_id})
    entries = {found: db.session.get_one(Callback, found, with_for_update={"of": Callback}) for found in ids}
    into, source = entries[own.callback_id], entries[source_id]
    if into.kind is CallbackKind.MISSED and source.kind is not CallbackKind.MISSED:
        into, source = source, into
        own.callback_id = into.id
    db.session.flush()
    for entry in entries.values():
        recount(entry, calls_of(entry))
    if into is not source and not calls_of(source):
        _go_on_in(source, into)
    for entry in entries.values():
        changed(entry)


def _go_on_in(source: Callback, into: Callback) -> None:
    """Nothing is left of an entry of missed calls. Whoever is on it is on the other one."""
    if source.kind is not CallbackKind.MISSED or not (source.is_open or source.closed_as is ClosedAs.SHORT):
        return
    if into.is_open and into.claimed_by_id is None and source.state is CallbackState.CLAIMED:
        into.state, into.claimed_by_id = CallbackState.CLAIMED, source.claimed_by_id
        into.claimed_at, into.claimed_until = source.claimed_at, source.claimed_until
    source.missed = 0
    take_over(source, into, at=now())
    recount(into, calls_of(into))


def _is_with_another(entry: Callback, attempt: CallbackAttempt) -> bool:
    """Somebody else is on it by now, or is calling them: what comes next is said when they are done."""
    return entry.claimed_by_id not in (None, attempt.by_id) or is_being_called(entry.id)


def _wait(entry: Callback, at: datetime) -> None:
    """Not reached: again after a while, or never when the plan is used up, and then the head hears of it."""
    policy = policy_for(entry.queue)
    retry_at = policy.retry(entry.attempts, at)
    if retry_at is None:
        close(entry, ClosedAs.EXHAUSTED, at=at)
        oversight.tell_exhausted(entry, at)
        return
    entry.claimed_by = entry.claimed_at = entry.claimed_until = None
    entry.state, entry.retry_at = CallbackState.WAITING, retry_at
    set_due(entry, max(entry.due_at, policy.due(retry_at)), policy, at=retry_at)
