"""Keyset paging: the next page is what comes after the last row seen, however many rows were added meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from webapp.db import db
from webapp.errors import Invalid

T = TypeVar("T")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    rows: Sequence[T]
    after: str | None  # cursor of the next page


def newest_first(query: sa.Select[T], at: Any, row_id: Any, *, after: str | None = None, size: int = PAGE) -> Page[T]:
    """`query` by time, newest first. `at` and `row_id` are its mapped columns. Raises `Invalid` for a forged cursor."""
    if after:
        moment, last = _opened(after)
        query = query.where(sa.or_(at < moment, sa.and_(at == moment, row_id < last)))
    rows = db.session.scalars(query.order_by(at.desc(), row_id.desc()).limit(size + 1)).unique().all()
    if len(rows) <= size:
        return Page(rows, None)
    rows = rows[:size]
    return Page(rows, _sealed(getattr(rows[-1], at.key), getattr(rows[-1], row_id.key)))


def moment(cursor: str) -> datetime:
    """Of the last row seen, in what `newest_first` pages. Raises `Invalid` for a forged cursor."""
    return _opened(cursor)[0]


def _sealed(moment: datetime, row_id: UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), row_id.hex]).encode()).decode()


def _opened(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(moment), UUID(row_id)
    except (ValueError, TypeError) as error:
        raise Invalid("This page does not exist.", fields={"after": "not a cursor"}) from error
