from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, lazyload, selectinload

from webapp.accounts.models import User
from webapp.books.ledger import MARGIN, OUR_SIDE, told_up_to
from webapp.books.models import BookedCall, BooksPlace, Incomplete, LedgerCheck, Recovery, RecoveryKind
from webapp.calls.models import Call, Leg
from webapp.contacts.models import Party
from webapp.db import db
from webapp.paging import Page, newest_first

SHOWN_DAYS = 30
MOST_FORGED = 1_000
MOST_ASIDE = 200  # that are tried again at once


@dataclass(frozen=True, slots=True)
class Filters:
    switch: str = ""
    kind: RecoveryKind | None = None


def recoveries(filters: Filters, after: str | None = None) -> Page[Recovery]:
    return newest_first(_recoveries(filters), Recovery.recovered_at, Recovery.id, after=after)


def recovered_since(since: datetime) -> Sequence[Recovery]:
    """Oldest first, for a list that is read downwards."""
    query = _recoveries(Filters()).where(Recovery.recovered_at >= since).order_by(Recovery.recovered_at, Recovery.id)
    return db.session.scalars(query).unique().all()


def of_call(call_id: UUID) -> Sequence[Recovery]:
    query = _recoveries(Filters()).where(Recovery.call_id == call_id).order_by(Recovery.recovered_at, Recovery.id)
    return db.session.scalars(query).unique().all()


def is_unbooked(call: Call) -> bool:
    """The books of its switch are past it, and do not have it."""
    if not call.is_over or call.booked_at or call.ended_at is None or call.linkedid is None or call.result in OUR_SIDE:
        return False
    place = db.session.get(BooksPlace, call.switch)
    up_to = told_up_to(place)
    if place is None or up_to is None:
        return False
    return place.began_at <= call.started_at and call.ended_at < up_to - MARGIN


def place_of(switch: str) -> BooksPlace | None:
    return db.session.get(BooksPlace, switch)


def switches_with_books() -> list[str]:
    return list(db.session.scalars(sa.select(BooksPlace.switch).order_by(BooksPlace.switch)))


def checks(since: date) -> Sequence[LedgerCheck]:
    """Newest day first."""
    query = sa.select(LedgerCheck).where(LedgerCheck.day >= since)
    return db.session.scalars(query.order_by(LedgerCheck.day.desc(), LedgerCheck.switch)).all()


def check_of(day: date, switch: str) -> LedgerCheck | None:
    return db.session.scalar(sa.select(LedgerCheck).where(LedgerCheck.day == day, LedgerCheck.switch == switch))


def last_checked(switch: str) -> date | None:
    return db.session.scalar(sa.select(sa.func.max(LedgerCheck.day)).where(LedgerCheck.switch == switch))


def kept_checks(switch: str, since: date) -> Sequence[LedgerCheck]:
    """Oldest day first."""
    query = sa.select(LedgerCheck).where(LedgerCheck.switch == switch, LedgerCheck.day >= since)
    return db.session.scalars(query.order_by(LedgerCheck.day)).all()


def set_aside(before: datetime) -> Sequence[tuple[UUID, str]]:
    """Which rows, and their calls; those that were tried longest ago come first."""
    query = sa.select(BookedCall.id, BookedCall.uid).where(BookedCall.set_aside_at < before)
    return [(row.id, row.uid) for row in db.session.execute(query.order_by(BookedCall.set_aside_at).limit(MOST_ASIDE))]


def booked_after(check: LedgerCheck, begin: datetime, end: datetime) -> bool:
    """Did the books tell of a call of this time, or tell it otherwise, since the check?"""
    query = sa.select(BookedCall.id).where(
        BookedCall.switch == check.switch,
        BookedCall.started_at >= begin,
        BookedCall.started_at < end,
        BookedCall.read_at > check.at,
    )
    return db.session.scalar(query.limit(1)) is not None


def forged(since: datetime) -> Sequence[Call]:
    """Calls whose callers forged what the switch says, newest first."""
    query = sa.select(Call).where(Call.doubted_at >= since).order_by(Call.doubted_at.desc()).limit(MOST_FORGED)
    return db.session.scalars(query.options(lazyload("*"))).all()


def alarm() -> int:
    """How much is wrong by the last check: of the newest day that was checked, and of the day before it, since a
    check of today does not take an alarm of yesterday back."""
    newest = db.session.scalar(sa.select(sa.func.max(LedgerCheck.day)))
    if newest is None:
        return 0
    query = sa.select(LedgerCheck).where(LedgerCheck.day >= newest - timedelta(days=1))
    return sum(max(check.offences, abs(check.difference)) for check in db.session.scalars(query))


def incomplete_now() -> Incomplete | None:
    """Of the same checks: the books of a day were not read, or not all of them. None: they were."""
    newest = db.session.scalar(sa.select(sa.func.max(LedgerCheck.day)))
    if newest is None:
        return None
    query = sa.select(LedgerCheck.incomplete).where(LedgerCheck.day >= newest - timedelta(days=1))
    found = set(db.session.scalars(query)) - {None}
    return next((each for each in (Incomplete.UNREAD, Incomplete.DAMAGED) if each in found), None)


def _recoveries(filters: Filters) -> sa.Select[Recovery]:
    query = sa.select(Recovery).options(
        joinedload(Recovery.call).options(
            lazyload("*"),
            joinedload(Call.party).options(joinedload(Party.company), lazyload(Party.points)),
            selectinload(Call.legs).joinedload(Leg.user).options(lazyload(User.roles), lazyload(User.lines)),
        )
    )
    if filters.switch:
        query = query.where(Recovery.switch == filters.switch)
    return query.where(Recovery.kind == filters.kind) if filters.kind else query
