"""Calls as the books tell them, and as the switch's events do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallEvent,
    CallStarted,
    CallSummary,
    Direction,
    HungUpBy,
    LegResult,
    LegRinging,
    LegSummary,
    Result,
    Resynced,
)
from tests.webapp.tasks.callers import DANA, DANA_E164
from webapp.books import actions
from webapp.books.models import Recovery, Source
from webapp.calls import capture
from webapp.db import db, now, transaction

__all__ = ["DANA_E164"]
T = TypeVar("T")
BEGAN = now().replace(microsecond=0) - timedelta(hours=1)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def booked(uid: str = "1.0", *, by: str = "", start: float = 0, end: float = 30, **more: Any) -> CallSummary:
    """A call of Dana's as the books tell it: answered `by` a line after five seconds, or given up."""
    answered_at = at(start + 5) if by else None
    leg = LegSummary(
        uid=f"{uid}.leg", line=by, rang_at=at(start + 1), answered_at=answered_at, ended_at=at(end),
        result=LegResult.ANSWERED, talk=end - start - 5,
    )  # fmt: skip
    facts: dict[str, Any] = {
        "uid": uid, "linkedid": uid, "direction": Direction.INBOUND, "customer": Caller(DANA, "Dana"), "did": "210",
        "queue": "sales", "result": Result.ANSWERED if by else Result.ABANDONED, "hangup_by": HungUpBy.CUSTOMER,
        "cause": 16, "started_at": at(start), "answered_at": answered_at, "ended_at": at(end),
        "answered_by": (by,) if by else (), "rang": (by,) if by else (), "wait": 5.0 if by else end - start,
        "talk": end - start - 5 if by else 0.0, "legs": (leg,) if by else (),
    }  # fmt: skip
    return CallSummary(**(facts | more))


def enter(*calls: CallSummary, source: Source = Source.FILE) -> list[Recovery | None]:
    found = []
    for call in calls:
        with transaction():
            found.append(actions.enter(call, switch="main", source=source))
    return found


def tell(*events: CallEvent | Resynced) -> None:
    for event in events:
        capture.record(event, switch="main")


def started(uid: str = "1.0", *, start: float = 0, number: str = DANA) -> CallStarted:
    return CallStarted(
        uid=uid, at=at(start), direction=Direction.INBOUND, customer=Caller(number, "Dana"), did="210", linkedid=uid
    )


def rings(uid: str = "1.0", line: str = "PJSIP/alice", *, seconds: float = 1) -> LegRinging:
    return LegRinging(uid=uid, at=at(seconds), leg=f"{uid}.leg", line=line, channel=f"{line}-01")


def answered(uid: str = "1.0", line: str = "PJSIP/alice", *, seconds: float = 5) -> CallAnswered:
    return CallAnswered(uid=uid, at=at(seconds), leg=f"{uid}.leg", line=line, channel=f"{line}-01")


def ended(call: CallSummary) -> CallEnded:
    assert call.ended_at is not None
    return CallEnded(uid=call.uid, at=call.ended_at, summary=call)


def all_of(model: type[T]) -> list[T]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(sa.select(model)).unique())


def only(model: type[T]) -> T:
    (found,) = all_of(model)
    return found


def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Everything that there is."""
    db.session.rollback()
    found = {}
    for table in db.metadata.sorted_tables:
        rows = db.session.execute(sa.select(table)).all()
        found[table.name] = sorted(tuple(map(_plain, row)) for row in rows)
    return found


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else repr(value)
