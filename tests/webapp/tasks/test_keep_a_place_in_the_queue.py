"""A caller presses 1 instead of waiting: a ticket, called when their turn would have come."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import CallbackRequested, Caller, CallStarted, Direction, QueueJoined
from tests.factories import make_party
from tests.webapp.tasks.callers import DANA, DANA_E164, after, ended, entries, entry, story
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.db import db, transaction
from webapp.notices.models import Notice
from webapp.tasks import actions, audit, promises
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback, CallbackKind, CallbackState, ClosedAs

EMIL = "2310000004"


def waits(uid: str, minute: float, number: str) -> None:
    """Enters the queue and stays."""
    capture.record(
        CallStarted(uid=uid, at=after(minute), direction=Direction.INBOUND, customer=Caller(number)), switch="main"
    )
    capture.record(QueueJoined(uid=uid, at=after(minute), queue="sales"), switch="main")


def asks(uid: str, minute: float, number: str = "") -> None:
    capture.record(CallbackRequested(uid=uid, at=after(minute), queue="sales", number=number), switch="main")


def test_a_ticket_keeps_the_place_and_waits_for_its_turn(app: Flask) -> None:
    waits("1", 0, EMIL)
    waits("2", 1, DANA)
    asks("2", 3)
    ended("2", 1, lasted=130)
    ticket = entry()
    assert (ticket.kind, ticket.state, ticket.number) == (CallbackKind.TICKET, CallbackState.WAITING, DANA_E164)
    assert (ticket.queued_at, ticket.missed) == (after(1), 1)
    sweep(at=after(4))
    assert entry().state is CallbackState.WAITING, "Emil is before her"


def test_its_turn_comes_when_those_before_it_are_gone_and_it_is_offered(app: Flask, alice: User) -> None:
    waits("1", 0, EMIL)
    waits("2", 1, DANA)
    asks("2", 3)
    ended("2", 1, lasted=130)
    waits("3", 2, "2310000005")  # after her: does not keep her waiting
    with transaction():
        logged_in(db.session.merge(alice))
    ended("1", 0, number=EMIL, by=alice)
    sweep(at=after(6))
    ticket = entry()
    assert (ticket.state, ticket.due_at, ticket.assigned_to_id) == (CallbackState.OPEN, after(11), alice.id)
    notice = db.session.scalars(sa.select(Notice)).one()
    assert (notice.user_id, notice.kind) == (alice.id, "callback.turn")
    sweep(at=after(6.1))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 1


def test_tickets_are_offered_in_the_order_of_their_places(app: Flask) -> None:
    for position, uid in enumerate(("1", "2")):
        waits(uid, position, f"231000000{uid}")
        asks(uid, 10 - position)  # the second asks first
    sweep(at=after(11))
    assert [callback.state for callback in entries()] == [CallbackState.OPEN, CallbackState.WAITING]
    sweep(at=after(11.1))
    assert [callback.state for callback in entries()] == [CallbackState.OPEN, CallbackState.OPEN]


def test_at_the_latest_its_turn_comes_when_a_missed_caller_would_be_overdue(app: Flask) -> None:
    waits("1", 0, EMIL)
    waits("2", 1, DANA)
    asks("2", 3)
    sweep(at=after(32))
    assert entry().state is CallbackState.WAITING
    sweep(at=after(33))
    assert entry().state is CallbackState.OPEN


def test_told_twice_and_in_any_order_it_is_one_ticket_with_one_call(app: Flask) -> None:
    waits("1", 0, DANA)
    ended("1", 0)
    asks("1", 0.5)
    asks("1", 0.5)
    ended("1", 0)
    ticket = entry()
    assert (ticket.kind, ticket.missed, ticket.queued_at) == (CallbackKind.TICKET, 1, after(0))
    assert audit.problems() == []


def test_another_number_may_be_typed_and_ringing_in_from_the_first_closes_it(app: Flask, alice: User) -> None:
    waits("1", 0, DANA)
    asks("1", 1, EMIL)
    ended("1", 0, lasted=80)
    assert entry().number == "+302310000004"
    ended("2", 10, by=alice)
    assert story() == [(("1",), "rang_in", "2")]


@pytest.mark.parametrize("typed", ["9011234567", "0088216123456", "+8821612345678", "+447911123456", "12345"])
def test_nobody_makes_us_call_a_dear_or_distant_number(app: Flask, typed: str) -> None:
    waits("1", 0, DANA)
    asks("1", 1, typed)
    assert entry().number == DANA_E164


def test_who_had_an_open_entry_is_not_called_later_for_having_pressed_1(app: Flask) -> None:
    ended("0", -10)
    waits("1", 0, DANA)
    asks("1", 1)
    ended("1", 0, lasted=90)
    ticket = entry()
    assert (ticket.kind, ticket.state, ticket.due_at) == (CallbackKind.TICKET, CallbackState.OPEN, after(-9 + 30))
    assert ticket.missed == 2


def test_a_ticket_that_was_called_is_closed_like_any_other(app: Flask, alice: User) -> None:
    waits("1", 0, DANA)
    asks("1", 1)
    ended("1", 0, lasted=90)
    ended("2", 5, by=alice, direction=Direction.OUTBOUND)
    assert entry().closed_as is ClosedAs.REACHED
    sweep(at=after(60))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 1
    assert after(60) - after(0) == timedelta(hours=1)


def test_who_waits_for_the_next_attempt_and_presses_1_waits_for_the_turn_and_no_longer(app: Flask) -> None:
    ended("0", -60)
    with transaction():
        known = db.session.get_one(Callback, entry().id)
        known.state, known.retry_at, known.due_at = CallbackState.WAITING, after(120), after(150)
    waits("1", 0, EMIL)
    waits("2", 5, DANA)
    asks("2", 6)
    ended("2", 5, lasted=80)
    ticket = entry()
    assert (ticket.kind, ticket.state, ticket.retry_at) == (CallbackKind.TICKET, CallbackState.WAITING, None)
    assert (ticket.due_at, ticket.queued_at, ticket.missed) == (after(36), after(5), 2)
    sweep(at=after(7))
    assert entry().state is CallbackState.WAITING, "Emil is before her"
    ended("1", 0, number=EMIL, lasted=480)
    sweep(at=after(9))
    assert next(callback for callback in entries() if callback.number == DANA_E164).state is CallbackState.OPEN


def test_a_kept_place_that_was_tried_in_vain_is_kept_again_by_who_presses_1_again(app: Flask) -> None:
    waits("1", 0, DANA)
    asks("1", 1)
    ended("1", 0, lasted=80)
    with transaction():
        entry().retry_at = after(120)
    asks("1", 1)
    assert entry().retry_at == after(120), "told twice it is one wish"
    waits("2", 5, DANA)
    asks("2", 6)
    assert (entry().state, entry().retry_at, entry().missed) == (CallbackState.WAITING, None, 2)
    sweep(at=after(7))
    assert entry().state is CallbackState.OPEN


def test_whom_we_promised_a_call_on_wednesday_is_called_today_after_pressing_1(app: Flask, alice: User) -> None:
    with transaction():
        promises.promise(DANA_E164, after(2 * 24 * 60), by=db.session.merge(alice), at=after(0))
    waits("2", 5, DANA)
    asks("2", 6)
    ended("2", 5, lasted=80)
    promise = entry()
    assert (promise.kind, promise.state, promise.retry_at) == (CallbackKind.PROMISE, CallbackState.OPEN, None)
    assert (promise.due_at, promise.promised_for, promise.missed) == (after(36), after(2 * 24 * 60), 1)
    assert audit.problems() == []


def test_a_person_who_types_a_number_that_nobody_knows_is_still_this_person(app: Flask) -> None:
    dana = make_party("Dana Reyes", DANA_E164)
    ended("0", -10)
    waits("1", 0, DANA)
    asks("1", 1, EMIL)
    ticket = entry()
    assert (ticket.number, ticket.party_id) == ("+302310000004", dana.id)


def test_who_was_missed_and_types_another_number_is_called_once(app: Flask) -> None:
    ended("0", -10)
    waits("1", 0, DANA)
    asks("1", 1, EMIL)
    ended("1", 0, lasted=90)
    ticket = entry()
    assert (ticket.number, ticket.missed, ticket.open_key) == ("+302310000004", 2, "tel:+302310000004")
    assert audit.problems() == []


def test_a_kept_place_that_is_one_with_a_missed_call_is_kept(app: Flask) -> None:
    waits("1", 0, DANA)
    asks("1", 1)
    ended("1", 0, lasted=90)
    ended("2", 3, number=EMIL)
    ticket, missed = entries()
    with transaction():
        actions.merge(db.session.get_one(Callback, ticket.id), db.session.get_one(Callback, missed.id))
    left = next(callback for callback in entries() if callback.is_open)
    assert (left.id, left.kind, left.queued_at, left.missed) == (missed.id, CallbackKind.TICKET, after(0), 2)
    assert audit.problems() == []
