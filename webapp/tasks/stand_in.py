from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import User
from webapp.db import db, lock, now
from webapp.tasks import actions
from webapp.tasks.models import Callback, CallbackKind, CallbackState


def assign(callback: Callback, to: User, by: User) -> None:
    lock(callback)
    actions._refuse_closed(callback)
    callback.assigned_to_id, callback.assigned_by = to.id, "person"
    actions._changed(callback)


def unassign(callback: Callback, by: User) -> None:
    lock(callback)
    actions._refuse_closed(callback)
    callback.assigned_to_id, callback.assigned_by = None, ""
    callback.state, callback.claimed_by_id, callback.claimed_at = CallbackState.OPEN, None, None
    actions._changed(callback)


def promise(
    number: str,
    *,
    at: datetime,
    zone: str,
    by: User,
    to: User | None,
    note: str,
    party_id: UUID | None,
    queue: str | None,
) -> Callback:
    callback = db.session.scalar(sa.select(Callback).where(Callback.open_key == f"tel:{number}"))
    if callback is None:
        callback = Callback(
            open_key=f"tel:{number}",
            number=number,
            number_raw=number,
            party_id=party_id,
            switch="main",
            queue=queue,
            state=CallbackState.OPEN,
            missed=0,
            first_missed_at=now(),
            last_missed_at=now(),
            due_at=at,
        )
        db.session.add(callback)
    callback.kind, callback.due_at = CallbackKind.PROMISE, at
    callback.promised_for, callback.promised_zone, callback.promised_by_id = at, zone, by.id
    callback.assigned_to_id, callback.note = to.id if to else None, note
    actions._changed(callback)
    return callback
