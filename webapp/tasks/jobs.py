from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from webapp.db import db, now, transaction
from webapp.events import publish
from webapp.jobs import job
from webapp.tasks.events import CallbacksChanged
from webapp.tasks.models import Callback, CallbackState


@job(every=timedelta(seconds=15))
def notice_overdue() -> None:
    """Lists that stand open on screens learn that a callback is overdue; each is told once."""
    due = db.session.scalars(
        sa.select(Callback.id).where(
            Callback.state != CallbackState.CLOSED, Callback.due_at < now(), Callback.overdue_told_at.is_(None)
        )
    ).all()
    for callback_id in due:
        with transaction():
            db.session.execute(sa.update(Callback).where(Callback.id == callback_id).values(overdue_told_at=now()))
            publish(CallbacksChanged(callback_id=callback_id, at=now()))
