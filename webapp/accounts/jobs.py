from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp import live
from webapp.accounts import brake
from webapp.accounts.models import User
from webapp.db import db, now, transaction
from webapp.jobs import job


@job(every=timedelta(seconds=5))
def shut_out_gone() -> None:
    """Who was deactivated by a command: without Redis its process cannot reach the sockets that are open in this one."""
    listening = live.listening()
    gone = db.session.scalars(sa.select(User.id).where(User.id.in_(listening), User.active.is_(False))).all()
    db.session.rollback()
    for user_id in gone:
        live.shut_out(user_id)


@job(every=timedelta(hours=1))
def forget_attempts(at: datetime | None = None) -> None:
    with transaction():
        brake.forget(at or now())
