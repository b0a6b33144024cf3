"""What a corrected story does to the ledger's entries: a conversation that never was closes nothing, and who is called
back is called back by the time at which they truly called."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from webapp.calls.models import Call
from webapp.db import db, now
from webapp.events import publish
from webapp.tasks.events import CallbacksChanged
from webapp.tasks.models import Callback, CallbackCall, CallbackState, ClosedAs

BY_A_CALL = (ClosedAs.REACHED, ClosedAs.CALLED_BACK, ClosedAs.RANG_IN)


def undo_conversation(call_id: UUID) -> None:
    """What this call closed is open again, unless somebody talked to the caller in another one, or another entry of the
    same caller is open by now."""
    closed = sa.select(Callback).where(Callback.closed_by_call_id == call_id, Callback.closed_as.in_(BY_A_CALL))
    for entry in db.session.scalars(closed.with_for_update(of=Callback)).unique().all():
        if (other := _talked_later(entry, call_id)) is not None:
            entry.closed_by_call_id, entry.closed_at = other.id, other.answered_at
        elif (same := _open(_key(entry))) is not None:
            entry.closed_as, entry.merged_into_id, entry.closed_by_call_id = ClosedAs.MERGED, same.id, None
        else:
            entry.state, entry.open_key = CallbackState.OPEN, _key(entry)
            entry.closed_as = entry.closed_at = entry.closed_by_call_id = entry.claimed_by_id = entry.claimed_at = None
        _changed(entry)


def move_in_time(call_id: UUID) -> None:
    """The entry of a missed call whose end turned out to be another."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    ends = sa.select(Call.ended_at).join(CallbackCall, CallbackCall.call_id == Call.id)
    missed = [end for end in db.session.scalars(ends.where(CallbackCall.callback_id == entry.id)) if end]
    if not missed or (min(missed), max(missed)) == (entry.first_missed_at, entry.last_missed_at):
        return
    entry.due_at += min(missed) - entry.first_missed_at
    entry.first_missed_at, entry.last_missed_at = min(missed), max(missed)
    _changed(entry)


def _talked_later(entry: Callback, call_id: UUID) -> Call | None:
    if entry.number is None:
        return None
    query = sa.select(Call).where(
        Call.number == entry.number, Call.answered_at > entry.last_missed_at, Call.id != call_id
    )
    return db.session.scalar(query.order_by(Call.answered_at).limit(1))


def _open(key: str | None) -> Callback | None:
    return db.session.scalar(sa.select(Callback).where(Callback.open_key == key)) if key else None


def _key(entry: Callback) -> str:
    """As entries have it that were never closed."""
    if entry.number:
        return f"tel:{entry.number}"
    return f"raw:{entry.number_raw}"[:180] if entry.number_raw else f"entry:{entry.id}"


def _changed(entry: Callback) -> None:
    db.session.flush()
    publish(CallbacksChanged(callback_id=entry.id, at=now()))
