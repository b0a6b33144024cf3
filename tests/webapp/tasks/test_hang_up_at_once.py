"""Short abandons: counted, and not called back, unless they call again within a day."""

from __future__ import annotations

import pytest
from flask import Flask

from telephony.events import HungUpBy, Result
from tests.webapp.tasks.callers import DANA_E164, after, ended, entries, entry, story
from webapp.accounts.models import User
from webapp.db import db, transaction
from webapp.tasks import audit
from webapp.tasks.models import CallbackState, ClosedAs, QueuePolicy

DAY = 24 * 60


@pytest.fixture(autouse=True)
def _policy(app: Flask) -> None:
    with transaction():
        db.session.add(QueuePolicy(queue="sales", zone="UTC", short_seconds=5))


def test_who_hangs_up_at_once_is_counted_and_not_called(app: Flask) -> None:
    ended("1", 0, lasted=4)
    callback = entry()
    assert (callback.state, callback.closed_as, callback.open_key) == (CallbackState.CLOSED, ClosedAs.SHORT, None)
    assert (callback.number, callback.missed, callback.assigned_to_id) == (DANA_E164, 1, None)
    assert audit.problems() == []


@pytest.mark.parametrize(
    ("lasted", "result", "queue"),
    [
        (5, Result.ABANDONED, "sales"),
        (4, Result.BUSY, "sales"),
        (4, Result.LOST, "sales"),
        (4, Result.ABANDONED, "support"),
    ],
)
def test_who_waited_or_was_refused_or_called_another_queue_is_called(
    app: Flask, lasted: float, result: Result, queue: str
) -> None:
    ended("1", 0, lasted=lasted, result=result, queue=queue)
    assert entry().is_open


def test_who_left_the_queue_by_a_key_did_not_hang_up(app: Flask) -> None:
    """Also when their wish for a callback was not heard: then it was the dialplan that ended the call."""
    ended("1", 0, lasted=4, hangup_by=HungUpBy.SYSTEM)
    assert entry().is_open


@pytest.mark.parametrize("lasted", [3, 60])
def test_a_second_call_within_a_day_opens_it_and_the_time_counts_from_that(app: Flask, lasted: float) -> None:
    ended("1", 0, lasted=3)
    ended("2", 60, lasted=lasted)
    callback = entry()
    assert (callback.state, callback.missed, callback.closed_as) == (CallbackState.OPEN, 2, None)
    assert callback.due_at == after(60 + lasted / 60 + 30)
    assert callback.first_missed_at < after(1)
    assert audit.problems() == []


def test_two_days_later_it_is_another_one(app: Flask) -> None:
    ended("1", 0, lasted=3)
    ended("2", 2 * DAY, lasted=3)
    assert story() == [(("1",), "short", ""), (("2",), "short", "")]


def test_who_was_talked_to_in_between_starts_anew(app: Flask, alice: User) -> None:
    ended("1", 0, lasted=3)
    ended("2", 10, by=alice)
    ended("3", 20, lasted=3)
    assert story() == [(("1",), "short", ""), (("3",), "short", "")]


def test_a_short_call_of_somebody_who_waits_for_ours_makes_it_more_urgent(app: Flask) -> None:
    ended("1", 0)
    ended("2", 5, lasted=3)
    assert [(callback.state, callback.missed) for callback in entries()] == [(CallbackState.OPEN, 2)]
