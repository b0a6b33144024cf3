from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from webapp.accounts.models import Absence, AgentStatus, Team, User
from webapp.accounts.permissions import Permission
from webapp.accounts.presence import disconnected_ids
from webapp.db import db, now


def by_username(username: str) -> User | None:
    return db.session.scalar(sa.select(User).where(User.username == username.strip().lower()))


def users_who_may(permission: Permission) -> list[UUID]:
    return [user.id for user in people_who_may(permission)]


def people_who_may(permission: Permission) -> list[User]:
    users = db.session.scalars(
        sa.select(User).where(User.active).order_by(User.username).options(joinedload(User.team))
    )
    return [user for user in users.unique() if user.has_permission(permission.value)]


def absent_ids(at: datetime | None = None) -> frozenset[UUID]:
    at = at or now()
    return frozenset(
        db.session.scalars(sa.select(Absence.user_id).where(Absence.begins_at <= at, Absence.ends_at > at))
    )


def absence_of(user: User, at: datetime | None = None) -> Absence | None:
    """The one that lasts longest, if there is one now."""
    at = at or now()
    query = sa.select(Absence).where(Absence.user_id == user.id, Absence.begins_at <= at, Absence.ends_at > at)
    return db.session.scalar(query.order_by(Absence.ends_at.desc()).limit(1))


def present(users: Iterable[User], at: datetime | None = None) -> list[User]:
    """Who of them is here: employed, not away, logged in, and with a page open."""
    away = unreachable_ids(at)
    return [user for user in users if is_here(user, away)]


def unreachable_ids(at: datetime | None = None) -> frozenset[UUID]:
    """Who is away, and who is logged in without a page that shows anything."""
    return absent_ids(at) | disconnected_ids(at)


def is_here(user: User, unreachable: frozenset[UUID]) -> bool:
    return user.active and user.id not in unreachable and user.status is not AgentStatus.LOGGED_OUT


def heads_of(team_ids: Iterable[UUID]) -> list[User]:
    """The heads of these teams, each once."""
    teams = db.session.scalars(sa.select(Team).where(Team.id.in_(list(team_ids))).order_by(Team.name)).unique()
    return list(dict.fromkeys(team.head for team in teams if team.head and team.head.active))


def all_heads() -> list[User]:
    return heads_of(db.session.scalars(sa.select(Team.id)).all())
