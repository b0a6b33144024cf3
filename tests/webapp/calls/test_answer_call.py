from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from telephony.commands import Answer, Hangup
from telephony.errors import SwitchRefused
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp.accounts.models import User
from webapp.calls.models import CallState
from webapp.db import now

JSON = {"Accept": "application/json"}


def test_alice_answers_and_hangs_up_at_the_screen(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    call = make_call(state=CallState.RINGING, ringing=(alice,), started_at=now())
    browser = as_(alice)
    assert browser.post(f"/calls/{call.id}/answer", headers=JSON).status_code == 204
    assert browser.post(f"/calls/{call.id}/hangup", headers=JSON).status_code == 204
    assert switch.commands == [Answer("PJSIP/alice-0001"), Hangup("PJSIP/alice-0001")]


def test_a_call_that_is_over_cannot_be_answered(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    call = make_call(ringing=(alice,))
    browser = as_(alice)
    for verb in ("answer", "hangup"):
        answer = browser.post(f"/calls/{call.id}/{verb}", headers=JSON)
        assert answer.status_code == 409
        assert answer.json is not None
        assert answer.json["error"]["message"]
    assert switch.commands == []


def test_a_refusal_of_the_switch_is_told(alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    switch.refuse_with = SwitchRefused("No such channel")
    call = make_call(state=CallState.RINGING, ringing=(alice,), started_at=now())
    answer = as_(alice).post(f"/calls/{call.id}/answer", headers=JSON)
    assert answer.status_code == 503
    assert answer.json is not None
    assert "No such channel" in answer.json["error"]["message"]


def test_bob_does_not_answer_alices_phone(
    alice: User, bob: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    call = make_call(state=CallState.RINGING, ringing=(alice,), started_at=now())
    assert as_(bob).post(f"/calls/{call.id}/answer", headers=JSON).status_code == 404
    assert switch.commands == []


def test_a_supervisor_who_sees_a_call_still_cannot_take_it(
    alice: User, sofia: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    call = make_call(state=CallState.RINGING, ringing=(alice,), started_at=now())
    assert as_(sofia).post(f"/calls/{call.id}/hangup", headers=JSON).status_code == 409
    assert switch.commands == []
