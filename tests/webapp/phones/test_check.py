"""Before the shift: whether the phone is there, and sound goes to it and back."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from telephony.commands import Echo, PhoneState
from telephony.errors import SwitchUnavailable
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState
from webapp.db import db

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}


def steps(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('data-step="')[1:]]


def test_everybody_checks_what_concerns_them(alice: User, erin: User, person: Callable[..., User], as_: As) -> None:
    nobody = person("nora", "Nora Blake", lines=())
    page = {user.username: as_(user).get("/phone/check").text for user in (alice, erin, nobody)}
    assert steps(page["erin"]) == ["socket", "phone", "microphone", "speaker", "ring", "notifications", "call"]
    assert steps(page["alice"]) == ["socket", "phone", "ring", "notifications", "call"]
    assert "PJSIP/alice" in page["alice"]
    assert steps(page["nora"]) == ["socket", "notifications"]


def test_it_is_reached_from_the_phone_bar_the_menu_and_the_palette(alice: User, as_: As) -> None:
    browser = as_(alice)
    assert 'href="/phone/check"' in browser.get("/desk/callbar").text
    assert browser.get("/desk").text.count('href="/phone/check"') == 2
    assert 'href="/phone/check"' in browser.get("/palette?q=check phone").text


def test_a_test_call_rings_ones_own_phone_and_is_no_call(alice: User, erin: User, as_: As, switch: FakeSwitch) -> None:
    for user in (alice, erin):
        assert as_(user).post("/phone/test-call", headers=JSON).status_code == 204
    assert switch.commands == [Echo("PJSIP/alice"), Echo("PJSIP/erin", answer_itself=True)]
    assert db.session.query(Call).count() == 0


def test_who_talks_is_not_rung(alice: User, as_: As, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=alice)
    answer = as_(alice).post("/phone/test-call", headers=JSON)
    assert (answer.status_code, switch.commands) == (409, [])
    assert "after it" in answer.json["error"]["message"]


def test_the_telephone_system_tells_what_the_phone_does(alice: User, as_: As, switch: FakeSwitch) -> None:
    browser = as_(alice)
    assert browser.get("/phone/state").json == {"state": "free"}
    switch.phones["PJSIP/alice"] = PhoneState.AWAY
    assert browser.get("/phone/state").json == {"state": "away"}


def test_without_a_phone_or_a_telephone_system_the_reason_is_told(
    alice: User, person: Callable[..., User], as_: As, switch: FakeSwitch
) -> None:
    nobody = as_(person("nora", "Nora Blake", lines=()))
    assert nobody.get("/phone/state", headers=JSON).status_code == 409
    assert nobody.post("/phone/test-call", headers=JSON).status_code == 409
    switch.refuse_with = SwitchUnavailable("away")
    answer = as_(alice).get("/phone/state", headers=JSON)
    assert (answer.status_code, answer.json["error"]["message"]) == (503, "The telephone system does not answer.")
