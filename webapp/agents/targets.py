"""What an agent is to reach in a day: what was set for them, else for their team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from telephony.events import Direction
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import people_who_may
from webapp.agents.models import Measure, Target
from webapp.calls.models import Call, Leg
from webapp.db import db
from webapp.errors import Invalid

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Progress:
    measure: Measure
    done: int
    target: int | None

    @property
    def percent(self) -> int:
        """Of the target, at most all of it."""
        return min(100, self.done * 100 // self.target) if self.target else 0

    @property
    def reached(self) -> bool:
        return self.target is not None and self.done >= self.target


@dataclass(frozen=True, slots=True)
class Scope:
    """A team or a person for whom a target can be set. `key` names its fields in a form."""

    key: str
    name: str
    team: str  # of a person
    own: dict[Measure, int]
    inherited: dict[Measure, int]


def targets_of(user: User) -> dict[Measure, int]:
    rows = db.session.scalars(
        sa.select(Target).where(sa.or_(Target.user_id == user.id, Target.team_id == user.team_id))
    ).all()
    of_team = {row.measure: row.amount for row in rows if row.team_id and row.team_id == user.team_id}
    return of_team | {row.measure: row.amount for row in rows if row.user_id == user.id}


def done_by(user: User, since: datetime) -> dict[Measure, int]:
    """From calls, each time it is asked. What closes callbacks is told by who knows of them."""
    own = sa.select(Leg).where(Leg.user_id == user.id, Leg.rang_at >= since, Leg.answered_at.is_not(None)).subquery()
    talked, seconds = db.session.execute(
        sa.select(sa.func.count(sa.distinct(own.c.call_id)), sa.func.sum(own.c.talk_seconds))
        .join(Call, Call.id == own.c.call_id)
        .where(Call.answered_at.is_not(None))
    ).one()
    placed = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Call)
        .where(Call.requested_by_id == user.id, Call.direction == Direction.OUTBOUND, Call.started_at >= since)
    )
    return {
        Measure.CONVERSATIONS: talked or 0,
        Measure.CALLS_PLACED: placed or 0,
        Measure.TALK_MINUTES: int((seconds or 0.0) // 60),
    }


def progress(done: Mapping[Measure, int], targets: Mapping[Measure, int]) -> list[Progress]:
    return [Progress(measure, done.get(measure, 0), targets.get(measure)) for measure in Measure]


def scopes(reader: User) -> list[Scope]:
    """The teams, and the people who take calls, for whom this user may set targets: their own team, those that they
    head; an administrator all."""
    rows = db.session.scalars(sa.select(Target)).all()
    of_team: dict[UUID, dict[Measure, int]] = {}
    of_user: dict[UUID, dict[Measure, int]] = {}
    for row in rows:
        if row.team_id:
            of_team.setdefault(row.team_id, {})[row.measure] = row.amount
        elif row.user_id:
            of_user.setdefault(row.user_id, {})[row.measure] = row.amount
    everybody = reader.has_permission(Permission.USER_MANAGE.value)
    found = []
    for team in db.session.scalars(sa.select(Team).order_by(Team.name)):
        if everybody or team.id == reader.team_id or team.head_id == reader.id:
            found.append(Scope(f"team-{team.id}", team.name, "", of_team.get(team.id, {}), {}))
            members = (user for user in people_who_may(Permission.CALL_TAKE) if user.team_id == team.id and user.lines)
            for user in sorted(members, key=lambda user: user.name.casefold()):
                own, inherited = of_user.get(user.id, {}), of_team.get(team.id, {})
                found.append(Scope(f"user-{user.id}", user.name, team.name, own, inherited))
    return found


def save(reader: User, typed: Mapping[str, str]) -> None:
    """Of the fields that were sent; an empty one sets nothing. Raises Invalid, by field; nobody else's are touched."""
    allowed, problems = {scope.key for scope in scopes(reader)}, {}
    wanted: dict[tuple[str, UUID, Measure], int | None] = {}
    for name, text in typed.items():
        key, _dash, measure = name.rpartition("-")
        if key not in allowed or measure not in set(Measure):
            continue
        kind, _dash, owner = key.partition("-")
        text = text.strip()
        if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
            problems[name] = _("A whole number from %(least)s to %(most)s.", least=1, most=MOST)
        else:
            wanted[kind, UUID(owner), Measure(measure)] = int(text) if text else None
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    for (kind, owner_id, measure), amount in wanted.items():
        of = Target.team_id if kind == "team" else Target.user_id
        db.session.execute(sa.delete(Target).where(of == owner_id, Target.measure == measure))
        if amount is not None:
            target = Target(measure=measure, amount=amount)
            if kind == "team":
                target.team_id = owner_id
            else:
                target.user_id = owner_id
            db.session.add(target)
    db.session.flush()
