"""Whatever the order in which calls are told, the ledger is the one that it would be had they been told in time."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.events import Direction, Result
from tests.factories import make_party
from tests.webapp.tasks.callers import after, ended, entries, entry, story
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import db, transaction
from webapp.tasks import actions, audit
from webapp.tasks.models import Callback, CallbackState, ClosedAs, QueuePolicy

TURNS = st.lists(st.sampled_from(["missed", "short", "rang_in", "reached"]), min_size=1, max_size=7)


def tell(turn: str, position: int, alice: User) -> None:
    """Ten minutes apart."""
    if turn in ("missed", "short"):
        ended(f"{position}", position * 10, lasted=60 if turn == "missed" else 3)
    elif turn == "rang_in":
        ended(f"{position}", position * 10, by=alice)
    else:
        ended(f"{position}", position * 10, by=alice, direction=Direction.OUTBOUND)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS, data=st.data())
def test_the_order_in_which_calls_are_told_does_not_matter(
    app: Flask, alice: User, turns: list[str], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(turns))))
    with transaction():
        db.session.merge(QueuePolicy(queue="", zone="UTC", short_seconds=5))
    told = []
    for sequence in (range(len(turns)), order):
        with transaction():
            for table in (Callback, Call):
                db.session.execute(sa.delete(table))
        for position in sequence:
            tell(turns[position], position, alice)
        told.append(story())
        assert audit.problems() == []
    assert told[0] == told[1]


def test_a_call_that_was_recovered_hours_later_has_its_own_times(app: Flask) -> None:
    ended("1", 0)
    callback = entry()
    assert (callback.first_missed_at, callback.due_at) == (after(1), after(31))
    ended("0", -120)
    callback = entry()
    assert (callback.first_missed_at, callback.due_at, callback.missed) == (after(-119), after(-89), 2)


def test_who_dismissed_did_not_know_of_a_call_that_is_recovered_later(app: Flask, alice: User) -> None:
    ended("2", 30)
    with transaction():
        actions.dismiss(db.session.get_one(Callback, entry().id), alice, "Spam", at=after(60))
    ended("1", 0)
    assert story() == [(("1",), "open", ""), (("2",), "dismissed", "")]


def test_a_late_conversation_parts_what_was_before_it_from_what_came_after(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("3", 20)
    ended("2", 10, by=alice)
    assert story() == [(("1",), "rang_in", "2"), (("3",), "open", "")]
    open_one = entries()[1]
    assert (open_one.missed, open_one.first_missed_at, open_one.due_at) == (1, after(21), after(51))


def test_an_earlier_conversation_that_is_told_later_is_what_closed_it(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("3", 20, by=alice)
    ended("2", 10, by=alice, direction=Direction.OUTBOUND)
    assert story() == [(("1",), "reached", "2")]
    assert entry().closed_at == after(10) + timedelta(seconds=20)


def test_a_conversation_of_before_the_call_closes_nothing(app: Flask, alice: User) -> None:
    ended("2", 10)
    ended("1", 0, by=alice)
    assert entry().is_open


@pytest.mark.parametrize("first", [Result.ABANDONED, Result.LOST, Result.QUEUE_TIMEOUT])
def test_told_twice_it_is_counted_once(app: Flask, first: Result) -> None:
    for _ in range(3):
        ended("1", 0, result=first)
    assert (entry().missed, len(entries())) == (1, 1)


def test_a_person_who_calls_from_two_numbers_is_one_entry_and_a_company_is_two(app: Flask, alice: User) -> None:
    make_party("Dana Reyes", "+306944000001", "+302310000001")
    ended("1", 0)
    ended("2", 5, number="2310000001")
    assert story() == [(("1", "2"), "open", "")]
    ended("3", 10, number="2310000001", by=alice)
    assert story() == [(("1", "2"), "rang_in", "3")]
    from webapp.contacts.models import PartyKind

    shop = make_party("Shop", "+302310000002", "+302310000003")
    with transaction():
        db.session.merge(shop).kind = PartyKind.COMPANY
    ended("4", 20, number="2310000002")
    ended("5", 21, number="2310000003")
    assert [callback.state for callback in entries()[1:]] == [CallbackState.OPEN, CallbackState.OPEN]


def test_becoming_known_as_one_person_makes_one_entry_of_two(app: Flask, alice: User) -> None:
    from webapp.contacts.actions import Details, Phone, update_party

    dana = make_party("Dana Reyes", "+306944000001")
    ended("1", 0)
    ended("2", 5, number="2310000001")
    with transaction():
        update_party(db.session.merge(dana), Details("Dana Reyes", phones=[Phone("6944000001"), Phone("2310000001")]))
    older, newer = sorted(entries(), key=lambda callback: callback.is_open)
    assert (older.closed_as, older.merged_into_id) == (ClosedAs.MERGED, newer.id)
    assert story() == [((), "merged", ""), (("1", "2"), "open", "")]
    assert (newer.missed, newer.first_missed_at) == (2, after(1))
    assert audit.problems() == []
    assert newer.id != uuid4()
