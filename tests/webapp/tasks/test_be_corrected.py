"""The books say it otherwise: what was entered by mistake is taken out, and nothing that somebody is owed is lost."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask

from telephony.events import (
    CallAnswered,
    CallbackRequested,
    Caller,
    CallsMerged,
    CallStarted,
    CallSummary,
    Direction,
    QueueJoined,
    Result,
)
from tests.webapp.tasks.callers import DANA, DANA_E164, after, ended, entries, entry, story
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.db import db, transaction
from webapp.tasks import actions, audit, promises
from webapp.tasks.models import Callback, CallbackKind, CallbackState


def books(
    uid: str, minute: float, *, number: str = DANA, direction: Direction = Direction.INBOUND,
    result: Result = Result.ABANDONED, answered_at: datetime | None = None,
) -> None:  # fmt: skip
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=direction, customer=Caller(number, "", not number), did="2100000100",
        queue="sales", result=result, started_at=after(minute), answered_at=answered_at, ended_at=after(minute + 1),
    )  # fmt: skip
    with transaction():
        capture.settle(summary, switch="main")


def is_promised(alice: User) -> None:
    with transaction():
        promises.promise(DANA_E164, after(2 * 24 * 60), by=db.session.merge(alice), at=after(0))


def by_number() -> dict[str | None, Callback]:
    return {callback.number: callback for callback in entries() if callback.is_open}


def test_a_number_withheld_late_leaves_the_promise_to_call_it(app: Flask, alice: User) -> None:
    is_promised(alice)
    ended("5", 5)
    assert entry().state is CallbackState.OPEN, "she rang"
    books("5", 5, number="")
    found = by_number()
    promise = found[DANA_E164]
    assert (promise.kind, promise.state, promise.missed) == (CallbackKind.PROMISE, CallbackState.WAITING, 0)
    assert (promise.retry_at, promise.due_at) == (after(2 * 24 * 60 - 10), after(2 * 24 * 60 + 5))
    assert found[None].missed == 1, "whoever rang was somebody"
    assert audit.problems() == []


@pytest.mark.parametrize(("typed", "kept"), [("2310000004", "+302310000004"), ("", None)])
def test_the_number_that_was_typed_stays_and_the_one_that_called_goes(app: Flask, typed: str, kept: str | None) -> None:
    for event in (
        CallStarted(uid="1", at=after(0), direction=Direction.INBOUND, customer=Caller(DANA)),
        QueueJoined(uid="1", at=after(0), queue="sales"),
        CallbackRequested(uid="1", at=after(0.5), queue="sales", number=typed),
    ):
        capture.record(event, switch="main")
    ended("1", 0)
    books("1", 0, number="")
    assert (entry().kind, entry().number, entry().missed) == (CallbackKind.TICKET, kept, 1)
    assert audit.problems() == []


def test_what_a_forger_may_have_said_closes_no_call_that_is_told_late(app: Flask, alice: User) -> None:
    for event in (
        CallStarted(uid="9", at=after(10), direction=Direction.INBOUND, customer=Caller(DANA), tainted=True),
        CallAnswered(uid="9", at=after(11), leg="9.1", line="PJSIP/alice", tainted=True),
    ):
        capture.record(event, switch="main")
    ended("1", 0)
    assert story() == [(("1",), "open", "")]
    assert audit.problems() == []


def test_a_conversation_that_never_was_leaves_one_entry_with_all_calls(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("2", 5, by=alice)
    ended("3", 10)
    books("2", 5)
    assert story() == [((), "merged", ""), (("1", "2", "3"), "open", "")]
    left = by_number()[DANA_E164]
    assert (left.missed, left.first_missed_at, left.due_at) == (3, after(1), after(31))
    assert audit.problems() == []


def test_a_later_conversation_closes_it_instead_and_is_said_to(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("2", 5, by=alice, direction=Direction.OUTBOUND)
    ended("3", 10, by=alice)
    books("2", 5, direction=Direction.OUTBOUND, result=Result.NO_ANSWER)
    assert story() == [(("1",), "rang_in", "3")]


def test_a_call_of_ours_that_was_told_as_theirs_leaves_no_entry(app: Flask) -> None:
    ended("1", 0)
    books("1", 0, direction=Direction.OUTBOUND, result=Result.NO_ANSWER)
    assert entries() == []
    assert audit.problems() == []


def test_a_call_of_ours_that_was_told_as_theirs_leaves_the_others(app: Flask) -> None:
    ended("1", 0)
    ended("2", 5)
    books("1", 0, direction=Direction.OUTBOUND, result=Result.NO_ANSWER)
    assert story() == [(("2",), "open", "")]
    assert (entry().missed, entry().first_missed_at, entry().due_at) == (1, after(6), after(36))
    assert audit.problems() == []


def test_two_missed_halves_in_two_entries_are_one(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("2", 0.5, number="", withheld=True)
    withheld = next(callback for callback in entries() if callback.number is None)
    with transaction():
        actions.claim(db.session.get_one(Callback, withheld.id), db.session.merge(alice))
    capture.record(CallsMerged(uid="1", at=after(2), merged="2"), switch="main")
    assert story() == [((), "merged", ""), (("1",), "claimed", "")]
    assert by_number()[DANA_E164].claimed_by_id == alice.id
    assert audit.problems() == []


def test_an_open_entry_without_a_call_is_found(app: Flask) -> None:
    ended("1", 0)
    alone = {"switch": "main", "missed": 1, "first_missed_at": after(0), "last_missed_at": after(0)}
    with transaction():
        db.session.add(Callback(open_key="raw:x", number_raw="x", attempts=0, due_at=after(30), **alone))
    assert {problem.rule for problem in audit.problems()} == {"an open entry of missed calls has one"}
