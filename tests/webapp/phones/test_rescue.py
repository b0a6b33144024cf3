"""Erin's page is gone in the middle of a call: it says so itself, or the switch knows it; her caller is not lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from telephony.commands import Hangup, Rescue
from telephony.fake.ari import FakeAri
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.calls.models import CallState
from webapp.db import db, now, transaction
from webapp.phones.jobs import look_after_calls

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
ERIN = "PJSIP/erin-0001"
SAVED = Rescue(ERIN, "PJSIP/erin", "sales")


@pytest.fixture(autouse=True)
def _registered(erin: User, as_: As, ari: FakeAri, switch: FakeSwitch) -> None:
    with transaction():
        logged_in(db.session.get_one(User, erin.id))
    assert as_(erin).post("/phone/account", headers=JSON).status_code == 200


def gone(browser: FlaskClient) -> int:
    return browser.post("/phone/gone", headers=JSON).status_code


def test_the_page_says_so_and_dana_is_looked_after_once(erin: User, as_: As, ari: FakeAri, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=erin)
    assert gone(as_(erin)) == 204
    assert gone(as_(erin)) == 204
    ari.away.add("erin")
    look_after_calls(now())
    look_after_calls(now() + timedelta(minutes=1))
    assert switch.commands == [SAVED]


def test_a_phone_that_only_rang_is_let_go_so_that_the_queue_goes_on(erin: User, as_: As, switch: FakeSwitch) -> None:
    make_call(state=CallState.RINGING, ringing=(erin,))
    gone(as_(erin))
    assert switch.commands == [Hangup(ERIN)]


def test_a_page_that_dies_without_a_word_is_found_when_its_lease_is_over(
    erin: User, ari: FakeAri, switch: FakeSwitch
) -> None:
    make_call(state=CallState.ANSWERED, answered_by=erin)
    at = now()
    look_after_calls(at)
    ari.away.add("erin")
    look_after_calls(at + timedelta(seconds=1))
    look_after_calls(at + timedelta(seconds=4))
    assert switch.commands == []
    look_after_calls(at + timedelta(seconds=5))
    assert switch.commands == [SAVED]


def test_a_short_silence_of_the_network_moves_nobody(erin: User, ari: FakeAri, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=erin)
    at = now()
    for seconds, away in ((0, True), (3, False), (4, True), (7, True)):
        ari.away = {"erin"} if away else set()
        look_after_calls(at + timedelta(seconds=seconds))
    assert switch.commands == []


def test_a_phone_on_a_desk_needs_no_page(alice: User, ari: FakeAri, as_: As, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=alice)
    gone(as_(alice))
    look_after_calls(now() + timedelta(minutes=1))
    assert switch.commands == []


def test_a_switch_that_does_not_answer_decides_nothing(erin: User, ari: FakeAri, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=erin)
    ari.login = "another"
    look_after_calls(now())
    look_after_calls(now() + timedelta(minutes=1))
    assert switch.commands == []
