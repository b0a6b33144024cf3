"""What people declare and how their screen looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from telephony.commands import Pause
from telephony.errors import SwitchRefused
from telephony.fake.switch import FakeSwitch
from tests.conftest import PASSWORD
from webapp.accounts.models import AgentStatus, User
from webapp.db import db

As = Callable[[User], FlaskClient]


def test_alice_takes_a_break_and_the_clock_of_it_starts(as_: As, alice: User, switch: FakeSwitch) -> None:
    since = alice.status_since
    assert as_(alice).post("/me/status", json={"status": "on_break"}).status_code == 204
    db.session.rollback()
    db.session.refresh(alice)
    assert alice.status is AgentStatus.ON_BREAK
    assert alice.status_since > since


@pytest.mark.parametrize("status", ["logged_out", "talking", "", 7])
def test_nobody_declares_what_is_not_theirs_to_declare(as_: As, alice: User, status: object) -> None:
    assert as_(alice).post("/me/status", json={"status": status}).status_code == 422


def test_looks_are_kept_for_every_device(as_: As, alice: User) -> None:
    as_(alice).post("/me/preferences", data={"theme": "dark"})
    as_(alice).post("/me/preferences", data={"locale": "el"})
    page = as_(alice).get("/desk").text
    assert 'data-bs-theme="dark"' in page
    assert '<html lang="el"' in page


def test_a_choice_that_does_not_exist_is_named(as_: As, alice: User) -> None:
    answer = as_(alice).post("/me/preferences", json={"theme": "pink"})
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {"theme"}


@pytest.mark.parametrize(
    "referer",
    [
        "http://localhost//evil.example/x",
        "https://evil.example/",
        "http://localhost.evil.example/",
        "http://localhost/\\evil",
    ],
)
def test_a_form_leads_back_to_our_own_pages_only(as_: As, alice: User, switch: FakeSwitch, referer: str) -> None:
    answer = as_(alice).post("/me/status", data={"status": "on_break"}, headers={"Referer": referer})
    assert answer.location == "/desk"


def test_and_to_the_page_it_came_from(as_: As, alice: User, switch: FakeSwitch) -> None:
    back = as_(alice).post("/me/status", data={"status": "on_break"}, headers={"Referer": "http://localhost/calls?q=6"})
    assert back.location == "/calls?q=6"


def test_on_break_the_pbx_sends_no_queue_calls_either(as_: As, alice: User, switch: FakeSwitch) -> None:
    browser = as_(alice)
    browser.post("/me/status", json={"status": "on_break"})
    browser.post("/me/status", json={"status": "available"})
    assert switch.commands == [Pause("PJSIP/alice", True, "break"), Pause("PJSIP/alice", False)]


def test_a_pbx_that_does_not_follow_is_not_kept_secret(as_: As, alice: User, switch: FakeSwitch) -> None:
    switch.refuse_with = SwitchRefused("no queues here")
    answer = as_(alice).post("/me/status", json={"status": "on_break"})
    assert answer.status_code == 503
    assert "no queues here" in answer.json["error"]["message"]


def test_coming_and_going_are_declared_by_logging_in_and_out(client: FlaskClient, alice: User) -> None:
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    db.session.rollback()
    db.session.refresh(alice)
    assert alice.status is AgentStatus.AVAILABLE
    assert alice.logged_in_at is not None
    client.post("/logout")
    db.session.rollback()
    db.session.refresh(alice)
    assert alice.status is AgentStatus.LOGGED_OUT


def test_how_loud_it_rings_follows_alice_to_every_device(as_: As, alice: User, bob: User) -> None:
    assert as_(alice).post("/me/preferences", json={"ring_volume": 35}).status_code == 204
    assert 'data-ring-volume="35"' in as_(alice).get("/desk/callbar").text
    assert 'id="check-volume" min="0" max="100" step="5" value="35"' in as_(alice).get("/phone/check").text
    assert as_(alice).post("/me/preferences", data={"theme": "dark"}).status_code == 303
    assert 'data-ring-volume="35"' in as_(alice).get("/desk").text
    assert 'data-ring-volume="70"' in as_(bob).get("/desk").text


def test_silent_is_a_volume_too(as_: As, alice: User) -> None:
    as_(alice).post("/me/preferences", json={"ring_volume": 0})
    assert 'data-ring-volume="0"' in as_(alice).get("/desk").text


@pytest.mark.parametrize("volume", [-1, 101, 33.5, "loud", "", None, True, [50]])
def test_a_volume_that_does_not_exist_is_named_and_changes_nothing(as_: As, alice: User, volume: object) -> None:
    answer = as_(alice).post("/me/preferences", json={"ring_volume": volume})
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {"ring_volume"}
    assert 'data-ring-volume="70"' in as_(alice).get("/desk").text
