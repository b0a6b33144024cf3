"""Every caller whom nobody talked to is one open callback, until somebody talked to them or said why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import CallEnded, Caller, CallSummary, Direction, LegResult, LegSummary, Result
from tests.factories import make_callback, make_party
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.db import db, transaction
from webapp.errors import Conflict, Invalid
from webapp.tasks import actions
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback, CallbackState, ClosedAs

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DANA = "6944000001"


def ended(
    uid: str, minute: int, *, number: str = DANA, by: User | None = None, direction: Direction = Direction.INBOUND,
    result: Result = Result.ABANDONED, withheld: bool = False,
) -> None:  # fmt: skip
    """A call that begins at 9 and some minutes and lasts one."""
    began = NINE + timedelta(minutes=minute)
    over = began + timedelta(minutes=1)
    answered_at = began + timedelta(seconds=10) if by else None
    legs = (
        (LegSummary(f"{uid}.1", f"PJSIP/{by.username}", "", began, answered_at, over, LegResult.ANSWERED, 50.0),)
        if by
        else ()
    )
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=direction, customer=Caller(number, "", withheld), did="2100000100",
        queue="sales", result=Result.ANSWERED if by else result, started_at=began, answered_at=answered_at,
        ended_at=over, legs=legs,
    )  # fmt: skip
    capture.record(CallEnded(uid=uid, at=over, summary=summary), switch="main")


def callbacks() -> list[Callback]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Callback).order_by(Callback.first_missed_at)).unique())


@pytest.mark.parametrize(
    "result",
    [
        Result.ABANDONED,
        Result.NO_AGENTS,
        Result.QUEUE_TIMEOUT,
        Result.BUSY,
        Result.NO_ANSWER,
        Result.REJECTED,
        Result.LOST,
    ],
)
def test_nobody_talked_to_dana_so_one_callback_is_due(app: Flask, result: Result) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    ended("1", 0, result=result)
    (callback,) = callbacks()
    assert (callback.state, callback.number, callback.missed) == (CallbackState.OPEN, "+306944000001", 1)
    assert callback.party_id == dana.id
    assert callback.due_at == NINE + timedelta(minutes=1 + 30)


def test_who_was_talked_to_needs_no_callback(app: Flask, alice: User) -> None:
    ended("1", 0, by=alice)
    assert callbacks() == []


def test_our_own_unanswered_calls_make_none(app: Flask) -> None:
    ended("1", 0, direction=Direction.OUTBOUND, result=Result.NO_ANSWER)
    assert callbacks() == []


def test_calling_again_and_again_is_one_callback_and_more_urgent(app: Flask) -> None:
    for minute in (0, 2, 4):
        ended(str(minute), minute)
    (callback,) = callbacks()
    assert (callback.missed, callback.priority) == (3, 3)
    assert callback.due_at == NINE + timedelta(minutes=31), "waiting longer gives nobody more time"


def test_being_told_twice_counts_once(app: Flask) -> None:
    ended("1", 0)
    ended("1", 0)
    assert [callback.missed for callback in callbacks()] == [1]


def test_two_numbers_are_two_callbacks(app: Flask) -> None:
    ended("1", 0)
    ended("2", 1, number="2310000004")
    assert len(callbacks()) == 2


def test_withheld_callers_cannot_be_told_apart_so_each_is_an_entry(app: Flask) -> None:
    ended("1", 0, number="anonymous", withheld=True)
    ended("2", 1, number="anonymous", withheld=True)
    assert [(callback.number, callback.number_raw) for callback in callbacks()] == [(None, ""), (None, "")]


def test_what_is_no_number_is_an_entry_too(app: Flask) -> None:
    ended("1", 0, number="sales.bot")
    assert [callback.number_raw for callback in callbacks()] == ["sales.bot"]


def test_reaching_dana_closes_it_and_says_by_which_call(app: Flask, bob: User) -> None:
    ended("1", 0)
    ended("2", 5, by=bob, direction=Direction.OUTBOUND)
    (callback,) = callbacks()
    assert (callback.state, callback.closed_as) == (CallbackState.CLOSED, ClosedAs.REACHED)
    assert callback.closed_by_call is not None
    assert callback.closed_by_call.uid == "2"


def test_dana_rings_in_and_is_answered_so_nobody_has_to_call(app: Flask, bob: User) -> None:
    ended("1", 0)
    ended("2", 5, by=bob)
    assert [callback.closed_as for callback in callbacks()] == [ClosedAs.RANG_IN]


def test_trying_without_reaching_leaves_it_open(app: Flask) -> None:
    ended("1", 0)
    ended("2", 5, direction=Direction.OUTBOUND, result=Result.BUSY)
    assert [callback.state for callback in callbacks()] == [CallbackState.OPEN]


def test_a_new_miss_after_a_conversation_is_a_new_callback(app: Flask, bob: User) -> None:
    ended("1", 0)
    ended("2", 5, by=bob)
    ended("3", 10)
    assert [callback.state for callback in callbacks()] == [CallbackState.CLOSED, CallbackState.OPEN]


def test_a_conversation_told_late_does_not_close_a_later_miss(app: Flask, bob: User) -> None:
    ended("3", 10)
    ended("2", 5, by=bob)
    assert [callback.state for callback in callbacks()] == [CallbackState.OPEN]


def test_a_miss_told_late_of_somebody_who_was_talked_to_since_is_closed_at_once(app: Flask, bob: User) -> None:
    ended("2", 5, by=bob)
    ended("1", 0)
    assert [(callback.state, callback.closed_as) for callback in callbacks()] == [
        (CallbackState.CLOSED, ClosedAs.RANG_IN)
    ]


def test_one_is_on_it_and_the_other_is_told_who(app: Flask, alice: User, bob: User) -> None:
    callback = make_callback()
    with transaction():
        actions.claim(callback, alice)
    with pytest.raises(Conflict, match="Alice Martin is already on it"), transaction():
        actions.claim(callback, bob)
    with transaction():
        actions.claim(callback, alice)
    assert callback.claimed_by_id == alice.id


def test_giving_it_back_opens_it_for_others(app: Flask, alice: User, bob: User) -> None:
    callback = make_callback()
    with transaction():
        actions.claim(callback, alice)
    with pytest.raises(Conflict), transaction():
        actions.release(callback, bob)
    with transaction():
        actions.release(callback, alice)
    with transaction():
        actions.claim(callback, bob)
    assert callback.claimed_by_id == bob.id


@pytest.mark.parametrize("reason", ["", "   ", "\x00"])
def test_dismissing_needs_a_reason(app: Flask, alice: User, reason: str) -> None:
    callback = make_callback()
    with pytest.raises(Invalid) as refused, transaction():
        actions.dismiss(callback, alice, reason)
    assert "reason" in refused.value.fields


def test_dismissing_closes_with_who_and_why(app: Flask, alice: User) -> None:
    callback = make_callback()
    with transaction():
        actions.dismiss(callback, alice, "Spam")
    assert (callback.closed_as, callback.closed_by_id, callback.reason) == (ClosedAs.DISMISSED, alice.id, "Spam")
    with pytest.raises(Conflict), transaction():
        actions.claim(callback, alice)


def test_an_overdue_callback_is_told_once(app: Flask) -> None:
    callback = make_callback(due_at=NINE)
    sweep()
    db.session.rollback()
    db.session.refresh(callback)
    told = callback.overdue_told_at
    assert told is not None
    sweep()
    db.session.refresh(callback)
    assert callback.overdue_told_at == told
