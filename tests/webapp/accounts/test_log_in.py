"""Who may come in, and what a session is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from webapp.accounts.models import User
from webapp.db import transaction

As = Callable[[User], FlaskClient]


def log_in(client: FlaskClient, **form: str):  # type: ignore[no-untyped-def]
    return client.post("/login", data=form)


def test_alice_logs_in_by_her_user_name_and_lands_at_her_desk(client: FlaskClient, alice: User) -> None:
    answer = log_in(client, username="alice", password=PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/desk")
    assert client.get("/desk").status_code == 200


def test_and_by_her_mail_address(client: FlaskClient, person: Callable[..., User]) -> None:
    person("alice", "Alice Martin", email="Alice@example.com")
    assert log_in(client, email="alice@example.com", password=PASSWORD).status_code == 302


@pytest.mark.parametrize(
    "form", [{"username": "alice", "password": "wrong"}, {"username": "nobody", "password": PASSWORD}]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    client: FlaskClient, alice: User, form: dict[str, str]
) -> None:
    answer = log_in(client, **form)
    assert answer.status_code == 200
    assert "Wrong user name or password." in answer.text
    assert client.get("/desk").status_code in (302, 401)


def test_passwords_are_kept_as_argon2id(alice: User) -> None:
    assert alice.password.startswith("$argon2id$")


def test_who_left_the_firm_does_not_come_in(client: FlaskClient, alice: User) -> None:
    with transaction():
        alice.active = False
    log_in(client, username="alice", password=PASSWORD)
    assert client.get("/desk").status_code in (302, 401)


def test_a_script_without_a_session_is_told_so_instead_of_being_sent_away(client: FlaskClient) -> None:
    assert client.get("/desk/callbar", headers={"Accept": "application/json"}).status_code == 401
    assert client.get("/desk/callbar", headers={"HX-Request": "true"}).status_code == 401


def test_a_stranger_is_sent_to_the_log_in_and_back_to_the_page_afterwards(client: FlaskClient, alice: User) -> None:
    answer = client.get("/contacts")
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")
    assert log_in(client, username="alice", password=PASSWORD, next="/contacts").location == "/contacts"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "https:evil.example"]
)
def test_nobody_is_sent_to_another_site(client: FlaskClient, alice: User, elsewhere: str) -> None:
    location = client.post(f"/login?next={elsewhere}", data={"username": "alice", "password": PASSWORD}).location
    assert location is None or not location.startswith(("//", "/\\", "http", "https:evil"))


def test_logging_out_needs_a_post_and_ends_the_session(as_: As, alice: User) -> None:
    browser = as_(alice)
    assert browser.get("/logout").status_code == 405
    browser.post("/logout")
    assert browser.get("/desk").status_code in (302, 401)


@pytest.fixture
def guarded(app: Flask) -> Iterator[Flask]:
    app.config["WTF_CSRF_ENABLED"] = True
    yield app
    app.config["WTF_CSRF_ENABLED"] = False


def test_a_foreign_page_cannot_act_for_alice(guarded: Flask, as_: As, alice: User) -> None:
    for path in ("/calls", "/me/status", "/contacts/new", "/me/preferences"):
        assert as_(alice).post(path, data={"number": "+306944000001"}).status_code == 400, path


def test_cookies_are_not_for_scripts_and_not_for_other_sites(client: FlaskClient, alice: User) -> None:
    cookie = log_in(client, username="alice", password=PASSWORD).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_pages_allow_no_foreign_script_and_no_frame(client: FlaskClient) -> None:
    headers = client.get("/login").headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/desk/callbar", "/desk/status", "/desk/badges"])
def test_a_page_that_still_asks_after_the_log_out_does_not_spoil_the_log_in_that_is_shown(
    as_: As, alice: User, path: str
) -> None:
    browser = as_(alice)
    browser.post("/logout")
    late = browser.get(path, headers={"X-Requested-With": "fetch", "Accept": "text/html"})
    assert late.status_code == 401
    assert "Set-Cookie" not in late.headers
