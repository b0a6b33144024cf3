"""Calling back: what becomes of the entry when the customer is reached, is not, or our own side fails."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import CallEnded, Caller, CallSummary, Direction, LegResult, LegSummary, Result
from tests.webapp.tasks.callers import DANA_E164, after, ended, entry
from webapp.accounts.actions import set_head
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call
from webapp.db import db, transaction
from webapp.notices.models import Notice
from webapp.tasks import actions, audit
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback, CallbackAttempt, CallbackState, ClosedAs, QueuePolicy


@pytest.fixture(autouse=True)
def _plan(app: Flask) -> None:
    """Two more attempts: after five minutes, and after half an hour."""
    with transaction():
        db.session.add(QueuePolicy(queue="sales", zone="UTC", retry_minutes=[5, 30]))


def calls_back(by: User, minute: float, result: Result = Result.NO_ANSWER, *, again: bool = False) -> str:
    """For the one entry that there is; the call lasts a minute."""
    entry()
    with transaction():
        callback = db.session.scalars(sa.select(Callback)).unique().one()
        call = actions.call_back(callback, by, str(uuid4()))
        call.started_at = after(minute)
        uid = call.uid
    for _ in range(2 if again else 1):
        is_over(uid, minute, by, result)
    return uid


def is_over(uid: str, minute: float, by: User, result: Result) -> None:
    reached = result is Result.ANSWERED
    over, answered = after(minute + 1), after(minute) + timedelta(seconds=20) if reached else None
    leg = LegSummary(f"{uid}.1", f"PJSIP/{by.username}", "", after(minute), answered, over, LegResult.ANSWERED, 40.0)
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=Direction.OUTBOUND, customer=Caller(DANA_E164), result=result,
        started_at=after(minute), answered_at=answered, ended_at=over, legs=(leg,) if reached else (),
    )  # fmt: skip
    capture.record(CallEnded(uid=uid, at=over, summary=summary), switch="main")


def test_a_call_that_was_made_for_it_closes_it_as_called_back(app: Flask, alice: User) -> None:
    ended("1", 0)
    calls_back(alice, 5, Result.ANSWERED)
    assert (entry().closed_as, entry().attempts) == (ClosedAs.CALLED_BACK, 0)
    assert audit.problems() == []


def test_another_call_of_ours_closes_it_as_reached(app: Flask, alice: User, bob: User) -> None:
    ended("1", 0)
    calls_back(alice, 5)
    ended("2", 7, by=bob, direction=Direction.OUTBOUND)
    assert (entry().closed_as, entry().attempts) == (ClosedAs.REACHED, 1)


@pytest.mark.parametrize("result", [Result.BUSY, Result.NO_ANSWER, Result.REJECTED, Result.WRONG_NUMBER])
def test_not_reached_it_waits_and_comes_again(app: Flask, alice: User, result: Result) -> None:
    ended("1", 0)
    calls_back(alice, 5, result, again=True)  # told twice, it is one attempt
    callback = entry()
    assert (callback.state, callback.attempts, callback.retry_at) == (CallbackState.WAITING, 1, after(6 + 5))
    assert (callback.claimed_by_id, callback.due_at) == (None, after(11 + 30))
    sweep(at=after(10))
    assert entry().state is CallbackState.WAITING
    sweep(at=after(11))
    assert entry().state is CallbackState.OPEN
    assert audit.problems() == []


@pytest.mark.parametrize(
    "result",
    [Result.AGENT_NO_ANSWER, Result.AGENT_DECLINED, Result.AGENT_UNAVAILABLE, Result.FAILED, Result.LOST],
)
def test_what_failed_on_our_side_is_no_attempt(app: Flask, alice: User, result: Result) -> None:
    ended("1", 0)
    calls_back(alice, 5, result)
    callback = entry()
    assert (callback.state, callback.attempts, callback.claimed_by_id) == (CallbackState.CLAIMED, 0, alice.id)


def test_a_call_whose_end_was_first_lost_and_then_known_is_an_attempt(app: Flask, alice: User) -> None:
    ended("1", 0)
    uid = calls_back(alice, 5, Result.LOST)
    is_over(uid, 5, alice, Result.NO_ANSWER)
    assert (entry().attempts, entry().state) == (1, CallbackState.WAITING)
    assert audit.problems() == []


def test_the_plan_is_used_up_and_the_head_hears_of_it(app: Flask, alice: User, sofia: User) -> None:
    with transaction():
        set_head("Sales", db.session.merge(sofia))
    ended("1", 0)
    for minute in (5, 20):
        calls_back(alice, minute)
    assert entry().retry_at == after(21 + 30)
    calls_back(alice, 60)
    callback = entry()
    assert (callback.closed_as, callback.attempts, callback.closed_at) == (ClosedAs.EXHAUSTED, 3, after(61))
    (notice,) = db.session.scalars(sa.select(Notice))
    assert (notice.kind, notice.user_id, notice.facts["attempts"]) == ("callback.exhausted", sofia.id, 3)
    assert audit.problems() == []


def test_ringing_again_unanswered_while_it_waits_makes_it_urgent_at_once(app: Flask, alice: User) -> None:
    ended("1", 0)
    calls_back(alice, 5)
    assert entry().state is CallbackState.WAITING
    ended("2", 7)
    callback = entry()
    assert (callback.state, callback.missed, callback.retry_at) == (CallbackState.OPEN, 2, None)
    assert callback.due_at == after(8 + 30)


def test_ringing_in_while_it_waits_closes_it(app: Flask, alice: User, bob: User) -> None:
    ended("1", 0)
    calls_back(alice, 5)
    ended("2", 7, by=bob)
    assert entry().closed_as is ClosedAs.RANG_IN


def test_an_attempt_that_was_told_as_vain_and_was_not_counts_no_more(app: Flask, alice: User) -> None:
    ended("1", 0)
    uid = calls_back(alice, 5)
    is_over(uid, 5, alice, Result.ANSWERED)
    assert (entry().closed_as, entry().attempts) == (ClosedAs.CALLED_BACK, 0)
    assert db.session.scalars(sa.select(CallbackAttempt)).one().failed_at is None
    assert audit.problems() == []


def test_a_customer_who_was_reached_before_the_plan_was_used_up_was_reached(app: Flask, alice: User, bob: User) -> None:
    ended("1", 0)
    for minute in (5, 20, 60):
        calls_back(alice, minute)
    ended("2", 30, by=bob)  # told late
    assert (entry().closed_as, entry().closed_at) == (ClosedAs.RANG_IN, after(30) + timedelta(seconds=20))


def test_calling_again_after_the_end_of_the_plan_is_another_entry(app: Flask, alice: User) -> None:
    ended("1", 0)
    for minute in (5, 20, 60):
        calls_back(alice, minute)
    ended("2", 70)
    db.session.rollback()
    states = db.session.scalars(sa.select(Callback.state).order_by(Callback.first_missed_at)).all()
    assert list(states) == [CallbackState.CLOSED, CallbackState.OPEN]
    assert db.session.query(Call).count() == 5


def test_when_it_is_time_again_whoever_has_it_is_told(app: Flask, alice: User) -> None:
    ended("1", 0, rang=(alice,))
    calls_back(alice, 5)
    sweep(at=after(11))
    sweep(at=after(11.1))
    told = db.session.execute(sa.select(Notice.user_id, Notice.kind)).all()
    assert [tuple(row) for row in told] == [(alice.id, "callback.reminder")]
