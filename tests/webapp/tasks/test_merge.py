"""Two entries turn out to be of one caller: one goes on with the calls of both."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import Caller, CallsMerged, CallStarted, Direction
from tests.webapp.tasks.callers import after, ended, entries, entry, story
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.db import db, transaction
from webapp.errors import Conflict
from webapp.tasks import actions, audit, promises
from webapp.tasks.models import Callback, CallbackKind, CallbackState, ClosedAs


@pytest.fixture
def two(app: Flask) -> tuple[Callback, Callback]:
    ended("1", 0)
    ended("2", 10, number="2310000001")
    first, second = entries()
    return first, second


def get(callback: Callback) -> Callback:
    return db.session.get_one(Callback, callback.id)


def test_the_one_goes_on_with_the_calls_of_both(two: tuple[Callback, Callback]) -> None:
    first, second = two
    with transaction():
        actions.merge(get(first), get(second))
    assert story() == [((), "merged", ""), (("1", "2"), "open", "")]
    merged, left = entries()
    assert (merged.closed_as, merged.merged_into_id) == (ClosedAs.MERGED, left.id)
    assert (left.missed, left.first_missed_at, left.due_at) == (2, after(1), after(31)), "the sooner promise holds"
    assert audit.problems() == []


def test_what_was_promised_for_the_one_is_promised_for_the_other(app: Flask, alice: User) -> None:
    with transaction():
        promises.promise("+302310000001", after(600), by=db.session.merge(alice), at=after(0), note="The red ones")
    ended("1", 5)
    promise, missed = entries()
    with transaction():
        actions.merge(get(promise), get(missed))
    left = next(callback for callback in entries() if callback.is_open)
    assert (left.id, left.kind, left.promised_for) == (missed.id, CallbackKind.PROMISE, after(600))
    assert (left.promised_by_id, left.assigned_to_id, left.note) == (alice.id, alice.id, "The red ones")
    assert (left.state, left.missed, left.due_at) == (CallbackState.OPEN, 1, after(36))
    assert audit.problems() == []


def test_nobody_is_pushed_off_what_they_are_on(two: tuple[Callback, Callback], alice: User, bob: User) -> None:
    first, second = two
    with transaction():
        actions.claim(get(first), alice)
    with pytest.raises(Conflict, match="Alice Martin"), transaction():
        actions.merge(get(first), get(second))
    with transaction():
        actions.merge(get(second), get(first))
    assert next(callback for callback in entries() if callback.is_open).claimed_by_id == alice.id


def test_one_is_not_merged_with_itself_nor_with_a_closed_one(two: tuple[Callback, Callback], alice: User) -> None:
    first, second = two
    with pytest.raises(Conflict), transaction():
        actions.merge(get(first), get(first))
    with transaction():
        actions.dismiss(get(second), alice, "Spam")
    with pytest.raises(Conflict, match="closed"), transaction():
        actions.merge(get(first), get(second))


def test_two_halves_of_one_conversation_count_once(app: Flask) -> None:
    ended("1", 0)
    ended("2", 0.5)
    assert entry().missed == 2
    capture.record(CallsMerged(uid="1", at=after(2), merged="2"), switch="main")
    assert story() == [(("1",), "open", "")]
    assert entry().missed == 1
    assert audit.problems() == []


def test_the_missed_half_of_a_conversation_that_took_place_was_no_miss(app: Flask, alice: User) -> None:
    ended("1", 0, by=alice)
    ended("2", 0.9)
    assert entry().is_open
    capture.record(CallsMerged(uid="1", at=after(3), merged="2"), switch="main")
    assert entry().closed_as is ClosedAs.RANG_IN
    assert audit.problems() == []


def test_the_audit_finds_what_should_not_be(app: Flask, alice: User) -> None:
    ended("1", 0)
    capture.record(
        CallStarted(uid="9", at=after(5), direction=Direction.INBOUND, customer=Caller("2310000009")), switch="main"
    )
    assert audit.problems() == []
    for broken in (
        "DELETE FROM callback_call",
        "UPDATE callback SET missed = 5",
        "UPDATE callback SET attempts = 2",
        "UPDATE callback SET closed_as = 'dismissed', state = 'closed'",
        "UPDATE callback SET state = 'claimed'",
        "UPDATE callback SET open_key = NULL",
        "UPDATE callback SET closed_as = 'merged', state = 'closed', open_key = NULL, closed_at = first_missed_at",
        "UPDATE call SET direction = 'outbound'",
        "UPDATE call SET answered_at = ended_at",
    ):
        with pytest.raises(ZeroDivisionError), transaction():
            db.session.execute(sa.text(broken))
            assert audit.problems() != [], broken
            raise ZeroDivisionError
