"""What is observed of agents. It is derived from calls each time, so it cannot be stale, and nobody has to reset it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from telephony.events import Direction, LegResult
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState, Leg, Step, StepKind
from webapp.calls.queries import SHOWN_FOR, asked_for, wraps_up
from webapp.db import db, now


class AgentState(StrEnum):
    """What an agent's phones do; what the agent declares is a *status*, and another thing."""

    IDLE = "idle"
    CALLING = "calling"  # nothing yet: a customer whom they call is rung before they are
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"
    WRAP_UP = "wrap_up"


_RANK = {
    AgentState.TALKING: 0,
    AgentState.ON_HOLD: 1,
    AgentState.RINGING: 2,
    AgentState.CALLING: 3,
    AgentState.WRAP_UP: 4,
}


@dataclass(frozen=True, slots=True)
class Observed:
    state: AgentState
    since: datetime


def state_of(user: User, at: datetime | None = None) -> Observed:
    return states_of([user], at)[user.id]


def states_of(users: Sequence[User], at: datetime | None = None) -> dict[UUID, Observed]:
    """In a few questions, however many they are. Of several calls the one that asks most of the agent counts."""
    at = at or now()
    found: dict[UUID, list[Observed]] = {user.id: [] for user in users}
    came = {user.id: user.logged_in_at for user in users}
    rows = db.session.execute(_living(list(found), at)).all()
    held = held_since([call_id for call_id, state, *_ in rows if state is CallState.HELD])
    for call_id, state, started_at, user_id, rang_at, answered_at, asked_at, ended_at in rows:
        logged_in = came[user_id]
        if rang_at is None:
            found[user_id].append(Observed(AgentState.CALLING, started_at))
        elif ended_at:
            if logged_in is None or ended_at > logged_in:  # before, a phone was answered, not a screen
                found[user_id].append(Observed(AgentState.WRAP_UP, ended_at))
        elif answered_at is None:
            asked = Observed(AgentState.TALKING, asked_at) if asked_at else None
            found[user_id].append(asked or Observed(AgentState.RINGING, rang_at))
        elif state is CallState.HELD:
            found[user_id].append(Observed(AgentState.ON_HOLD, held.get(call_id, answered_at)))
        else:
            found[user_id].append(Observed(AgentState.TALKING, answered_at))
    idle = _idle_since([user_id for user_id, observed in found.items() if not observed], at)
    since = {user.id: max(user.status_since, idle.get(user.id, user.status_since)) for user in users}
    return {
        user_id: min(observed, key=lambda each: _RANK[each.state])
        if observed
        else Observed(AgentState.IDLE, since[user_id])
        for user_id, observed in found.items()
    }


def unanswered_in_a_row(user: User) -> int:
    """How often their phone rang in vain since they were there for certain. Two phones that ring at once are one ring."""
    answered = sa.select(sa.func.max(Leg.rang_at)).where(Leg.user_id == user.id, Leg.answered_at.is_not(None))
    moments = [user.here_at, user.logged_in_at, user.status_since, db.session.scalar(answered)]
    there = max(moment for moment in moments if moment)
    rung = sa.select(sa.func.count()).select_from(Leg).join(Call, Call.id == Leg.call_id)
    in_vain = rung.where(
        Leg.user_id == user.id,
        Leg.rang_at > there,
        Leg.result == LegResult.NO_ANSWER,
        Call.direction == Direction.INBOUND,
    )
    return max(db.session.scalars(in_vain.group_by(Leg.line)).all(), default=0)


def _living(user_ids: list[UUID], at: datetime) -> Any:
    open_calls = sa.and_(Call.state != CallState.ENDED, Leg.ended_at.is_(None))
    rings = sa.and_(open_calls, Leg.answered_at.is_(None), Leg.rang_at > at - SHOWN_FOR["ringing"])
    talks = sa.and_(open_calls, sa.or_(Leg.answered_at.is_not(None), Leg.asked_at.is_not(None)))
    to_wrap_up = sa.and_(Leg.answered_at.is_not(None), Leg.ended_at > at - SHOWN_FOR["wrap_up"], *wraps_up(at))
    call = (Call.id, Call.state, Call.started_at)
    with_phones = (
        sa.select(*call, Leg.user_id, Leg.rang_at, Leg.answered_at, Leg.asked_at, Leg.ended_at)
        .join(Call, Call.id == Leg.call_id)
        .where(Leg.user_id.in_(user_ids), sa.or_(rings, talks, to_wrap_up))
    )
    nothing = [sa.null().cast(Leg.rang_at.type) for _ in range(4)]
    without = sa.select(*call, Call.requested_by_id, *nothing).where(
        Call.requested_by_id.in_(user_ids), asked_for(), Call.started_at > at - SHOWN_FOR["requested"]
    )
    return with_phones.union_all(without)


def held_since(call_ids: list[UUID]) -> dict[UUID, datetime]:
    if not call_ids:
        return {}
    held = Step.facts["event"].as_string() == "CallHeld"
    query = sa.select(Step.call_id, sa.func.max(Step.said_at)).where(
        Step.call_id.in_(call_ids), Step.kind == StepKind.TOLD, held
    )
    return {call_id: at for call_id, at in db.session.execute(query.group_by(Step.call_id)) if at}


def _idle_since(user_ids: list[UUID], at: datetime) -> dict[UUID, datetime]:
    if not user_ids:
        return {}
    end = sa.func.max(sa.func.coalesce(Leg.wrapped_up_at, Leg.ended_at), type_=Leg.ended_at.type)
    recent = Leg.ended_at > at - SHOWN_FOR["wrap_up"]
    query = sa.select(Leg.user_id, end).where(Leg.user_id.in_(user_ids), recent).group_by(Leg.user_id)
    return {user_id: ended for user_id, ended in db.session.execute(query) if user_id and ended}
