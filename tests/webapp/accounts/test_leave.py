"""Somebody leaves the firm: they are out at once and everywhere, and nothing lies with them."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from telephony.events import Direction
from tests.conftest import PASSWORD
from tests.factories import make_call, make_callback
from webapp.accounts.actions import activate, deactivate, logged_in
from webapp.accounts.jobs import shut_out_gone
from webapp.accounts.models import AgentStatus, User
from webapp.calls.models import CallState
from webapp.cli import main
from webapp.db import db, now, transaction
from webapp.errors import Conflict
from webapp.live import socketio
from webapp.tasks import actions as tasks
from webapp.tasks.models import Callback, CallbackAttempt, CallbackState

As = Callable[[User], FlaskClient]


def leaves(user: User) -> None:
    with transaction():
        deactivate(db.session.get_one(User, user.id), at=now())


def comes(user: User) -> None:
    with transaction():
        logged_in(db.session.get_one(User, user.id))


def again(callback: Callback) -> Callback:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Callback, callback.id)


def socket(app: Flask, browser: FlaskClient):  # type: ignore[no-untyped-def]
    return contextvars.Context().run(lambda: socketio.test_client(app, flask_test_client=browser))


def test_their_sessions_and_sockets_end(app: Flask, alice: User, as_: As, client: FlaskClient) -> None:
    browser = as_(alice)
    listening = socket(app, browser)
    assert browser.get("/desk").status_code == 200
    leaves(alice)
    assert not listening.is_connected()
    assert not socket(app, browser).is_connected()
    assert browser.get("/desk").status_code == 302
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    assert client.get("/desk").status_code == 302


def test_sockets_end_also_when_it_was_said_in_another_process(app: Flask, alice: User, bob: User, as_: As) -> None:
    hers, his = socket(app, as_(alice)), socket(app, as_(bob))
    with transaction():
        db.session.get_one(User, alice.id).active = False
    shut_out_gone()
    assert not hers.is_connected()
    assert his.is_connected()


def test_what_was_theirs_goes_to_who_is_here(app: Flask, alice: User, bob: User) -> None:
    claimed, assigned = make_callback("+306944000001"), make_callback("+306944000002")
    bobs = make_callback("+306944000003")
    for user in (alice, bob):
        comes(user)
    with transaction():
        tasks.claim(db.session.get_one(Callback, claimed.id), alice)
        db.session.get_one(Callback, assigned.id).assigned_to_id = alice.id
        tasks.claim(db.session.get_one(Callback, bobs.id), bob)
    leaves(alice)
    assert (again(claimed).state, again(claimed).claimed_by_id) == (CallbackState.OPEN, None)
    assert again(assigned).assigned_to_id == bob.id
    assert again(bobs).claimed_by_id == bob.id
    assert db.session.get_one(User, alice.id).status is AgentStatus.LOGGED_OUT


def test_whom_they_are_calling_this_moment_is_theirs_until_the_call_is_over(app: Flask, alice: User) -> None:
    callback = make_callback()
    call = make_call(direction=Direction.OUTBOUND, state=CallState.RINGING, ringing=(alice,))
    with transaction():
        tasks.claim(db.session.get_one(Callback, callback.id), alice)
        db.session.add(CallbackAttempt(call_id=call.id, callback_id=callback.id, by_id=alice.id))
    leaves(alice)
    assert again(callback).claimed_by_id == alice.id


def test_who_comes_back_logs_in_as_before_and_old_sessions_stay_dead(alice: User, as_: As, client: FlaskClient) -> None:
    old = as_(alice)
    leaves(alice)
    with transaction():
        activate(db.session.get_one(User, alice.id))
    assert old.get("/desk").status_code == 302
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    assert client.get("/desk").status_code == 200


def test_the_last_administrator_cannot_leave(app: Flask, person: Callable[..., User]) -> None:
    ada, zoe = (person(name, name.title(), role="admin", lines=()) for name in ("ada", "zoe"))
    leaves(ada)
    with pytest.raises(Conflict, match="Zoe is the last administrator"):
        leaves(zoe)


def test_both_are_commands(tmp_path: Path) -> None:
    env: dict[str, str | None] = {name: None for name in os.environ if name.startswith("RINGBACK_")}
    command = CliRunner(env=env | {"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_LOG_LEVEL": "WARNING"})
    command.invoke(main, ["user", "add", "alice", "--name", "Alice", "--password-file", "-"], input=PASSWORD)
    told = command.invoke(main, ["user", "deactivate", "Alice"])
    assert (told.exit_code, told.output) == (0, "Alice cannot log in any more.\n")
    assert command.invoke(main, ["user", "deactivate", "alice"]).exit_code == 0  # twice is the same
    told = command.invoke(main, ["user", "activate", "alice"])
    assert (told.exit_code, told.output) == (0, "Alice can log in as alice.\n")
    for verb in ("deactivate", "activate"):
        told = command.invoke(main, ["user", verb, "nobody"])
        assert told.exit_code != 0
        assert "nobody is called nobody" in told.output
