"""What the switch's books say otherwise than it was told: a conversation that never was closes nothing, and whoever is
called back is called back by the time at which they truly called."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from webapp.calls.models import Call
from webapp.db import db, now
from webapp.tasks.ledger import calls_of, first_reached, key_of, recount
from webapp.tasks.models import Callback, CallbackCall, ClosedAs
from webapp.tasks.policies import policy_for
from webapp.tasks.rows import changed, reopen, set_due

BY_A_CALL = (ClosedAs.REACHED, ClosedAs.CALLED_BACK, ClosedAs.RANG_IN)


def undo_conversation(call_id: UUID) -> None:
    """What this call closed is open again, unless somebody talked to the caller in another one, or another entry of the
    same caller is open by now."""
    closed = sa.select(Callback).where(Callback.closed_by_call_id == call_id, Callback.closed_as.in_(BY_A_CALL))
    for entry in db.session.scalars(closed.with_for_update(of=Callback)).unique().all():
        other, key = first_reached(entry.number, entry.last_missed_at), _key(entry)
        if other is not None:
            entry.closed_by_call_id, entry.closed_at = other.id, other.answered_at
        elif (same := db.session.scalar(sa.select(Callback).where(Callback.open_key == key))) is not None:
            entry.closed_as, entry.merged_into_id, entry.closed_by_call_id = ClosedAs.MERGED, same.id, None
        else:
            reopen(entry, key)
            entry.claimed_by_id = entry.claimed_at = entry.claimed_until = None
            set_due(entry, policy_for(entry.queue).due(entry.first_missed_at), at=now())
        changed(entry)


def move_in_time(call_id: UUID) -> None:
    """The entry of a missed call whose end turned out to be another."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    recount(entry, calls_of(entry))
    changed(entry)


def _key(entry: Callback) -> str:
    """As it would have if it had never been closed."""
    if entry.number:
        return f"tel:{entry.number}"
    first: Call | None = min(calls_of(entry), key=lambda call: call.started_at, default=None)
    return key_of(first) if first else f"entry:{entry.id}"
