from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, lazyload

from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.db import db


def by_username(username: str) -> User | None:
    return db.session.scalar(sa.select(User).where(User.username == username.strip().lower()))


def users_who_may(permission: Permission) -> list[UUID]:
    users = db.session.scalars(sa.select(User).where(User.active)).unique()
    return [user.id for user in users if user.has_permission(permission.value)]


def people_who_may(permission: Permission) -> list[User]:
    """By name, with their teams."""
    users = db.session.scalars(sa.select(User).where(User.active).options(joinedload(User.team), lazyload(User.lines)))
    return sorted(
        (user for user in users.unique() if user.has_permission(permission.value)), key=lambda user: user.name
    )
