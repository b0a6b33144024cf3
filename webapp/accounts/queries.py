from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from webapp.accounts.models import Absence, AgentStatus, Line, Team, User
from webapp.accounts.permissions import Permission
from webapp.accounts.presence import disconnected_ids
from webapp.db import db, now
from webapp.errors import NotFound


def by_username(username: str) -> User | None:
    return db.session.scalar(sa.select(User).where(User.username == username.strip().lower()))


def employees() -> list[User]:
    """Who works here, by name."""
    return list(db.session.scalars(sa.select(User).where(User.active).order_by(User.name, User.username)))


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


def absence_between(user: User, begins_at: datetime, ends_at: datetime) -> Absence | None:
    """One that lies, at least in part, within this time."""
    query = sa.select(Absence).where(
        Absence.user_id == user.id, Absence.begins_at < ends_at, Absence.ends_at > begins_at
    )
    return db.session.scalar(query.order_by(Absence.begins_at).limit(1))


def absences(reader: User, at: datetime | None = None) -> list[Absence]:
    """Those that last or are to come, as far as the reader may see them: why a colleague is ill is not for everybody."""
    query = sa.select(Absence).where(Absence.ends_at > (at or now()), _seen_by(reader))
    return list(db.session.scalars(query.order_by(Absence.begins_at, Absence.id).options(joinedload(Absence.user))))


def absence_for(reader: User, absence_id: UUID) -> Absence:
    """Raises NotFound, also for one that the reader may not see."""
    found = db.session.scalar(sa.select(Absence).where(Absence.id == absence_id, _seen_by(reader)))
    if found is None:
        raise NotFound()
    return found


def _seen_by(reader: User) -> sa.ColumnElement[bool]:
    return sa.true() if reader.has_permission(Permission.ABSENCE_MANAGE.value) else Absence.user_id == reader.id


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


def ids_with_phones(switch: str) -> Sequence[UUID]:
    """Who is logged in and has a phone there."""
    query = sa.select(Line.user_id).join(User).where(Line.switch == switch, User.status != AgentStatus.LOGGED_OUT)
    return db.session.scalars(query.distinct()).all()
