"""Dana has two telephones: by whichever she is entered, one entry is open for her."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from telephony.events import CallbackRequested, Caller, CallStarted, Direction, QueueJoined
from tests.factories import make_party
from tests.webapp.tasks.callers import DANA_E164, after, ended, entries
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.contacts.models import Party
from webapp.db import db, transaction
from webapp.tasks import audit, promises
from webapp.tasks.models import Callback, CallbackKind

HOME, HOME_E164 = "2310000001", "+302310000001"


@pytest.fixture
def dana(app: Flask) -> Party:
    return make_party("Dana Reyes", DANA_E164, HOME_E164)


def presses_1(uid: str, minute: float, number: str, typed: str = "") -> None:
    for event in (
        CallStarted(uid=uid, at=after(minute), direction=Direction.INBOUND, customer=Caller(number)),
        QueueJoined(uid=uid, at=after(minute), queue="sales"),
        CallbackRequested(uid=uid, at=after(minute + 1), queue="sales", number=typed),
    ):
        capture.record(event, switch="main")


def is_promised(alice: User) -> None:
    with transaction():
        promises.promise(HOME_E164, after(2 * 24 * 60), by=db.session.merge(alice), at=after(10))


def open_ones() -> list[Callback]:
    return [callback for callback in entries() if callback.is_open]


WAYS: dict[str, Callable[[User], None]] = {
    "is missed": lambda alice: ended("2", 5, number=HOME),
    "presses 1": lambda alice: presses_1("3", 6, HOME),
    "types her other number": lambda alice: presses_1("4", 7, "2310000009", HOME),
    "is promised a call": is_promised,
}


@pytest.mark.parametrize("first", ["missed by mobile", *WAYS])
@pytest.mark.parametrize("then", WAYS)
def test_one_entry_is_open_for_her(dana: Party, alice: User, first: str, then: str) -> None:
    if first == "missed by mobile":
        ended("1", 0)
    else:
        WAYS[first](alice)
        ended("1", 8)
    WAYS[then](alice)
    assert len(open_ones()) == 1
    assert audit.problems() == []


def test_the_promise_goes_on_with_what_was_open_under_the_other_number(dana: Party, alice: User) -> None:
    ended("1", 0)
    is_promised(alice)
    (promise,) = open_ones()
    assert (promise.kind, promise.number, promise.missed) == (CallbackKind.PROMISE, HOME_E164, 1)


def test_two_open_entries_of_one_person_are_found(dana: Party) -> None:
    ended("1", 0)
    ended("2", 5, number="2310000009")
    assert audit.problems() == []
    with transaction():
        for callback in open_ones():
            db.session.get_one(Callback, callback.id).party_id = dana.id
    assert {problem.rule for problem in audit.problems()} == {"one open entry for each person"}
