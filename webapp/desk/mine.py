"""What is one person's to do, in the order of its moments, and how far they are today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import to_user_timezone

from telephony.events import Direction
from webapp.accounts.models import User
from webapp.agents import targets
from webapp.agents.models import Measure
from webapp.agents.targets import Progress
from webapp.agents.words import measure_word
from webapp.calls.models import Call, Leg
from webapp.db import db, now
from webapp.tasks import listing, promises
from webapp.tasks import shown as tasks
from webapp.tasks.models import Callback, CallbackState

MOST = 200  # of one person; nobody does more in a day
SOON = 4  # on the desk
BY_CONVERSATION = promises.BY_CONVERSATION


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is mine, and when I am to do it."""

    at: datetime
    callback: tasks.Row


@dataclass(frozen=True, slots=True)
class Day:
    overdue: list[Item]
    today: list[Item]
    later: list[Item]
    next_change: float | None  # seconds, until something becomes overdue

    @property
    def all(self) -> list[Item]:
        return [*self.overdue, *self.today, *self.later]


def in_short(user: User, *, works: bool) -> dict[str, Any]:
    """For the desk. `works`: callbacks are theirs to do."""
    at = now()
    everything = day_of(user, at).all if works else []
    return {"soon": everything[:SOON], "how_many": len(everything), **figures_of(user, at)}


def figures_of(user: User, at: datetime) -> dict[str, Any]:
    """What desk/_progress.html shows."""
    missed = missed_by(user, midnight_after(at - timedelta(days=1)))
    return {"progress": progress_of(user, at), "missed": missed, "measure_word": measure_word}


def day_of(user: User, at: datetime) -> Day:
    mine = listing.page(user, listing.Filters(tab=listing.Tab.MINE, sort=listing.Sort.DUE), size=MOST).rows
    rows = tasks.rows(mine, user)
    items = sorted(
        (Item(moment_of(callback), row) for callback, row in zip(mine, rows, strict=True)), key=lambda item: item.at
    )
    midnight = midnight_after(at)
    overdue = [item for item in items if item.callback.overdue]
    rest = [item for item in items if not item.callback.overdue]
    moments = [callback.due_at for callback in mine if callback.due_at > at]
    return Day(
        overdue,
        [item for item in rest if item.at < midnight],
        [item for item in rest if item.at >= midnight],
        round((min([*moments, midnight]) - at).total_seconds() + 0.5, 1),
    )


def moment_of(callback: Callback) -> datetime:
    """When somebody is to act: at the promised moment, at the next attempt, else by when it is due."""
    if callback.promised_for and callback.attempts == 0:
        return callback.promised_for
    if callback.state is CallbackState.WAITING and callback.retry_at:
        return callback.retry_at
    return callback.due_at


def progress_of(user: User, at: datetime) -> list[Progress]:
    """Since midnight on the reader's clock."""
    since = midnight_after(at - timedelta(days=1))
    done = targets.done_by(user, since) | {Measure.CALLBACKS: _callbacks_done(user, since)}
    return targets.progress(done, targets.targets_of(user))


def missed_by(user: User, since: datetime) -> int:
    """Calls for which their phone rang, and which nobody answered."""
    query = (
        sa.select(sa.func.count(sa.distinct(Leg.call_id)))
        .join(Call, Call.id == Leg.call_id)
        .where(Leg.user_id == user.id, Leg.rang_at >= since)
        .where(Call.direction == Direction.INBOUND, Call.answered_at.is_(None), Call.ended_at.is_not(None))
    )
    return db.session.scalar(query) or 0


def midnight_after(at: datetime) -> datetime:
    """On the reader's clock, also on a day that is longer or shorter than others."""
    local: datetime = to_user_timezone(at)
    following = (local.replace(tzinfo=None) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return following.replace(tzinfo=local.tzinfo).astimezone(UTC)


def _callbacks_done(user: User, since: datetime) -> int:
    """Callers who waited, and whom this agent talked to."""
    query = (
        sa.select(sa.func.count(sa.distinct(Callback.id)))
        .join(Leg, Leg.call_id == Callback.closed_by_call_id)
        .where(Callback.closed_at >= since, Callback.closed_as.in_(BY_CONVERSATION))
        .where(Leg.user_id == user.id, Leg.answered_at.is_not(None))
    )
    return db.session.scalar(query) or 0
