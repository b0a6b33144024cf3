"""The socket says that something changed, to those whom it concerns and to nobody else."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient

from telephony.events import CallAnswered, Caller, CallStarted, Direction, LegRinging
from webapp import live
from webapp.accounts.actions import set_status
from webapp.accounts.models import AgentStatus, User
from webapp.calls import capture
from webapp.db import db, transaction
from webapp.live import socketio

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
As = Callable[[User], FlaskClient]


def socket(app: Flask, browser: FlaskClient):  # type: ignore[no-untyped-def]
    return contextvars.Context().run(lambda: socketio.test_client(app, flask_test_client=browser))


def ring(*usernames: str) -> None:
    capture.record(
        CallStarted(uid="1.0", at=AT, direction=Direction.INBOUND, customer=Caller("6944000001", "Dana"), did="210"),
        switch="main",
    )
    for username in usernames:
        event = LegRinging(uid="1.0", at=AT, leg=f"1.{username}", line=f"PJSIP/{username}")
        capture.record(event, switch="main")


def test_nobody_listens_without_logging_in(app: Flask, client: FlaskClient) -> None:
    assert not socket(app, client).is_connected()


def test_a_ring_reaches_those_whose_phones_ring_and_no_third(
    app: Flask, as_: As, alice: User, bob: User, charlie: User
) -> None:
    sockets = {user.username: socket(app, as_(user)) for user in (alice, bob, charlie)}
    ring("alice", "bob")
    heard = {name: [message["name"] for message in each.get_received()] for name, each in sockets.items()}
    assert "call" in heard["alice"]
    assert "call" in heard["bob"]
    assert heard["charlie"] == []


def test_no_name_and_no_number_crosses_the_socket(app: Flask, as_: As, alice: User) -> None:
    listening = socket(app, as_(alice))
    ring("alice")
    messages = listening.get_received()
    assert messages
    assert set(messages[0]["args"][0]) == {"uid", "version", "state", "v"}
    assert "6944000001" not in str(messages)
    assert "Dana" not in str(messages)


def test_an_answer_tells_the_others_too(app: Flask, as_: As, alice: User, bob: User) -> None:
    ring("alice", "bob")
    listening = socket(app, as_(bob))
    capture.record(CallAnswered(uid="1.0", at=AT, leg="1.alice", line="PJSIP/alice"), switch="main")
    assert [message["args"][0]["state"] for message in listening.get_received()] == ["answered"]


def test_a_page_cannot_ask_for_anothers_room(app: Flask, as_: As, alice: User, bob: User) -> None:
    listening = socket(app, as_(bob))
    for event in ("join", "join_room", "enter_room", "subscribe"):
        listening.emit(event, {"room": live.room(alice.id)})
    ring("alice")
    assert listening.get_received() == []


def test_a_page_that_was_away_sees_that_it_missed_something(app: Flask, as_: As, alice: User) -> None:
    browser = as_(alice)
    before = live.version_of(alice.id)
    ring("alice")
    assert live.version_of(alice.id) > before
    answer = browser.get(f"/live/since?v={before}")
    assert answer.json == {"v": live.version_of(alice.id), "changed": True}
    assert browser.get(f"/live/since?v={answer.json['v']}").json["changed"] is False


def test_a_users_sockets_end_with_the_users_rights(app: Flask, as_: As, alice: User) -> None:
    listening = socket(app, as_(alice))
    live.shut_out(alice.id)
    ring("alice")
    assert not listening.is_connected()


def test_logging_out_ends_the_socket_too(app: Flask, as_: As, alice: User) -> None:
    browser = as_(alice)
    listening = socket(app, browser)
    assert listening.is_connected()
    browser.post("/logout")
    assert not listening.is_connected()


def test_who_looks_after_agents_hears_that_their_states_change_and_nobody_else_does(
    app: Flask, as_: As, alice: User, bob: User, person: Callable[..., User]
) -> None:
    sofia = person("sofia", "Sofia Head", role="supervisor")
    at_the_list, at_a_desk = socket(app, as_(sofia)), socket(app, as_(bob))
    at_the_list.get_received()
    ring("alice")
    assert {"kind": "agents"} in [message["args"][0] for message in at_the_list.get_received()]
    assert at_a_desk.get_received() == []
    with transaction():
        set_status(db.session.merge(alice), AgentStatus.ON_BREAK)
    assert [message["args"][0] for message in at_the_list.get_received()] == [{"kind": "agents"}]
    assert at_a_desk.get_received() == []
