"""Whose a callback is, who may work it, and who answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts import queries as accounts
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Permission
from webapp.calls.models import Call, Leg
from webapp.db import db
from webapp.tasks.models import AssignedBy, Callback

SERVES = timedelta(days=30)  # whose phone a queue rang within this time serves it


def give(callback: Callback, at: datetime) -> None:
    """To whom it falls, unless somebody has it or nobody is here."""
    if callback.is_open and not callback.assigned_to_id and (found := whose(callback, at)):
        hand_to(callback, *found, at=at)


def hand_to(callback: Callback, user: User | None, why: AssignedBy | None, *, at: datetime) -> None:
    callback.assigned_to, callback.assigned_by = user, why.value if why else ""
    callback.assigned_at = at if user else None


def whose(callback: Callback, at: datetime) -> tuple[User, AssignedBy] | None:
    """The contact's owner, else who talked with the customer last, else whose turn it is; who is not here is left out.

    None: nobody fit is here. Then it is everybody's, until somebody comes.
    """
    away = accounts.unreachable_ids(at)
    for user, why in ((_owner(callback), AssignedBy.OWNER), (_last_agent(callback), AssignedBy.LAST_AGENT)):
        if user and accounts.is_here(user, away) and _may_work(user):
            return user, why
    here = [user for user in who_may_work(callback, at) if accounts.is_here(user, away)]
    return (_next_in_turn(here), AssignedBy.TURN) if here else None


def who_may_work(callback: Callback, at: datetime) -> list[User]:
    """Those who serve its queue, else everybody who may call back; without those who are away."""
    absent = accounts.absent_ids(at)
    anybody = [user for user in accounts.people_who_may(Permission.CALLBACK_WORK) if user.id not in absent]
    agents = [user for user in anybody if user.lines] or anybody
    serving = _serving(callback.queue, at) if callback.queue else frozenset()
    return [user for user in agents if user.id in serving] or agents


def concerned(callback: Callback, at: datetime) -> list[User]:
    """Who is reminded: who is on it, else whose it is, else all who may work it."""
    absent = accounts.absent_ids(at)
    for user in (callback.claimed_by, callback.assigned_to):
        if user and user.active and user.id not in absent:
            return [user]
    return who_may_work(callback, at)


def heads(callback: Callback, at: datetime) -> list[User]:
    """Who answers for it: the head of the team of whoever has it, else of the teams that serve its queue, else every
    head. A head who is away is stood in for by those who may assign callbacks, and those by administrators."""
    absent = accounts.absent_ids(at)
    for found in _heads_by_nearness(callback, at):
        if reachable := [head for head in found if head.id not in absent]:
            return reachable
    return []


def above(callback: Callback, at: datetime) -> list[User]:
    """Who is told in the second step: all who may assign callbacks, without those who were told first."""
    absent, told = accounts.absent_ids(at), {head.id for head in heads(callback, at)}
    above = accounts.people_who_may(Permission.CALLBACK_ASSIGN)
    return [user for user in above if user.id not in absent and user.id not in told]


def is_answered_for_by(head: User) -> sa.ColumnElement[bool]:
    """For lists: the callbacks of the teams that this user heads, and what is nobody's."""
    theirs = sa.select(User.id).join(Team, Team.id == User.team_id).where(Team.head_id == head.id)
    has_it = sa.func.coalesce(Callback.claimed_by_id, Callback.assigned_to_id)
    return sa.or_(has_it.in_(theirs), has_it.is_(None))


def _heads_by_nearness(callback: Callback, at: datetime) -> Iterable[list[User]]:
    has_it = callback.claimed_by or callback.assigned_to
    if has_it and has_it.team_id:
        yield accounts.heads_of([has_it.team_id])
    yield accounts.heads_of({user.team_id for user in who_may_work(callback, at) if user.team_id})
    yield accounts.all_heads()
    assigners = accounts.people_who_may(Permission.CALLBACK_ASSIGN)
    administrators = set(accounts.users_who_may(Permission.USER_MANAGE))
    yield [user for user in assigners if user.id not in administrators]
    yield assigners


def _may_work(user: User) -> bool:
    return bool(user.has_permission(Permission.CALLBACK_WORK.value))


def _owner(callback: Callback) -> User | None:
    owner_id = callback.party.owner_id if callback.party else None
    return db.session.get(User, owner_id) if owner_id else None


def _last_agent(callback: Callback) -> User | None:
    same = [Call.number == callback.number] if callback.number else []
    same += [Call.party_id == callback.party_id] if callback.party_id else []
    if not same:
        return None
    query = (
        sa.select(Leg.user_id)
        .join(Call, Call.id == Leg.call_id)
        .where(sa.or_(*same), Leg.answered_at.is_not(None), Leg.user_id.is_not(None))
        .order_by(Leg.answered_at.desc())
        .limit(1)
    )
    user_id = db.session.scalar(query)
    return db.session.get(User, user_id) if user_id else None


def _serving(queue: str, at: datetime) -> frozenset[UUID]:
    rung = sa.exists().where(Leg.queue == queue, Leg.user_id == User.id, Leg.rang_at > at - SERVES)
    return frozenset(db.session.scalars(sa.select(User.id).where(User.active, rung)))


def _next_in_turn(users: list[User]) -> User:
    """Whose last turn is longest ago."""
    turns = sa.select(Callback.assigned_to_id, sa.func.max(Callback.assigned_at)).where(
        Callback.assigned_by == AssignedBy.TURN.value, Callback.assigned_to_id.in_([user.id for user in users])
    )
    last = {user_id: at for user_id, at in db.session.execute(turns.group_by(Callback.assigned_to_id)) if at}
    return min(users, key=lambda user: (last[user.id].timestamp() if user.id in last else 0.0, user.username))
