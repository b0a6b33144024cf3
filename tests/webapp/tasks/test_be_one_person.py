"""Dana has two telephones: by whichever she is entered, one entry is open for her."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import CallbackRequested, Caller, CallStarted, Direction, QueueJoined
from tests.factories import make_party
from tests.webapp.tasks.callers import DANA_E164, after, ended, entries
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.actions import choose_party
from webapp.calls.models import Call
from webapp.contacts.models import Party
from webapp.db import db, transaction
from webapp.tasks import actions, audit, promises
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


@pytest.mark.parametrize("mobile_is_open", [False, True])
@pytest.mark.parametrize("on", ["the missed call", "the call back"])
def test_who_was_chosen_for_a_shared_number_is_whose_entry_it_is(
    dana: Party, alice: User, on: str, mobile_is_open: bool
) -> None:
    make_party("Eli Reyes", HOME_E164)
    ended("1", 0, number=HOME)
    (shared,) = open_ones()
    assert shared.party_id is None, "Dana or Eli"
    if mobile_is_open:
        ended("2", 5)
    if on == "the call back":
        with transaction():
            mine = actions.call_back(db.session.get_one(Callback, shared.id), db.session.merge(alice), "a key")
    call = sa.select(Call).where(Call.id == mine.id if on == "the call back" else Call.uid == "1")
    with transaction():
        choose_party(db.session.scalars(call).unique().one(), db.session.merge(dana), by=db.session.merge(alice))
    (left,) = open_ones()
    assert (left.party_id, left.missed) == (dana.id, 1 + mobile_is_open)
    assert audit.problems() == []


def test_the_owner_of_whom_it_was_not_passes_it_on(app: Flask, alice: User, bob: User) -> None:
    dana, eli = make_party("Dana Reyes", HOME_E164), make_party("Eli Reyes", "+302310000003")
    with transaction():
        for party, owner in ((dana, alice), (eli, bob)):
            db.session.merge(party).owner_id = owner.id
            logged_in(db.session.merge(owner))
    ended("1", 0, number=HOME)
    assert open_ones()[0].assigned_to_id == alice.id
    with transaction():
        choose_party(
            db.session.scalars(sa.select(Call)).unique().one(), db.session.merge(eli), by=db.session.merge(alice)
        )
    assert (open_ones()[0].party_id, open_ones()[0].assigned_to_id) == (eli.id, bob.id)


@pytest.mark.parametrize("before", ["is missed", "is promised a call", "types her other number"])
@pytest.mark.parametrize("typed", ["", DANA_E164])
def test_the_number_that_she_confirms_is_the_one_that_is_called(
    dana: Party, alice: User, before: str, typed: str
) -> None:
    WAYS[before](alice)
    assert open_ones()[0].number == HOME_E164
    presses_1("9", 20, "2310000008" if typed else DANA_E164, typed)
    (left,) = open_ones()
    assert (left.number, left.open_key, left.party_id) == (DANA_E164, f"tel:{DANA_E164}", dana.id)
    presses_1("4", 7, "2310000009", HOME)  # told again, of before
    assert open_ones()[0].number == DANA_E164
    assert audit.problems() == []


def test_the_number_that_was_typed_is_called_also_if_it_is_told_last(app: Flask) -> None:
    ended("1", 0, number=HOME)
    presses_1("1", 0, HOME, DANA_E164)
    (left,) = open_ones()
    assert (left.kind, left.number) == (CallbackKind.TICKET, DANA_E164)
    assert audit.problems() == []


def test_who_types_a_number_that_somebody_else_is_called_at_is_called_at_their_own(app: Flask) -> None:
    ended("1", 0)
    ended("2", 5, number=HOME)
    presses_1("2", 5, HOME, DANA_E164)
    assert sorted(str(callback.number) for callback in open_ones()) == [HOME_E164, DANA_E164]
    assert audit.problems() == []
