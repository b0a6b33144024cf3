from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, selectinload

from webapp.accounts.models import User
from webapp.contacts.models import Party
from webapp.db import db, now
from webapp.errors import Invalid, NotFound
from webapp.paging import Page, newest_first
from webapp.tasks.models import Callback, CallbackCall, CallbackState

OPEN_PAGE = 200  # of a list that is meant to be empty
MOST_URGENT = 3  # as `Callback.priority`


def callback(callback_id: UUID) -> Callback:
    """Raises `NotFound`."""
    found = db.session.get(Callback, callback_id, options=_SHOWN)
    if found is None:
        raise NotFound(_("There is no such callback."))
    return found


def open_callbacks(*, of: User | None = None, after: str | None = None, size: int | None = None) -> Page[Callback]:
    """What is still to be done, the most urgent first; with `of`, what this user has claimed.

    `after` is the last one seen, and counts where it stands now: who became more urgent meanwhile may be seen twice,
    and nobody is left out.
    """
    at, size = now(), size or OPEN_PAGE
    query = _open(of)
    if after:
        last = _last_seen(after)
        place = (int(last.due_at >= at), -last.priority, sa.literal(last.due_at, Callback.due_at.type), last.id)
        query = query.where(sa.tuple_(*_urgency(at)) > sa.tuple_(*place))
    query = query.order_by(*_urgency(at)).limit(size + 1).options(*_SHOWN)
    rows = db.session.scalars(query).unique().all()
    return Page(rows[:size], str(rows[size - 1].id) if len(rows) > size else None)


def closed_callbacks(after: str | None = None) -> Page[Callback]:
    query = sa.select(Callback).where(Callback.state == CallbackState.CLOSED).options(*_SHOWN)
    return newest_first(query, Callback.closed_at, Callback.id, after=after)


def of_customers(party_ids: list[UUID], numbers: list[str]) -> list[Callback]:
    """What is open with these customers, by who they are or by their numbers."""
    same = sa.or_(Callback.party_id.in_(party_ids), Callback.number.in_(numbers))
    query = sa.select(Callback).where(Callback.state != CallbackState.CLOSED, same)
    return list(db.session.scalars(query.order_by(Callback.due_at).options(*_SHOWN)).unique())


def closed_of_customer(
    party_id: UUID, numbers: list[str], *, after: datetime | None, until: datetime | None
) -> list[Callback]:
    """What became of the customer's callbacks that were closed in this time, the newest first; None: no bound.

    A number counts where nobody knew yet whose it was."""
    theirs = sa.or_(Callback.party_id == party_id, sa.and_(Callback.party_id.is_(None), Callback.number.in_(numbers)))
    query = sa.select(Callback).where(Callback.state == CallbackState.CLOSED, theirs)
    if after:
        query = query.where(Callback.closed_at > after)
    if until:
        query = query.where(Callback.closed_at <= until)
    return list(db.session.scalars(query.order_by(Callback.closed_at.desc()).options(*_SHOWN)).unique())


def of_call(call_id: UUID) -> Callback | None:
    """What became of a missed call."""
    query = sa.select(Callback).join(CallbackCall, CallbackCall.callback_id == Callback.id)
    return db.session.scalar(query.where(CallbackCall.call_id == call_id).options(*_SHOWN))


def how_many_open(*, of: User | None = None) -> int:
    return db.session.scalar(_open(of).with_only_columns(sa.func.count())) or 0


def _open(of: User | None) -> sa.Select[Callback]:
    query = sa.select(Callback).where(Callback.state != CallbackState.CLOSED)
    return query.where(Callback.claimed_by_id == of.id) if of else query


def _urgency(at: datetime) -> tuple[Any, ...]:
    """What callbacks are ordered by; as `Callback.is_overdue` and `Callback.priority`."""
    in_time = sa.case((Callback.due_at < at, 0), else_=1)
    priority = sa.case((Callback.missed > MOST_URGENT, MOST_URGENT), else_=Callback.missed)
    return in_time, -priority, Callback.due_at, Callback.id


def _last_seen(cursor: str) -> Callback:
    try:
        found = db.session.get(Callback, UUID(cursor))
    except ValueError:
        found = None
    if found is None:
        raise Invalid(_("This page does not exist."), fields={"after": "not a cursor"})
    return found


_SHOWN = [joinedload(Callback.party).joinedload(Party.company), selectinload(Callback.closed_by_call)]
