"""What is observed of agents, and since when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallHeld,
    CallResumed,
    CallStarted,
    CallSummary,
    Direction,
    LegRinging,
    LegSummary,
    Result,
)
from tests.factories import make_call, make_callback
from webapp.accounts import breaks, presence
from webapp.accounts.actions import logged_in, set_status
from webapp.accounts.models import AgentStatus, User
from webapp.agents.queries import AgentState, state_of, states_of
from webapp.agents.shown import next_change, rows_of, totals
from webapp.calls import capture
from webapp.calls.models import CallState
from webapp.db import db, now, transaction
from webapp.tasks.people import give

As = Callable[[User], FlaskClient]
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _at_work(alice: User) -> None:
    with transaction():
        logged_in(db.session.merge(alice))
    db.session.refresh(alice)


def tell(event: object) -> None:
    capture.record(event, switch="main")  # type: ignore[arg-type]


def test_a_call_takes_her_through_all_states_each_with_its_own_clock(alice: User) -> None:
    uid, leg, at = "1.1", {"leg": "1.2", "line": "PJSIP/alice"}, now()
    moments = [at + n * SECOND for n in range(5)]

    def observed() -> tuple[AgentState, object]:
        db.session.rollback()
        state = state_of(alice)
        return state.state, state.since

    assert observed() == (AgentState.IDLE, alice.status_since)
    tell(CallStarted(uid=uid, at=at, direction=Direction.INBOUND, customer=Caller("6944000001")))
    tell(LegRinging(uid=uid, at=moments[0], **leg))
    assert observed() == (AgentState.RINGING, moments[0])
    tell(CallAnswered(uid=uid, at=moments[1], **leg))
    assert observed() == (AgentState.TALKING, moments[1])
    tell(CallHeld(uid=uid, at=moments[2], **leg))
    assert observed() == (AgentState.ON_HOLD, moments[2])
    tell(CallResumed(uid=uid, at=moments[3], **leg))
    assert observed()[0] is AgentState.TALKING
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=Direction.INBOUND, customer=Caller("6944000001"), result=Result.ANSWERED,
        started_at=at, answered_at=moments[1], ended_at=moments[4],
        legs=(LegSummary(uid="1.2", line="PJSIP/alice", answered_at=moments[1], ended_at=moments[4]),),
    )  # fmt: skip
    tell(CallEnded(uid=uid, at=moments[4], summary=summary))
    assert observed() == (AgentState.WRAP_UP, moments[4])


def test_one_question_more_or_less_for_however_many(
    alice: User, bob: User, charlie: User, questions: Callable[[Callable[[], object]], int]
) -> None:
    make_call(ringing=(alice, bob), state=CallState.RINGING)
    for user in (alice, bob, charlie):
        db.session.refresh(user)
    one = questions(lambda: states_of([alice]))
    assert questions(lambda: states_of([alice, bob, charlie])) <= one + 1


def test_status_and_state_are_two_things(alice: User, as_: As) -> None:
    make_call(answered_by=alice, state=CallState.ANSWERED)
    menu = as_(alice).get("/desk/status").text
    assert "Available" in menu
    assert "Talking" in menu


# presence: a heartbeat with an expiry


def expired(user: User) -> None:
    with transaction():
        presence.seen([user.id], now() - 2 * presence.EXPIRES)
        presence.expire(now())


def test_whoever_has_no_page_open_is_not_connected_and_keeps_the_status(alice: User, sofia: User, as_: As) -> None:
    assert "Not connected</span>" not in as_(sofia).get("/agents").text
    expired(alice)
    assert "Not connected</span>" in as_(sofia).get("/agents").text
    db.session.refresh(alice)
    assert alice.status is AgentStatus.AVAILABLE


def test_nothing_new_is_given_to_whom_it_would_not_reach(alice: User) -> None:
    expired(alice)
    missed = make_callback()
    with transaction():
        give(db.session.merge(missed), now())
    assert missed.assigned_to_id is None
    with transaction():
        presence.seen([alice.id], now())
        give(db.session.merge(missed), now())
    assert missed.assigned_to_id == alice.id


def test_a_socket_of_somebody_who_is_gone_is_nobodys(alice: User) -> None:
    with transaction():
        presence.seen([alice.id, uuid4()], now())
    assert presence.disconnected_ids() == frozenset()


def test_each_agent_counts_once_among_the_totals(alice: User, bob: User, charlie: User) -> None:
    make_call(state=CallState.ANSWERED, answered_by=alice)
    with transaction():
        logged_in(db.session.get_one(User, bob.id))
    rows = rows_of([db.session.get_one(User, user.id) for user in (alice, bob, charlie)])
    assert [(total.word, total.count) for total in totals(rows)] == [
        ("Available", 1),
        ("Talking", 1),
        ("Logged out", 1),
    ]
    assert next_change(rows) is None


def test_time_alone_makes_a_break_too_long(alice: User) -> None:
    at = now()
    with transaction():
        breaks.plant()
        set_status(db.session.get_one(User, alice.id), AgentStatus.ON_BREAK, reason="short", at=at)
    rows = rows_of([db.session.get_one(User, alice.id)], at)
    assert next_change(rows, at) == pytest.approx(15 * 60, abs=1)
