"""What is kept true without anybody asking: switches in step with the screen, who is connected, and who is not any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog

from webapp import live
from webapp.accounts import brake, presence
from webapp.accounts.actions import in_step, release
from webapp.accounts.models import Line, User
from webapp.db import db, now, transaction
from webapp.errors import Unavailable
from webapp.jobs import job

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=3)  # the page that changes it tells the switch itself


@job(every=timedelta(seconds=5))
def keep_in_step(user_id: str = "", at: datetime | None = None) -> None:
    """Whatever was declared and no switch has taken yet: it was away, or somebody logged in, or a rule spoke."""
    behind = sa.or_(Line.told_at.is_(None), Line.told_at < User.status_since)
    query = sa.select(User.id).join(Line).where(behind).distinct()
    if user_id:
        query = query.where(User.id == UUID(user_id))
    else:  # who never declared anything has nothing to be in step with
        declared = sa.or_(User.logged_in_at.is_not(None), Line.told_at.is_not(None))
        query = query.where(declared, User.status_since < (at or now()) - GRACE)
    ids = db.session.scalars(query).all()
    db.session.rollback()
    for each in ids:
        try:
            in_step(db.session.get_one(User, each))
        except Unavailable as error:
            log.warning("a switch does not follow", user=str(each), problem=error.message)


@job(every=timedelta(seconds=5))
def release_reserved(at: datetime | None = None) -> None:
    """Of what they were reserved for nothing was heard."""
    ids = db.session.scalars(sa.select(User.id).where(User.reserved_until <= (at or now()))).all()
    db.session.rollback()
    for each in ids:
        with transaction():
            release(db.session.get_one(User, each))


@job(every=timedelta(seconds=10))
def find_disconnected(at: datetime | None = None) -> None:
    with transaction():
        presence.expire(at or now())


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
