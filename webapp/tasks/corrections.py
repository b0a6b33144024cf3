"""What the switch's books say otherwise than it was told: a conversation that never was closes nothing, and whoever is
called back is called back by the time at which they truly called."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp.calls.models import Call
from webapp.db import db, lock, now
from webapp.errors import Conflict
from webapp.tasks.actions import take_over
from webapp.tasks.ledger import calls_of, close_reached, expect_again, how, open_or_join, recount
from webapp.tasks.lookup import first_reached, key_of, one_at_a_time, open_entry
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, ClosedAs
from webapp.tasks.policies import GRACE, policy_for
from webapp.tasks.rows import changed, reopen, set_due

BY_A_CALL = (ClosedAs.REACHED, ClosedAs.CALLED_BACK, ClosedAs.RANG_IN)


def undo_conversation(call_id: UUID) -> None:
    """What this call closed is open again, unless somebody talked to the caller in another one, or another entry of the
    same caller is open by now."""
    for entry in _closed_by(call_id):
        _open_again(entry)
        changed(entry)


def move_conversation(call_id: UUID) -> None:
    """Somebody talked to the caller at another moment than was told. Whoever called after it was not talked to by it."""
    call = db.session.get_one(Call, call_id)
    if call.answered_at is None:
        return
    for entry in _closed_by(call_id):
        entry.closed_at = call.answered_at
        missed = calls_of(entry)
        later = [each for each in missed if each.ended_at and each.ended_at > call.answered_at]
        if later and len(later) == len(missed):
            _open_again(entry)
        elif later:
            _enter_anew(entry, later)
        changed(entry)
    close_reached(call.number, call_id=call_id, direction=call.direction, at=call.answered_at)


def move_in_time(call_id: UUID) -> None:
    """The entry of a missed call whose end turned out to be another."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    recount(entry, calls_of(entry))
    changed(entry)


def leave_out(call_id: UUID) -> None:
    """It was no call to us: nobody has to call back for it. An entry that stood for it alone never was, unless a person
    said what is to become of it."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    entry = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    db.session.delete(link)
    db.session.flush()
    calls = calls_of(entry)
    changed(entry)
    if calls or entry.kind is not CallbackKind.MISSED:
        recount(entry, calls)
    elif entry.closed_as is not ClosedAs.DISMISSED:
        _remove(entry)


def undo_dismissal(entry: Callback) -> None:
    """They are to be called after all: it stands as if nobody had dismissed it. Raises Conflict."""
    lock(entry)
    if entry.closed_as is not ClosedAs.DISMISSED:
        raise Conflict(_("Only what was dismissed can be taken up again."))
    entry.reason, entry.closed_by_id = "", None
    _open_again(entry)
    changed(entry)


def _remove(entry: Callback) -> None:
    """With those that went on in it."""
    for merged in db.session.scalars(sa.select(Callback).where(Callback.merged_into_id == entry.id)).unique().all():
        _remove(merged)
    db.session.flush()
    db.session.delete(entry)
    db.session.flush()


def _closed_by(call_id: UUID) -> list[Callback]:
    closed = sa.select(Callback).where(Callback.closed_by_call_id == call_id, Callback.closed_as.in_(BY_A_CALL))
    return list(db.session.scalars(closed.with_for_update(of=Callback)).unique())


def _open_again(entry: Callback) -> None:
    other, key = first_reached(entry.number, entry.last_missed_at), _key(entry)
    if other is not None:
        entry.closed_as = how(entry, other.id, other.direction)
        entry.closed_by_call_id, entry.closed_at = other.id, other.answered_at
        return
    one_at_a_time(entry.party_id)
    due_at = _due(entry)
    if (same := open_entry(key, entry.number, entry.party_id)) is not None:
        take_over(entry, same, at=now())
        set_due(same, min(same.due_at, due_at), at=now())
        changed(same)
    else:
        reopen(entry, key)
        entry.claimed_by_id = entry.claimed_at = entry.claimed_until = None
        set_due(entry, due_at, at=now())
        if not _rang_since(entry):
            expect_again(entry)


def _due(entry: Callback) -> datetime:
    """A promise is due at its moment, and sooner only for who has rung since it was given."""
    policy = policy_for(entry.queue)
    if entry.promised_for is None:
        return policy.due(entry.first_missed_at)
    return min([entry.promised_for + GRACE, *map(policy.due, _rang_since(entry))])


def _rang_since(entry: Callback) -> list[datetime]:
    """Since it was opened: what a promise took over from before is done with it."""
    return [call.ended_at for call in calls_of(entry) if call.ended_at and call.ended_at > entry.first_missed_at]


def _enter_anew(entry: Callback, calls: list[Call]) -> None:
    """As if these were told only now."""
    db.session.execute(sa.delete(CallbackCall).where(CallbackCall.call_id.in_([call.id for call in calls])))
    recount(entry, calls_of(entry))
    for call in sorted(calls, key=lambda call: call.started_at):
        open_or_join(call)


def _key(entry: Callback) -> str:
    """As it would have if it had never been closed."""
    if entry.number:
        return f"tel:{entry.number}"
    first: Call | None = min(calls_of(entry), key=lambda call: call.started_at, default=None)
    return key_of(first) if first else f"entry:{entry.id}"
