"""Calls on a Twilio account, from the first ring to the row, against the stand-in: what truly happened is what is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from telephony.events import Direction, HungUpBy, LegResult, Result
from telephony.fake.twilio.people import answers, by_hand, ignores, rejects, unreachable
from telephony.fake.twilio.truth import truth
from tests.webapp.twilio.conftest import DANA, EVE, OURS, Centre
from webapp.accounts.models import User
from webapp.calls import actions as calls
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.phones import actions as phones
from webapp.tasks.models import Callback, CallbackState

pytestmark = pytest.mark.req("T32")
Agent = Callable[..., User]


def results(call: Call) -> dict[str, LegResult | None]:
    return {leg.line.partition("/")[2]: leg.result for leg in call.legs}


def entries() -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) or 0


def is_true(centre: Centre) -> None:
    """What is written is what truly happened, and nobody is left ringing or talking to nobody."""
    db.session.rollback()
    written = {call.uid: call for call in db.session.scalars(sa.select(Call)).unique()}
    for each in truth(centre.twilio, shortest=0.6):
        call = written[each.sid] if each.inbound else next(c for c in written.values() if c.number == each.customer)
        assert call.state is CallState.ENDED
        assert (call.answered_at is not None) is bool(each.talked), each
        assert {f"client:{leg.user.username}" for leg in call.answered_legs if leg.user} == {
            who for who in each.talked if who.startswith("client:")
        }
        assert sum(each.talked.values()) == pytest.approx(call.talk_seconds, abs=3)
    assert all(leg.ended_at for call in written.values() for leg in call.legs)
    assert not [call for call in centre.twilio.calls.all.values() if not call.is_over]
    assert centre.twilio.alerts == []


# -------------------------------------------------------------------------------------------------------- they call us


def test_dana_calls_and_alice_answers(centre: Centre, agent: Agent) -> None:
    alice = agent("alice", answers(4))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(30))
    centre.run(60)
    call = centre.call()
    assert (call.direction, call.result, call.queue, call.did) == (Direction.INBOUND, Result.ANSWERED, "sales", OURS)
    assert (call.hangup_by, call.legs[0].user_id) == (HungUpBy.CUSTOMER, alice.id)
    assert call.talk_seconds == pytest.approx(30, abs=2)
    assert entries() == 0
    is_true(centre)


def test_alice_does_not_pick_up_and_bob_does(centre: Centre, agent: Agent) -> None:
    agent("alice", ignores())
    agent("bob", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(10))
    centre.run(70)
    assert results(centre.call()) == {"alice": LegResult.NO_ANSWER, "bob": LegResult.ANSWERED}
    is_true(centre)


def test_alice_declines_and_bob_takes_it(centre: Centre, agent: Agent) -> None:
    agent("alice", rejects())
    agent("bob", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(10))
    centre.run(50)
    assert results(centre.call()) == {"alice": LegResult.DECLINED, "bob": LegResult.ANSWERED}
    is_true(centre)


def test_a_page_that_is_not_there_is_passed_over(centre: Centre, agent: Agent) -> None:
    agent("alice", unreachable())
    agent("bob", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(10))
    centre.run(50)
    assert results(centre.call())["bob"] is LegResult.ANSWERED
    is_true(centre)


def test_dana_gives_up_and_is_called_back_once(centre: Centre, agent: Agent) -> None:
    agent("alice", ignores())
    centre.twilio.people.call(DANA, OURS, by_hand().gives_up(8))
    centre.run(30)
    call = centre.call()
    assert (call.result, call.hangup_by) == (Result.ABANDONED, HungUpBy.CUSTOMER)
    assert results(call) == {"alice": LegResult.CANCELLED}
    assert entries() == 1
    is_true(centre)


def test_an_abandoned_caller_is_listed_within_two_seconds(centre: Centre, agent: Agent) -> None:
    agent("alice", ignores())
    dana = centre.twilio.people.call(DANA, OURS, by_hand())
    centre.run(8)
    dana.hang_up()
    centre.run(2)
    assert entries() == 1


def test_where_nobody_is_dana_leaves_a_message_and_is_called_back(centre: Centre) -> None:
    centre.twilio.people.call(DANA, OURS, by_hand().leaves_message(12))
    centre.run(90)
    call = centre.call()
    assert (call.result, call.answered_at) == (Result.NO_AGENTS, None)
    assert entries() == 1
    assert [each.message for each in truth(centre.twilio)] == [pytest.approx(12, abs=1)]
    is_true(centre)


def test_who_waits_too_long_leaves_a_message(centre: Centre, agent: Agent) -> None:
    agent("alice", ignores())
    centre.twilio.people.call(DANA, OURS, by_hand().leaves_message(5))
    centre.run(180)
    assert centre.call().result is Result.QUEUE_TIMEOUT
    assert entries() == 1
    is_true(centre)


def test_when_the_bridge_dies_callers_are_asked_for_a_message_and_nobody_is_lost(centre: Centre, agent: Agent) -> None:
    agent("alice", answers(3))
    centre.turn()
    centre.bridge_alive = False
    centre.twilio.people.call(DANA, OURS, by_hand().leaves_message(6))
    centre.run(120)
    assert centre.call() is None
    centre.bridge_alive = True
    centre.run(3)
    assert centre.call().result is Result.NO_AGENTS
    assert entries() == 1
    is_true(centre)


def test_two_callers_and_one_agent_are_taken_in_turn(centre: Centre, agent: Agent) -> None:
    agent("alice", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(10))
    centre.run(1)
    centre.twilio.people.call(EVE, OURS, by_hand().talks_for(10))
    centre.run(60)
    first, second = centre.call(DANA), centre.call(EVE)
    assert first.answered_at and second.answered_at and first.ended_at
    assert first.answered_at < first.ended_at < second.answered_at
    is_true(centre)


def test_a_withheld_number_is_taken_and_shown_to_nobody(centre: Centre, agent: Agent) -> None:
    agent("alice", answers(2))
    centre.twilio.people.call("+266696687", OURS, by_hand().talks_for(5))
    centre.run(30)
    db.session.rollback()
    call = db.session.scalars(sa.select(Call)).unique().one()
    assert call.withheld and call.number is None and call.result is Result.ANSWERED


# -------------------------------------------------------------------------------------------------------- we call them


def test_alice_clicks_and_dana_answers(centre: Centre, agent: Agent) -> None:
    alice = agent("alice", answers(2))
    centre.twilio.people.at(DANA, answers(5).talks_for(20))
    centre.clicks(alice)
    centre.run(60)
    call = centre.call()
    assert (call.direction, call.result, call.hangup_by) == (Direction.OUTBOUND, Result.ANSWERED, HungUpBy.CUSTOMER)
    assert call.talk_seconds == pytest.approx(20, abs=2)
    is_true(centre)


@pytest.mark.parametrize(
    ("script", "result"),
    [("busy", Result.BUSY), ("ignores", Result.NO_ANSWER), ("unreachable", Result.WRONG_NUMBER)],
)
def test_dana_is_not_reached(centre: Centre, agent: Agent, script: str, result: Result) -> None:
    from telephony.fake.twilio import people

    alice = agent("alice", answers(2))
    centre.twilio.people.at(DANA, getattr(people, script)())
    centre.clicks(alice)
    centre.run(90)
    assert centre.call().result is result
    assert not [call for call in centre.twilio.calls.all.values() if not call.is_over]


@pytest.mark.parametrize(
    ("script", "result"), [("ignores", Result.AGENT_NO_ANSWER), ("rejects", Result.AGENT_DECLINED)]
)
def test_where_alice_does_not_pick_up_dana_is_not_called(
    centre: Centre, agent: Agent, script: str, result: Result
) -> None:
    from telephony.fake.twilio import people

    alice = agent("alice", getattr(people, script)())
    centre.clicks(alice)
    centre.run(60)
    assert centre.call().result is result
    assert truth(centre.twilio) == []


def test_alice_hangs_up_while_it_rings_at_danas(centre: Centre, agent: Agent) -> None:
    alice = agent("alice", answers(1))
    centre.twilio.people.at(DANA, ignores())
    centre.clicks(alice)
    centre.run(8)
    centre.twilio.people.at("client:alice").party.hang_up()
    centre.run(5)
    call = centre.call()
    assert (call.result, call.hangup_by) == (Result.NO_ANSWER, HungUpBy.AGENT)
    is_true(centre)


# ---------------------------------------------------------------------------------------------------- while they talk


@pytest.fixture
def talking(centre: Centre, agent: Agent) -> User:
    """Alice and Dana."""
    alice = agent("alice", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand())
    centre.run_until(centre.is_(CallState.ANSWERED))
    centre.run(3)
    return alice


def dana(centre: Centre) -> object:
    return next(call for call in centre.twilio.calls.all.values() if call.from_ == DANA)


def test_alice_hangs_up_on_the_screen_and_the_call_is_over(centre: Centre, talking: User) -> None:
    calls.hang_up(talking, centre.call())
    centre.run(5)
    assert (centre.call().state, centre.call().hangup_by) == (CallState.ENDED, HungUpBy.AGENT)
    is_true(centre)


def test_dana_waits_and_is_fetched_again(centre: Centre, talking: User) -> None:
    centre.run(10)
    phones.hold(talking, centre.call(), True)
    centre.run(2)
    assert centre.call().state is CallState.HELD
    centre.run(8)
    phones.hold(talking, centre.call(), False)
    centre.run(2)
    assert centre.call().state is CallState.ANSWERED
    calls.hang_up(talking, centre.call())
    centre.run(5)
    assert centre.call().hold_seconds == pytest.approx(10, abs=2)


def test_dana_is_sent_to_bob(centre: Centre, agent: Agent, talking: User) -> None:
    bob = agent("bob", answers(3))
    phones.transfer(talking, centre.call(), phones.target(talking, centre.call(), str(bob.lines[0].id)))
    centre.run(10)
    call = centre.call()
    assert results(call) == {"alice": LegResult.ANSWERED, "bob": None}
    assert [leg.line for leg in call.legs if leg.answered_at and not leg.ended_at] == ["Client/bob"]
    is_true_after_bob(centre)


def is_true_after_bob(centre: Centre) -> None:
    party = next(call for call in centre.twilio.calls.all.values() if call.from_ == DANA)
    if not party.is_over:
        centre.twilio.calls.hung_up(party)
        centre.run(5)
    is_true(centre)


def test_bob_does_not_take_dana_and_alice_gets_her_back(centre: Centre, agent: Agent, talking: User) -> None:
    bob = agent("bob", ignores())
    phones.transfer(talking, centre.call(), phones.target(talking, centre.call(), str(bob.lines[0].id)))
    centre.run(60)
    call = centre.call()
    assert call.state is CallState.ANSWERED
    assert [leg.line for leg in call.legs if leg.answered_at and not leg.ended_at] == ["Client/alice"]
    is_true_after_bob(centre)


def test_bob_is_asked_and_takes_dana(centre: Centre, agent: Agent, talking: User) -> None:
    bob = agent("bob", answers(3))
    phones.ask(talking, centre.call(), phones.target(talking, centre.call(), str(bob.lines[0].id)))
    centre.run(8)
    call = centre.call()
    asked = next(leg for leg in call.legs if leg.line == "Client/bob")
    assert asked.asked_at and asked.answered_at is None
    phones.complete(talking, call)
    centre.run(5)
    call = centre.call()
    assert {leg.line for leg in call.legs if leg.answered_at and not leg.ended_at} == {"Client/bob"}
    is_true_after_bob(centre)


def test_bob_is_asked_swapped_joined_and_let_go(centre: Centre, agent: Agent, talking: User) -> None:
    bob = agent("bob", answers(3))
    phones.ask(talking, centre.call(), phones.target(talking, centre.call(), str(bob.lines[0].id)))
    centre.run(8)
    phones.swap(talking, centre.call())
    centre.run(3)
    phones.swap(talking, centre.call())
    centre.run(3)
    phones.back(talking, centre.call())
    centre.run(3)
    assert {leg.line for leg in centre.call().legs if leg.ended_at is None} == {"Client/alice"}
    is_true_after_bob(centre)


def test_alices_page_is_gone_and_bob_gets_dana_within_seconds(centre: Centre, agent: Agent, talking: User) -> None:
    agent("bob", answers(2))
    centre.twilio.people.at("client:alice").party.hang_up()
    centre.twilio.people.leaves("client:alice")
    centre.agents = [user for user in centre.agents if user.username != "alice"]
    centre.run(8)
    call = centre.call()
    assert {leg.line for leg in call.legs if leg.answered_at and not leg.ended_at} == {"Client/bob"}
    is_true_after_bob(centre)


def test_dana_who_is_waiting_on_hold_hangs_up(centre: Centre, talking: User) -> None:
    phones.hold(talking, centre.call(), True)
    centre.run(5)
    centre.twilio.calls.hung_up(next(call for call in centre.twilio.calls.all.values() if call.from_ == DANA))
    centre.run(5)
    assert (centre.call().state, centre.call().hangup_by) == (CallState.ENDED, HungUpBy.CUSTOMER)
    assert not [call for call in centre.twilio.calls.all.values() if not call.is_over]


def test_whoever_was_missed_and_rings_again_is_no_longer_to_be_called(centre: Centre, agent: Agent) -> None:
    centre.twilio.people.call(DANA, OURS, by_hand().leaves_message(0))
    centre.run(60)
    assert entries() == 1
    agent("alice", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(5))
    centre.run(30)
    db.session.rollback()
    assert db.session.scalars(sa.select(Callback.state)).all() == [CallbackState.CLOSED]
    assert centre.now - centre.call().started_at < timedelta(minutes=5)
