"""Who guesses passwords has to wait, a little longer each time; a colleague is kept out by nobody for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from webapp.accounts import brake
from webapp.accounts.brake import FORGOTTEN, FREE_FOR_ONE, KNOWN, LONGEST, Attempt, wait_after
from webapp.accounts.jobs import forget_attempts
from webapp.accounts.models import LogInBrake, User
from webapp.db import db, transaction

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FREE_FOR_MANY = FREE_FOR_ONE + 1
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
JSON = {"Accept": "application/json"}


class Clock:
    at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time goes by when the story says so; and a few attempts are many, since each wrong one is slow on purpose."""
    clock = Clock()
    monkeypatch.setattr(brake, "now", clock)
    monkeypatch.setattr(brake, "FREE_FOR_MANY", FREE_FOR_MANY)
    return clock


def tries(client: FlaskClient, name: str = "alice", password: str = "wrong", at: str = HOME, **more: Any) -> Any:
    return client.post(
        "/login", data={"username": name, "password": password}, environ_overrides={"REMOTE_ADDR": at}, **more
    )


def begins(attempt: Attempt, second: float) -> int:
    with transaction():
        return brake.begin(attempt, NOON + timedelta(seconds=second))


def fails(attempt: Attempt, second: float) -> None:
    with transaction():
        brake.failed(attempt, NOON + timedelta(seconds=second))


def comes_in(attempt: Attempt, second: float) -> None:
    with transaction():
        brake.succeeded(attempt, NOON + timedelta(seconds=second))


def test_the_wait_grows_and_stays_short() -> None:
    waits = [wait_after(failures, 5).total_seconds() for failures in range(12)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert wait_after(10**9, 5) == LONGEST


def test_after_some_wrong_ones_even_the_right_one_has_to_wait(client: FlaskClient, alice: User, clock: Clock) -> None:
    assert [tries(client).status_code for _ in range(FREE_FOR_ONE)] == [200] * FREE_FOR_ONE
    answer = tries(client, password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 1
    assert "Too many attempts. Wait 1 second." in answer.text
    told = tries(client, headers=JSON)
    assert (told.status_code, told.json["error"]["code"]) == (429, "too_many_attempts")
    clock.at += timedelta(seconds=1)
    assert tries(client, password=PASSWORD).status_code == 302


def test_who_came_in_begins_anew(client: FlaskClient, alice: User) -> None:
    for _ in range(2):
        for _ in range(FREE_FOR_ONE - 1):
            assert tries(client).status_code == 200
        assert tries(client, password=PASSWORD).status_code == 302
        client.post("/logout")


def test_a_name_that_nobody_has_is_held_up_alike(client: FlaskClient, alice: User) -> None:
    for name, at in (("alice", HOME), ("nobody", ELSEWHERE)):
        told = [tries(client, name, at=at).status_code for _ in range(FREE_FOR_ONE + 1)]
        assert told == [200] * FREE_FOR_ONE + [429]


def test_user_name_and_mail_address_are_one_account(client: FlaskClient, person: Callable[..., User]) -> None:
    person("alice", "Alice Martin", email="alice@example.com")
    for _ in range(FREE_FOR_ONE):
        tries(client)
    form = {"email": " Alice@Example.com", "password": PASSWORD}
    assert client.post("/login", data=form, environ_overrides={"REMOTE_ADDR": HOME}).status_code == 429


def test_one_address_that_tries_many_accounts_is_held_up(client: FlaskClient) -> None:
    told = [tries(client, f"user{i}").status_code for i in range(FREE_FOR_MANY + 1)]
    assert told == [200] * FREE_FOR_MANY + [429]
    assert tries(client, "another", at=ELSEWHERE).status_code == 200


def test_one_account_that_is_tried_from_everywhere_is_held_up(client: FlaskClient, alice: User) -> None:
    told = [tries(client, at=f"192.0.2.{i}").status_code for i in range(FREE_FOR_MANY + 1)]
    assert told == [200] * FREE_FOR_MANY + [429]
    assert tries(client, "bob", at=HOME).status_code == 200


def test_nobody_is_kept_out_from_where_they_are_known(
    app: Flask, client: FlaskClient, alice: User, clock: Clock
) -> None:
    assert tries(client, password=PASSWORD).status_code == 302
    client.post("/logout")
    for i in range(FREE_FOR_MANY + 1):
        tries(app.test_client(), at=f"203.0.113.{i}")
        tries(app.test_client(), f"user{i}", at=HOME)  # and somebody guesses beside her
    assert tries(client, at=ELSEWHERE, password=PASSWORD).status_code == 429
    assert tries(client, password=PASSWORD).status_code == 302
    client.post("/logout")
    clock.at += KNOWN + timedelta(seconds=1)
    for i in range(FREE_FOR_MANY):
        tries(app.test_client(), at=f"203.0.113.{i}")
    assert tries(client, password=PASSWORD).status_code == 429


def test_of_many_at_once_no_more_are_tried(app: Flask) -> None:
    """They are counted before it is known whether they are right."""
    attempt = Attempt("pair", "account", "address")
    assert [begins(attempt, 0) for _ in range(FREE_FOR_ONE + 3)] == [0] * FREE_FOR_ONE + [1, 1, 1]


def test_an_attempt_that_has_to_wait_makes_the_wait_no_longer(app: Flask) -> None:
    attempt = Attempt("pair", "account", "address")
    for _ in range(FREE_FOR_ONE + 1):
        begins(attempt, 0)
    assert [begins(attempt, second) for second in (0.1, 0.5, 1.1)] == [1, 1, 0]
    assert [begins(attempt, second) for second in (1.2, 3.0, 3.2)] == [2, 1, 0]


def test_after_a_while_it_is_forgotten(app: Flask) -> None:
    attempt = Attempt("pair", "account", "address")
    for _ in range(FREE_FOR_MANY + 5):
        fails(attempt, 0)
    assert begins(attempt, 1) > 0
    later = FORGOTTEN.total_seconds() + 1
    assert begins(attempt, later) == 0
    fails(attempt, later)
    db.session.rollback()
    assert db.session.get_one(LogInBrake, "account").failures == 1


def test_old_rows_go_and_where_somebody_is_known_stays(app: Flask) -> None:
    begins(Attempt("old", "a", "b"), 0)
    comes_in(Attempt("known", "a", "b"), 0)
    forget_attempts(NOON + FORGOTTEN + timedelta(seconds=1))
    assert db.session.scalars(sa.select(LogInBrake.key)).all() == ["known"]
    forget_attempts(NOON + KNOWN + timedelta(seconds=1))
    assert db.session.scalars(sa.select(LogInBrake.key)).all() == []


def test_a_network_of_ipv6_is_one_address(client: FlaskClient) -> None:
    for i in range(FREE_FOR_ONE):
        tries(client, at=f"2001:db8::{i + 1:x}")
    assert tries(client, at="2001:db8::ffff").status_code == 429
    assert tries(client, at="2001:db8:0:1::1").status_code == 200


def test_what_was_typed_as_a_name_is_not_kept(client: FlaskClient) -> None:
    tries(client, name="my-secret-password")
    assert all("secret" not in key for key in db.session.scalars(sa.select(LogInBrake.key)))


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 5000, "\ud800", " "])
def test_odd_names_break_nothing(client: FlaskClient, name: str) -> None:
    assert client.post("/login", json={"username": name, "password": "wrong"}).status_code < 500


def test_a_session_is_no_place_to_guess_the_password_either(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    browser = as_(alice)
    told = [browser.post("/verify", data={"password": "wrong"}).status_code for _ in range(FREE_FOR_ONE + 1)]
    assert told == [*told[:-1], 429]
    assert 429 not in told[:-1]


def test_an_empty_form_is_no_attempt(client: FlaskClient, alice: User) -> None:
    for _ in range(FREE_FOR_ONE + 2):
        tries(client, password="")
    assert tries(client, password=PASSWORD).status_code == 302
