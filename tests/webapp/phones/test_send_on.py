"""Calls that are sent on: at once, after asking, all three together, and parked for anybody to fetch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from telephony.commands import Ask, Complete, Drop, Join, Park, Resume, Retrieve, Swap, Transfer
from telephony.errors import SwitchRefused
from telephony.events import CallAnswered, LegAsked, LegEnded, LegResult, LegRinging
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.agents.queries import AgentState, state_of
from webapp.calls import capture
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
ALICE = "PJSIP/alice-0001"


@pytest.fixture
def call(alice: User, bob: User) -> Call:
    with transaction():
        for user in (alice, bob):
            logged_in(db.session.get_one(User, user.id))
    return make_call(state=CallState.ANSWERED, answered_by=alice, started_at=now() - timedelta(minutes=1))


def send(browser: FlaskClient, call: Call, how: str, **to: object) -> int:
    return browser.post(f"/calls/{call.id}/transfer", data={"how": how, **to}, headers=JSON).status_code


def press(browser: FlaskClient, call: Call, act: str) -> int:
    return browser.post(f"/calls/{call.id}/consultation", data={"act": act}, headers=JSON).status_code


def bar(browser: FlaskClient) -> str:
    return browser.get("/desk/callbar").text


def rings(call: Call, user: User) -> None:
    line = f"PJSIP/{user.username}"
    capture.record(LegRinging(uid=call.uid, at=now(), leg="b.1", line=line, channel=f"{line}-2"), switch="main")


def test_alice_transfers_to_bob_or_to_a_number(call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch) -> None:
    assert send(as_(alice), call, "now", line=bob.lines[0].id) == 204
    assert send(as_(alice), call, "now", to="210 123 4567") == 204
    assert switch.commands == [
        Transfer(ALICE, "*bob", "PJSIP/alice", "sales"),
        Transfer(ALICE, "+302101234567", "PJSIP/alice", "sales"),
    ]


def test_a_target_that_is_none_is_named(call: Call, alice: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    assert send(browser, call, "now", to="nobody") == 422
    assert send(browser, call, "now", line=uuid4()) == 404
    assert send(browser, call, "now", line=alice.lines[0].id) == 404
    assert switch.commands == []


def test_bob_is_asked_sees_by_whom_and_gets_the_call(
    call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch
) -> None:
    hers, his = as_(alice), as_(bob)
    assert send(hers, call, "ask", line=bob.lines[0].id) == 204
    assert "With Bob Keller, the customer waits" in bar(hers)
    rings(call, bob)
    assert 'data-state="ringing"' in bar(his)
    capture.record(LegAsked(uid=call.uid, at=now(), leg="b.1", line="PJSIP/bob"), switch="main")
    assert "Asked by Alice Martin" in bar(his)
    assert state_of(bob).state is AgentState.TALKING
    assert press(hers, call, "complete") == 204
    capture.record(CallAnswered(uid=call.uid, at=now(), leg="b.1", line="PJSIP/bob"), switch="main")
    assert 'data-state="answered"' in bar(his)
    completed = switch.commands[-1]
    assert isinstance(completed, Complete)
    assert (completed.channel, completed.to, completed.customer_waits) == (ALICE, "*bob", True)
    assert switch.commands[:-1] == [Ask(ALICE, "*bob", "PJSIP/alice", "sales")]


def test_alice_goes_to_and_fro_and_all_three_talk(
    call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch
) -> None:
    browser = as_(alice)
    send(browser, call, "ask", line=bob.lines[0].id)
    rings(call, bob)
    assert press(browser, call, "swap") == 204
    assert "Bob Keller waits" in bar(browser)
    assert press(browser, call, "join") == 204
    assert "With Bob Keller and the customer" in bar(browser)
    joined = switch.commands[-1]
    assert isinstance(joined, Join) and not joined.customer_waits
    assert switch.commands[1] == Swap(ALICE)


@pytest.mark.parametrize(("swapped", "command"), [(False, Resume(ALICE)), (True, Drop(ALICE))])
def test_alice_goes_back_to_the_customer_alone(
    call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch, swapped: bool, command: object
) -> None:
    browser = as_(alice)
    send(browser, call, "ask", line=bob.lines[0].id)
    rings(call, bob)
    if swapped:
        press(browser, call, "swap")
    assert press(browser, call, "back") == 204
    assert "cb-asking" not in bar(browser)
    assert switch.commands[-1] == command


def test_who_declines_is_asked_no_more(call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    send(browser, call, "ask", line=bob.lines[0].id)
    rings(call, bob)
    assert send(browser, call, "ask", line=bob.lines[0].id) == 409
    capture.record(
        LegEnded(uid=call.uid, at=now(), leg="b.1", line="PJSIP/bob", result=LegResult.DECLINED), switch="main"
    )
    assert "cb-asking" not in bar(browser)
    assert press(browser, call, "complete") == 409


def test_whom_alice_parks_anybody_fetches(call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch) -> None:
    answer = as_(alice).post(f"/calls/{call.id}/park", headers=JSON)
    assert answer.json == {"space": "701"}
    assert "701" in bar(as_(bob)) and "Alice Martin" in bar(as_(bob))
    assert as_(bob).post(f"/phone/parked/{call.id}/retrieve", headers=JSON).status_code == 204
    assert switch.commands == [Park(ALICE), Retrieve("PJSIP/bob", "701")]
    rings(call, bob)
    assert f"/calls/{call.id}/answer" in bar(
        as_(bob)
    )  # the ring and the answer are told in one breath, and this is between
    capture.record(CallAnswered(uid=call.uid, at=now(), leg="b.1", line="PJSIP/bob"), switch="main")
    assert as_(bob).post(f"/calls/{call.id}/answer", headers=JSON).status_code == 204  # he has what he wishes
    assert switch.commands[2:] == []
    assert "cb-parked" not in bar(as_(alice))
    capture.record(
        LegEnded(uid=call.uid, at=now(), leg="b.1", line="PJSIP/bob", result=LegResult.ANSWERED), switch="main"
    )
    assert as_(bob).post(f"/calls/{call.id}/answer", headers=JSON).status_code == 409
    assert as_(alice).post(f"/phone/parked/{call.id}/retrieve", headers=JSON).status_code == 404


def test_a_refusal_changes_nothing_on_the_screen(
    call: Call, alice: User, bob: User, as_: As, switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchRefused("Nobody is on the other side")
    assert send(as_(alice), call, "ask", line=bob.lines[0].id) == 503
    assert as_(alice).post(f"/calls/{call.id}/park", headers=JSON).status_code == 503
    assert "cb-asking" not in bar(as_(alice)) and "cb-parked" not in bar(as_(alice))


def test_colleagues_are_those_who_are_logged_in(call: Call, alice: User, bob: User, charlie: User, as_: As) -> None:
    page = as_(alice).get(f"/desk/colleagues?call={call.id}").text
    assert "Bob Keller" in page
    assert "Charlie" not in page and "Alice" not in page
    assert as_(bob).get(f"/desk/colleagues?call={call.id}").status_code == 404, "it is not his call"
