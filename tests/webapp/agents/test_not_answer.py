"""Somebody's phone rings in vain again and again: it is shown and told, and nobody is logged out for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.commands import Pause
from telephony.events import CallAnswered, Caller, CallStarted, Direction, LegEnded, LegResult, LegRinging
from telephony.fake.switch import FakeSwitch
from webapp.accounts.actions import logged_in, set_head
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.models import AgentStatus, User
from webapp.agents.queries import unanswered_in_a_row
from webapp.calls import capture
from webapp.db import db, now, transaction
from webapp.notices.models import Notice

As = Callable[[User], FlaskClient]
numbers = count(1)


@pytest.fixture(autouse=True)
def _at_work(alice: User, bob: User, sofia: User) -> None:
    with transaction():
        for user in (alice, bob):
            logged_in(db.session.merge(user))
        set_head("Sales", db.session.merge(sofia))


@pytest.fixture
def breaks_are_taken(app: Flask) -> Iterator[None]:
    settings = app.extensions["ringback.settings"]
    app.extensions["ringback.settings"] = replace(settings, unanswered_break=True)
    yield
    app.extensions["ringback.settings"] = settings


def rings(
    line: str = "PJSIP/alice", result: LegResult = LegResult.NO_ANSWER, *, call: str = "", at: datetime | None = None,
    direction: Direction = Direction.INBOUND,
) -> str:  # fmt: skip
    """A customer's call rings this phone, and nobody picks up."""
    n, at = next(numbers), at or now()
    uid, leg = call or f"call.{n}", f"leg.{n}"
    if not call:
        tell(CallStarted(uid=uid, at=at, direction=direction, customer=Caller("6944000001")))
    tell(LegRinging(uid=uid, at=at, leg=leg, line=line, queue="sales"))
    tell(LegEnded(uid=uid, at=at + timedelta(milliseconds=1), leg=leg, line=line, result=result))
    return uid


def answers(line: str = "PJSIP/alice") -> None:
    n, at = next(numbers), now()
    tell(CallStarted(uid=f"call.{n}", at=at, direction=Direction.INBOUND, customer=Caller("6944000002")))
    tell(LegRinging(uid=f"call.{n}", at=at, leg=f"leg.{n}", line=line))
    tell(CallAnswered(uid=f"call.{n}", at=at + timedelta(milliseconds=1), leg=f"leg.{n}", line=line))


def tell(event: object) -> None:
    capture.record(event, switch="main")  # type: ignore[arg-type]


def seen(user: User) -> User:
    db.session.rollback()
    db.session.refresh(user)
    return user


def notices() -> list[Notice]:
    return list(db.session.scalars(sa.select(Notice).where(Notice.kind == "agent.did_not_answer")))


def test_the_second_ring_in_a_row_is_shown_and_told_to_the_head_once(alice: User, sofia: User, as_: As) -> None:
    rings()
    assert seen(alice).did_not_answer_at is None
    rings()
    rings()
    assert seen(alice).did_not_answer_at
    assert alice.status is AgentStatus.AVAILABLE  # never a silent log-out
    assert "Did not answer" in as_(alice).get("/desk/status").text
    (notice,) = notices()
    assert (notice.user_id, notice.facts["who"], notice.facts["rings"]) == (sofia.id, "Alice Martin", 2)
    page = as_(sofia).get("/agents").text
    assert page.count("Did not answer") == 1


def test_a_queue_that_rings_again_for_the_same_caller_rings_again(alice: User) -> None:
    rings(call=rings())
    assert seen(alice).did_not_answer_at


@pytest.mark.parametrize(
    "result", [LegResult.CANCELLED, LegResult.ANSWERED_ELSEWHERE, LegResult.DECLINED, LegResult.BUSY]
)
def test_only_a_ring_that_lasted_counts(alice: User, result: LegResult) -> None:
    for _ in range(3):
        rings(result=result)
    assert (seen(alice).did_not_answer_at, unanswered_in_a_row(alice)) == (None, 0)


def test_neither_does_ones_own_phone_of_a_call_that_one_asked_for(alice: User) -> None:
    for _ in range(3):
        rings(direction=Direction.OUTBOUND)
    assert seen(alice).did_not_answer_at is None


def test_two_phones_that_ring_at_once_are_one_ring(alice: User) -> None:
    from webapp.accounts.models import Line

    with transaction():
        db.session.add(Line(switch="main", endpoint="PJSIP/alice2", user_id=alice.id))
    rings("PJSIP/alice2", call=rings())
    assert seen(alice).did_not_answer_at is None


def test_an_answer_between_them_begins_anew(alice: User) -> None:
    rings()
    answers()
    rings()
    assert seen(alice).did_not_answer_at is None


def test_it_goes_with_the_next_answered_call(alice: User, bob: User) -> None:
    for line in ("PJSIP/alice", "PJSIP/alice", "PJSIP/bob", "PJSIP/bob"):
        rings(line)
    answers()
    assert seen(alice).did_not_answer_at is None
    assert seen(bob).did_not_answer_at


def test_it_goes_when_she_says_that_she_is_here_and_counting_begins_anew(alice: User, as_: As) -> None:
    rings()
    rings()
    assert as_(alice).post("/me/here").status_code == 303
    assert seen(alice).did_not_answer_at is None
    rings()
    assert seen(alice).did_not_answer_at is None
    rings()
    assert seen(alice).did_not_answer_at
    assert len(notices()) == 2


def test_what_is_told_hours_later_says_nothing_of_now(alice: User) -> None:
    for _ in range(3):
        rings(at=now() - timedelta(hours=2))
    assert seen(alice).did_not_answer_at is None


def test_on_a_break_nobody_is_expected_to_answer(alice: User, as_: As, switch: FakeSwitch) -> None:
    as_(alice).post("/me/status", json={"status": "on_break"})
    rings()
    rings()
    assert seen(alice).did_not_answer_at is None


@pytest.mark.usefixtures("breaks_are_taken")
def test_by_setting_she_is_taken_out_of_the_queues_until_she_is_here(alice: User, as_: As, switch: FakeSwitch) -> None:
    keep_in_step(str(alice.id))
    switch.commands.clear()
    rings()
    rings()
    assert (seen(alice).status, alice.status_reason) == (AgentStatus.ON_BREAK, "no-answer")
    keep_in_step(str(alice.id))
    as_(alice).post("/me/here")
    assert (seen(alice).status, alice.did_not_answer_at) == (AgentStatus.AVAILABLE, None)
    assert switch.commands == [Pause("PJSIP/alice", True, "no-answer"), Pause("PJSIP/alice", False)]
