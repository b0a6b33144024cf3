from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import User
from webapp.db import db
from webapp.errors import NotFound
from webapp.notices.models import Notice
from webapp.paging import Page, newest_first


def how_many_unread(user: User) -> int:
    query = sa.select(sa.func.count()).select_from(Notice).where(Notice.user_id == user.id, Notice.read_at.is_(None))
    return db.session.scalar(query) or 0


def unread(user: User, *, size: int) -> list[Notice]:
    query = sa.select(Notice).where(Notice.user_id == user.id, Notice.read_at.is_(None))
    return list(db.session.scalars(query.order_by(Notice.at.desc(), Notice.id.desc()).limit(size)))


def of_user(user: User, after: str | None = None) -> Page[Notice]:
    return newest_first(sa.select(Notice).where(Notice.user_id == user.id), Notice.at, Notice.id, after=after)


def own(user: User, notice_id: UUID) -> Notice:
    """Raises `NotFound`, also for another's."""
    found = db.session.get(Notice, notice_id)
    if found is None or found.user_id != user.id:
        raise NotFound()
    return found
