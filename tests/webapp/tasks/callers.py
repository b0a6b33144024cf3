"""Calls as a switch tells them, for the stories of the ledger. Minutes are counted from nine on a Monday morning."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from telephony.events import (
    CallEnded,
    Caller,
    CallStarted,
    CallSummary,
    Direction,
    HungUpBy,
    LegResult,
    LegRinging,
    LegSummary,
    Result,
)
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call
from webapp.db import db
from webapp.errors import Conflict
from webapp.tasks.models import Callback, CallbackCall

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DANA = "6944000001"
DANA_E164 = "+306944000001"


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def ended(
    uid: str, minute: float, *, number: str = DANA, by: User | None = None, direction: Direction = Direction.INBOUND,
    result: Result = Result.ABANDONED, withheld: bool = False, lasted: float = 60, queue: str | None = "sales",
    rang: tuple[User, ...] = (), hangup_by: HungUpBy | None = None,
) -> None:  # fmt: skip
    """A call that begins at that minute and lasts so many seconds; with `by` it was answered after a third of them."""
    began, over = after(minute), after(minute) + timedelta(seconds=lasted)
    answered_at = began + timedelta(seconds=lasted / 3) if by else None
    legs = [
        LegSummary(f"{uid}.{user.username}", f"PJSIP/{user.username}", "", began, None, over, LegResult.NO_ANSWER)
        for user in rang
    ]
    if by:
        legs.append(
            LegSummary(f"{uid}.1", f"PJSIP/{by.username}", "", began, answered_at, over, LegResult.ANSWERED, 50.0)
        )
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=direction, customer=Caller(number, "", withheld), did="2100000100",
        queue=queue, result=Result.ANSWERED if by else result, started_at=began, answered_at=answered_at,
        ended_at=over, legs=tuple(legs), hangup_by=hangup_by,
    )  # fmt: skip
    if rang:
        started = CallStarted(uid=uid, at=began, direction=direction, customer=summary.customer)
        capture.record(started, switch="main")
    for user in rang:
        leg, line = f"{uid}.{user.username}", f"PJSIP/{user.username}"
        capture.record(LegRinging(uid=uid, at=began, leg=leg, line=line, queue=queue), switch="main")
    capture.record(CallEnded(uid=uid, at=over, summary=summary), switch="main")


def entries() -> list[Callback]:
    """The whole ledger, as it is in the database."""
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Callback).order_by(Callback.first_missed_at, Callback.id)).unique())


def entry() -> Callback:
    (only,) = entries()
    return only


def story() -> list[tuple[tuple[str, ...], str, str]]:
    """Each entry as the uids of its calls, what became of it, and the uid of the call that closed it."""
    told = []
    for callback in entries():
        calls = sa.select(Call.uid).join(CallbackCall, CallbackCall.call_id == Call.id)
        uids = db.session.scalars(calls.where(CallbackCall.callback_id == callback.id).order_by(Call.uid)).all()
        closing = db.session.get(Call, callback.closed_by_call_id) if callback.closed_by_call_id else None
        told.append((tuple(uids), (callback.closed_as or callback.state).value, closing.uid if closing else ""))
    return sorted(told)


def _again_while_busy(act: Callable[[], object]) -> object:
    """As pages do: fifty writers at once may wait longer for SQLite's one lock than it lets them."""
    for _attempt in range(20):
        try:
            return act()
        except OperationalError:
            db.session.rollback()
    return act()


def together(app: Flask, how_many: int, act: Callable[[int], object]) -> list[object]:
    """All at the same moment, each with a connection of its own; what each got, or was told."""
    start, results = threading.Barrier(how_many), [None] * how_many

    def run(position: int) -> None:
        with app.app_context():
            start.wait()
            try:
                results[position] = _again_while_busy(lambda: act(position))  # type: ignore[call-overload]
            except Conflict as error:
                results[position] = error  # type: ignore[call-overload]
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return list(results)
