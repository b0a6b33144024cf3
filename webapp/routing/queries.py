from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import AgentStatus, Line, User
from webapp.accounts.presence import disconnected_ids
from webapp.accounts.queries import absent_ids
from webapp.agents.queries import AgentState, states_of
from webapp.calls.models import Call, CallState, Leg
from webapp.db import db
from webapp.routing.decision import Agent, Caller
from webapp.routing.models import AgentSkill, QueueRouting, Ring, WaitingCaller

# a wrap-up that a queue limits holds its agent back by itself; one that nobody limits keeps nobody from the next caller
_FREE = (AgentState.IDLE, AgentState.WRAP_UP)


def ready_agents(switch: str, at: datetime) -> list[Agent]:
    """With a phone there: available, at their page, in no call on any switch, and not being rung."""
    reachable = sa.or_(Line.in_browser.is_(False), Line.gone_at.is_(None))
    lines = sa.select(Line.user_id, sa.func.min(Line.endpoint)).where(Line.switch == switch, reachable)
    line_of: Mapping[UUID, str] = dict(db.session.execute(lines.group_by(Line.user_id)).all())  # type: ignore[arg-type]
    rung = sa.exists().where(Ring.user_id == User.id, Ring.until > at)
    asked = sa.exists().where(Call.requested_by_id == User.id, Call.state == CallState.REQUESTED)
    away = absent_ids(at) | disconnected_ids(at)
    query = sa.select(User).where(
        User.id.in_(line_of),
        User.active,
        User.status == AgentStatus.AVAILABLE,
        sa.or_(User.held_back_until.is_(None), User.held_back_until <= at),
        ~rung,
        ~asked,
    )
    users = [user for user in db.session.scalars(query).unique() if user.id not in away]
    states, skills = states_of(users, at), skills_of([user.id for user in users])
    return [
        Agent(user.id, line_of[user.id], states[user.id].since, skills[user.id])
        for user in users
        if states[user.id].state in _FREE
    ]


def callers(switch: str, at: datetime) -> list[Caller]:
    """Who waits there, and for whom no phone rings at the moment."""
    rung = sa.exists().where(Ring.switch == WaitingCaller.switch, Ring.uid == WaitingCaller.uid, Ring.until > at)
    waiting = db.session.scalars(sa.select(WaitingCaller).where(WaitingCaller.switch == switch, ~rung)).all()
    rules = {rule.queue: rule for rule in db.session.scalars(sa.select(QueueRouting))}
    tried = _rings(switch, [caller.uid for caller in waiting])
    return [
        Caller(
            caller.uid,
            caller.queue,
            caller.since,
            rules[caller.queue].priority if caller.queue in rules else 0,
            rules[caller.queue].needs if caller.queue in rules else {},
            tried[caller.uid],
        )
        for caller in waiting
    ]


def skills_of(user_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, int]]:
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for row in db.session.scalars(sa.select(AgentSkill).where(AgentSkill.user_id.in_(user_ids))):
        found[row.user_id][row.skill] = row.level
    return found


def _rings(switch: str, uids: Sequence[str]) -> Mapping[str, Mapping[UUID, int]]:
    found: dict[str, dict[UUID, int]] = defaultdict(dict)
    query = (
        sa.select(Call.uid, Leg.user_id, sa.func.count())
        .join(Leg, Leg.call_id == Call.id)
        .where(Call.switch == switch, Call.uid.in_(uids), Leg.user_id.is_not(None))
        .group_by(Call.uid, Leg.user_id)
    )
    for uid, user_id, times in db.session.execute(query):
        if user_id is not None:
            found[uid][user_id] = times
    return found
