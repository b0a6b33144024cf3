"""How fast a ringing phone is on its agent's screen, and when it never was: each ring is measured, and kept for a while.

A pop begins with the switch's word that a phone rings. From there to the moment at which we told the agent's pages passes on
our side; from the socket's message to the painted card passes in the page, which measures it by its own clock. Their
sum is what counts. What lies between, the way of one message to the browser, is in neither clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from webapp.accounts import presence
from webapp.accounts.models import User
from webapp.calls.models import Call, Leg, Pop
from webapp.db import db, now

SHORTEST = timedelta(seconds=2)  # a ring that ended sooner was nobody's to see
PATIENCE = timedelta(seconds=10)  # for a card of a phone that still rings
MILLISECOND = timedelta(milliseconds=1)
MOST_MISSED = 50


@dataclass(frozen=True, slots=True)
class Figures:
    """Of so many pops: the time within which half, 95 and 99 of a hundred were painted (nearest rank), in ms."""

    pops: int
    painted: int
    hidden: int
    missed: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Missed:
    call_id: UUID
    agent: str
    told_at: datetime
    rang_seconds: float


def begin(call: Call, leg: Leg, heard_at: datetime) -> None:
    """A phone of ours began to ring, for the first time in this call: with a page open, its owner is to see it."""
    assert leg.user_id is not None
    at = now()
    here = presence.is_connected(leg.user_id, at)
    db.session.add(
        Pop(
            call=call,
            leg=leg,
            user_id=leg.user_id,
            day=_day(at),
            heard_at=heard_at,
            told_at=at,
            connected=here,
            visible_from=heard_at + SHORTEST,
        )
    )


def painted(call_id: UUID, user_id: UUID, *, ms: float, at: datetime) -> None:
    """A page shows the card. Of several pages the first counts."""
    pop = _of(call_id, user_id)
    if pop is not None and pop.painted_at is None:
        ours = max(0.0, (pop.told_at - pop.heard_at) / MILLISECOND)
        pop.painted_at, pop.page_ms, pop.total_ms = at, ms, round(ours + ms, 1)


def hidden(call_id: UUID, user_id: UUID, *, at: datetime) -> None:
    """The page was in the background: it rings and notifies, and paints nothing."""
    pop = _of(call_id, user_id)
    if pop is not None:
        pop.hidden_at = pop.hidden_at or at


def by_day(since: date) -> list[tuple[date, Figures]]:
    """The last day first."""
    return sorted(_figures(Pop.day, since), key=lambda row: row[0], reverse=True)


def by_agent(since: date) -> list[tuple[str, Figures]]:
    """The slowest first."""
    names = {user.id: user.name for user in db.session.scalars(sa.select(User))}
    rows = [(names.get(user_id, ""), figures) for user_id, figures in _figures(Pop.user_id, since)]
    return sorted(rows, key=lambda row: (-(row[1].p95 or 0), row[0]))


def together(since: date) -> Figures:
    found = _figures(sa.literal(1), since)
    return found[0][1] if found else Figures(0, 0, 0, 0, None, None, None)


def missed(since: date) -> list[Missed]:
    """The last ones, with the calls: their pages tell why."""
    query = (
        sa.select(Pop.call_id, User.name, Pop.told_at, Leg.rang_at, sa.func.coalesce(Leg.answered_at, Leg.ended_at))
        .join(Leg, Leg.id == Pop.leg_id)
        .join(User, User.id == Pop.user_id)
        .where(Pop.day >= since, _is_missed(now()))
        .order_by(Pop.told_at.desc())
        .limit(MOST_MISSED)
    )
    return [
        Missed(call_id, name, told_at, ((ended or now()) - rang_at).total_seconds())
        for call_id, name, told_at, rang_at, ended in db.session.execute(query)
    ]


def first_day(days: int) -> date:
    return _day(now()) - timedelta(days=days - 1)


def forget(before: date) -> int:
    """Returns how many are gone."""
    gone = db.session.execute(sa.delete(Pop).where(Pop.day < before))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _of(call_id: UUID, user_id: UUID) -> Pop | None:
    return db.session.scalar(sa.select(Pop).where(Pop.call_id == call_id, Pop.user_id == user_id))


def _day(at: datetime) -> date:
    """Of the firm."""
    return at.astimezone(ZoneInfo(current_app.config["BABEL_DEFAULT_TIMEZONE"])).date()


def _is_missed(at: datetime) -> sa.ColumnElement[bool]:
    """A page was open, the phone rang long enough to be seen, and no page ever said that it showed it."""
    end = sa.func.coalesce(Leg.answered_at, Leg.ended_at, type_=Leg.rang_at.type)
    long_enough = sa.or_(end >= Pop.visible_from, sa.and_(end.is_(None), Pop.visible_from < at - PATIENCE))
    return sa.and_(Pop.connected, Pop.painted_at.is_(None), Pop.hidden_at.is_(None), long_enough)


def _figures(key: Any, since: date) -> list[tuple[Any, Figures]]:
    """In one question: the percentiles are the values at their ranks, alike on both databases."""
    named = key.label("key")
    ranked = (
        sa.select(
            named,
            Pop.total_ms.label("ms"),
            Pop.painted_at.is_not(None).label("painted"),
            sa.and_(Pop.painted_at.is_(None), Pop.hidden_at.is_not(None)).label("hidden"),
            _is_missed(now()).label("missed"),
            sa.func.row_number().over(partition_by=(key, Pop.total_ms.is_(None)), order_by=Pop.total_ms).label("rank"),
            sa.func.count(Pop.total_ms).over(partition_by=key).label("of"),
        )
        .join(Leg, Leg.id == Pop.leg_id)
        .where(Pop.day >= since, Pop.connected)
        .subquery()
    )

    def at(percent: int) -> sa.ColumnElement[float]:
        """The least value whose rank covers so many of a hundred."""
        covers = sa.and_(ranked.c.ms.is_not(None), ranked.c.rank * 100 >= ranked.c["of"] * percent)
        return sa.func.min(sa.case((covers, ranked.c.ms)))

    def count(flag: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((flag, 1), else_=0))

    query = sa.select(
        ranked.c.key, sa.func.count(), count(ranked.c.painted), count(ranked.c.hidden), count(ranked.c.missed),
        at(50), at(95), at(99),
    ).group_by(ranked.c.key)  # fmt: skip
    return [(row[0], Figures(*row[1:])) for row in db.session.execute(query)]
