from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.commands import Cancel, First, Hangup, Originate, Pause
from telephony.errors import SwitchRefused, SwitchUnavailable
from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallEvent,
    CallStarted,
    CallSummary,
    Direction,
    HungUpBy,
    LegEnded,
    LegResult,
    LegRinging,
    Member,
    MemberPaused,
    MembersListed,
    Result,
)
from telephony.fake.switch import FakeSwitch
from tests.conftest import PASSWORD
from tests.factories import make_callback
from webapp.accounts import capture as accounts
from webapp.accounts.actions import hold_back, let_go
from webapp.accounts.jobs import keep_in_step, release_reserved
from webapp.accounts.models import AgentStatus, QueueMember, User
from webapp.agents.queries import AgentState, state_of
from webapp.calls import capture, rules
from webapp.calls.clearance import is_busy
from webapp.calls.models import Call, CallingRule, CallState
from webapp.contacts.models import OwnNumber
from webapp.db import db, now, transaction
from webapp.tasks.models import Callback

As = Callable[[User], FlaskClient]
DANA = "+306944000001"


@pytest.fixture
def customer_first(alice: User) -> None:
    with transaction():
        db.session.add(CallingRule(queue="", hours={}, rings_first=First.CUSTOMER))


def dials(alice: User, as_: As, **more: str) -> Call:
    return clicks(as_(alice), **more)


def clicks(browser: FlaskClient, **more: str) -> Call:
    answer = browser.post("/calls", json={"number": DANA, "key": str(uuid4())} | more)
    assert answer.status_code == 201, answer.text
    db.session.rollback()
    assert answer.json is not None
    return db.session.get_one(Call, UUID(answer.json["id"]))


def told(call: Call, *events: CallEvent) -> Call:
    call_id, switch = call.id, call.switch
    for event in events:
        capture.record(event, switch=switch)
    db.session.expire_all()
    return db.session.get_one(Call, call_id)


def started(call: Call, at: datetime | None = None) -> CallStarted:
    return CallStarted(
        uid=call.uid, at=at or now(), direction=Direction.OUTBOUND, customer=Caller(DANA), linkedid=call.uid
    )


def rings(call: Call) -> LegRinging:
    return LegRinging(uid=call.uid, at=now(), leg="1.4", line="PJSIP/alice", channel="PJSIP/alice-00000004")


def over(call: Call, result: Result, by: HungUpBy = HungUpBy.SYSTEM) -> CallEnded:
    at = now()
    summary = CallSummary(
        uid=call.uid, linkedid=call.uid, direction=Direction.OUTBOUND, customer=Caller(DANA), result=result, hangup_by=by,
        started_at=call.started_at, ended_at=at, wait=4.0, agent="PJSIP/alice",
    )  # fmt: skip
    return CallEnded(uid=call.uid, at=at, summary=summary)


def test_nothing_said_means_that_the_agent_rings_first(alice: User, as_: As, switch: FakeSwitch) -> None:
    call = dials(alice, as_)
    assert switch.commands == [Originate(uid=str(call.id), line="PJSIP/alice", number=DANA)]
    assert call.rings_first is First.AGENT


@pytest.mark.usefixtures("customer_first")
def test_the_customer_is_asked_for_first_with_the_number_that_was_chosen(
    alice: User, as_: As, switch: FakeSwitch
) -> None:
    with transaction():
        db.session.add(OwnNumber(value="+302100000200", label="Sales", switch="main", shown=True))
    call = dials(alice, as_, shown_number="+302100000200")
    assert switch.commands == [
        Originate(str(call.id), "PJSIP/alice", DANA, shown="+302100000200", first=First.CUSTOMER, agent_ring_seconds=20)
    ]
    assert (call.direction, call.state, call.number) == (Direction.OUTBOUND, CallState.REQUESTED, DANA)


@pytest.mark.parametrize(
    ("queue", "of_queue", "of_agent", "of_all", "first"),
    [
        (None, None, None, None, "agent"),
        (None, None, None, "customer", "customer"),
        (None, "agent", None, "customer", "customer"),
        (None, None, "agent", "customer", "agent"),
        ("sales", "customer", "agent", "agent", "customer"),
        ("sales", "agent", "customer", "customer", "agent"),
        ("sales", None, "customer", "agent", "customer"),
        ("sales", None, None, "customer", "customer"),
    ],
)
def test_the_queue_decides_then_the_agent_then_what_holds_for_all(
    alice: User, queue: str | None, of_queue: str | None, of_agent: str | None, of_all: str | None, first: str
) -> None:
    with transaction():
        db.session.add(CallingRule(queue="sales", hours={}, rings_first=First(of_queue) if of_queue else None))
        db.session.add(CallingRule(queue="", hours={}, rings_first=First(of_all) if of_all else None))
        user = db.session.get_one(User, alice.id)
        user.rings_first = First(of_agent) if of_agent else None
    assert rules.rings_first(user, queue) == first


@pytest.mark.usefixtures("customer_first")
def test_the_card_says_it_while_only_the_customers_phone_rings(alice: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    call = dials(alice, as_)
    assert "Calling the customer first" in browser.get("/desk/callbar").text
    call = told(call, started(call))
    assert call.state is CallState.RINGING and call.legs == []
    page = browser.get("/desk/callbar").text
    assert "Calling the customer first" in page and f'id="hangup-{call.id}"' in page
    assert is_busy(db.session.get_one(User, alice.id))
    told(call, rings(call))
    page = browser.get("/desk/callbar").text
    assert "Calling the customer first" not in page and "The customer waits" in page


@pytest.mark.usefixtures("customer_first")
def test_alice_gives_the_call_up_before_her_phone_rings(alice: User, bob: User, as_: As, switch: FakeSwitch) -> None:
    call = dials(alice, as_)
    assert as_(bob).post(f"/calls/{call.id}/hangup").status_code in (403, 404, 409)
    assert as_(alice).post(f"/calls/{call.id}/hangup").status_code == 204
    assert switch.commands[1:] == [Cancel(call.uid)]
    db.session.rollback()
    call = told(db.session.get_one(Call, call.id), started(call), rings(call))
    assert as_(alice).post(f"/calls/{call.id}/hangup").status_code == 204
    assert switch.commands[2:] == [Hangup("PJSIP/alice-00000004")]


@pytest.mark.usefixtures("customer_first")
def test_there_is_nothing_to_give_up_when_it_is_over(alice: User, as_: As, switch: FakeSwitch) -> None:
    call = dials(alice, as_)
    told(call, started(call), over(call, Result.BUSY))
    assert as_(alice).post(f"/calls/{call.id}/hangup").status_code == 409
    assert len(switch.commands) == 1


@pytest.mark.usefixtures("customer_first")
@pytest.mark.parametrize("error", [SwitchRefused("Extension does not exist."), SwitchUnavailable("no answer")])
def test_a_switch_that_cannot_says_so_and_the_callback_stays(
    alice: User, as_: As, switch: FakeSwitch, error: SwitchRefused | SwitchUnavailable
) -> None:
    callback = make_callback(DANA)
    switch.refuse_with = error
    assert as_(alice).post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())}).status_code == 503
    db.session.rollback()
    entry = db.session.get_one(Callback, callback.id)
    assert (entry.is_open, entry.claimed_by_id) == (True, alice.id)


@pytest.mark.usefixtures("customer_first")
@pytest.mark.parametrize(
    ("result", "counts", "in_vain"),
    [
        (Result.BUSY, True, False),
        (Result.NO_ANSWER, True, False),
        (Result.WRONG_NUMBER, True, False),
        (Result.REJECTED, True, False),
        (Result.FAILED, False, False),
        (Result.AGENT_NO_ANSWER, False, True),
        (Result.AGENT_DECLINED, False, True),
        (Result.AGENT_UNAVAILABLE, False, True),
        (Result.ABANDONED, False, True),
    ],
)
def test_who_was_not_talked_to_is_still_to_be_called(
    alice: User, as_: As, switch: FakeSwitch, result: Result, counts: bool, in_vain: bool
) -> None:
    """Only what the customer's side did is one of the plan's attempts."""
    callback = make_callback(DANA)
    placed = as_(alice).post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    assert placed.json is not None
    db.session.rollback()
    call = db.session.get_one(Call, UUID(placed.json["id"]))
    ring = [rings(call), LegEnded(uid=call.uid, at=now(), leg="1.4", line="PJSIP/alice", result=LegResult.NO_ANSWER)]
    call = told(call, started(call), *(ring if in_vain else []), over(call, result))
    assert (call.result, call.answered_at, call.talk_seconds, call.wait_seconds) == (result, None, 0, 4)
    entry = db.session.get_one(Callback, callback.id)
    assert (entry.is_open, entry.attempts) == (True, int(counts))
    said = "The customer picked up, and nobody of ours talked to them." in as_(alice).get(f"/calls/{call.id}").text
    assert said is in_vain


@pytest.mark.usefixtures("customer_first")
def test_who_was_talked_to_is_called_back(alice: User, as_: As, switch: FakeSwitch) -> None:
    callback = make_callback(DANA)
    placed = as_(alice).post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    assert placed.json is not None
    db.session.rollback()
    call = db.session.get_one(Call, UUID(placed.json["id"]))
    later = now() + timedelta(seconds=3)
    answered = CallAnswered(uid=call.uid, at=later, leg="1.4", line="PJSIP/alice", channel="PJSIP/alice-00000004")
    call = told(call, started(call), rings(call), answered)
    assert call.state is CallState.ANSWERED
    assert not db.session.get_one(Callback, callback.id).is_open
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Call)) == 1


# while her customer is rung, no queue rings Alice

OUT, IN = Pause("PJSIP/alice", True, "calling"), Pause("PJSIP/alice", False)


@pytest.fixture
def at_work(alice: User, client: FlaskClient, switch: FakeSwitch, customer_first: None) -> FlaskClient:
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    follows(alice)
    switch.commands.clear()
    return client


def follows(alice: User) -> None:
    """The switch is told what there is to tell."""
    db.session.rollback()
    keep_in_step(str(alice.id))
    db.session.rollback()
    db.session.refresh(alice)


def pauses(switch: FakeSwitch) -> list[Pause]:
    return [command for command in switch.commands if isinstance(command, Pause)]


def state(alice: User) -> AgentState:
    db.session.rollback()
    db.session.refresh(alice)
    return state_of(alice).state


def talks(call: Call) -> CallEvent:
    return CallAnswered(uid=call.uid, at=now(), leg="1.4", line="PJSIP/alice", channel="PJSIP/alice-00000004")


def test_she_is_taken_out_of_the_queues_before_it_rings_and_put_back_when_they_talk(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    call = clicks(at_work)
    assert [type(command) for command in switch.commands] == [Pause, Originate]
    assert (pauses(switch), state(alice)) == ([OUT], AgentState.CALLING)
    call = told(call, started(call))
    follows(alice)
    assert state(alice) is AgentState.CALLING
    call = told(call, rings(call))  # a queue that rings whoever is not in use would be quick enough now
    follows(alice)
    assert (pauses(switch), state(alice)) == ([OUT], AgentState.RINGING)
    told(call, talks(call))
    follows(alice)
    assert (pauses(switch), state(alice)) == ([OUT, IN], AgentState.TALKING)


@pytest.mark.parametrize("result", [Result.BUSY, Result.AGENT_NO_ANSWER, Result.ABANDONED, Result.FAILED])
def test_whatever_comes_of_it_the_queues_have_her_back(
    at_work: FlaskClient, alice: User, switch: FakeSwitch, result: Result
) -> None:
    call = clicks(at_work)
    told(call, started(call), over(call, result))
    follows(alice)
    assert (pauses(switch), state(alice)) == ([OUT, IN], AgentState.IDLE)


def test_a_call_that_the_switch_refuses_leaves_her_in_the_queues(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchRefused("Extension does not exist.")
    assert at_work.post("/calls", json={"number": DANA, "key": str(uuid4())}).status_code == 503
    switch.refuse_with = None
    follows(alice)
    assert pauses(switch) == [IN]
    assert alice.reserved_until is None


def test_a_call_of_which_nothing_is_heard_does_not_keep_her_for_ever(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    clicks(at_work)
    release_reserved(now() + timedelta(seconds=75))
    follows(alice)
    assert pauses(switch) == [OUT]
    release_reserved(now() + timedelta(seconds=120))
    follows(alice)
    assert pauses(switch) == [OUT, IN]


def test_what_the_pbx_says_of_it_is_no_break(at_work: FlaskClient, alice: User) -> None:
    clicks(at_work)
    out = Member(queue="sales", line="PJSIP/alice", paused=True, reason="calling", since=now())
    accounts.record(MemberPaused(at=now(), member=out), switch="main")
    accounts.record(MembersListed(at=now(), members=(out,)), switch="main")
    db.session.refresh(alice)
    assert alice.status is AgentStatus.AVAILABLE


def test_of_two_calls_the_later_one_keeps_her(
    app: Flask, at_work: FlaskClient, alice: User, switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ringback.settings"
    monkeypatch.setitem(app.extensions, name, replace(app.extensions[name], calls_at_once=2))
    first = clicks(at_work)
    second = clicks(at_work)
    told(first, over(first, Result.BUSY))
    follows(alice)
    assert IN not in switch.commands
    told(second, over(second, Result.BUSY))
    follows(alice)
    assert pauses(switch)[-1] == IN


def test_after_a_call_of_a_queue_that_limits_wrap_up_both_have_to_be_over(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    with transaction():
        hold_back(db.session.get_one(User, alice.id), now() + timedelta(minutes=5))
    call = clicks(at_work)
    assert pauses(switch)[-1] == Pause("PJSIP/alice", True, "wrap-up")
    with transaction():
        let_go(db.session.get_one(User, alice.id))
    follows(alice)
    assert pauses(switch)[-1] == OUT
    told(call, over(call, Result.BUSY))
    follows(alice)
    assert pauses(switch)[-1] == IN


def test_whom_somebody_took_out_of_some_queues_is_left_as_she_is(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    """The way back would be one into all."""
    with transaction():
        db.session.add(QueueMember(switch="main", queue="sales", line="PJSIP/alice", paused=True, reason=""))
        db.session.add(QueueMember(switch="main", queue="support", line="PJSIP/alice", paused=False, reason=""))
    call = clicks(at_work)
    told(call, over(call, Result.BUSY))
    follows(alice)
    assert pauses(switch) == []
