"""The buttons of a call in progress, at a desk phone: the PBX is asked, and the screen shows what it took."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from telephony.commands import Hold, Mute, Resume, SendDigits
from telephony.errors import SwitchRefused
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp import switches
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
ALICE = "PJSIP/alice-0001"


@pytest.fixture
def call(alice: User, bob: User) -> Call:
    return make_call(state=CallState.ANSWERED, answered_by=alice, ringing=(bob,))


def press(browser: FlaskClient, call: Call, act: str, **values: str) -> int:
    return browser.post(f"/calls/{call.id}/{act}", data=values, headers=JSON).status_code


def test_alice_mutes_herself_and_sees_it(call: Call, alice: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    assert press(browser, call, "mute", on="yes") == 204
    assert 'data-alt="KeyM" aria-pressed="true"' in browser.get("/desk/callbar").text
    assert press(browser, call, "mute", on="no") == 204
    assert 'data-alt="KeyM" aria-pressed="false"' in browser.get("/desk/callbar").text
    assert switch.commands == [Mute(ALICE, True), Mute(ALICE, False)]


def test_alice_lets_dana_wait_and_comes_back(call: Call, alice: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    assert press(browser, call, "hold", on="yes") == 204
    assert 'data-state="held"' in browser.get("/desk/callbar").text
    assert press(browser, call, "hold", on="no") == 204
    assert 'data-state="answered"' in browser.get("/desk/callbar").text
    assert switch.commands == [Hold(ALICE), Resume(ALICE)]


def test_what_the_pbx_refuses_is_not_shown_as_done(call: Call, alice: User, as_: As, switch: FakeSwitch) -> None:
    switch.refuse_with = SwitchRefused("Nobody is on the other side")
    browser = as_(alice)
    answer = browser.post(f"/calls/{call.id}/hold", data={"on": "yes"}, headers=JSON)
    assert (answer.status_code, "Nobody is on the other side" in answer.text) == (503, True)
    assert 'data-state="answered"' in browser.get("/desk/callbar").text


def test_digits_are_sent_and_anything_else_is_refused_by_its_name(
    call: Call, alice: User, as_: As, switch: FakeSwitch
) -> None:
    assert press(as_(alice), call, "digits", digits="5#") == 204
    answer = as_(alice).post(f"/calls/{call.id}/digits", data={"digits": "5\r\nX"}, headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None and list(answer.json["error"]["fields"]) == ["digits"]
    assert switch.commands == [SendDigits(ALICE, "5#")]


def test_bob_whose_phone_only_rings_cannot_mute_alice(call: Call, bob: User, as_: As, switch: FakeSwitch) -> None:
    for act in ("mute", "hold", "digits"):
        assert press(as_(bob), call, act, on="yes", digits="1") == 409
    assert switch.commands == []


def test_a_phone_that_cannot_be_muted_from_here_has_no_button_for_it(
    app: Flask, call: Call, alice: User, as_: As
) -> None:
    switches.use(app, FakeSwitch("main", can_answer=False))
    page = as_(alice).get("/desk/callbar").text
    assert 'data-alt="KeyO"' in page
    assert 'data-alt="KeyM"' not in page
