from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from tests.factories import make_call, make_callback, make_party
from webapp.accounts.models import User
from webapp.desk import shell


def test_the_desk_shows_what_waits_and_what_was(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    make_call(party=dana, answered_by=alice)
    make_callback("+306944000002")
    page = as_(alice).get("/desk").text
    for words in ("Dana Reyes", "694 400 0002", "1:00"):
        assert words in page


def test_who_is_idle_sees_which_phone_is_theirs_and_no_claim_that_it_is_ready(
    alice: User, sofia: User, as_: Callable[[User], FlaskClient]
) -> None:
    page = as_(alice).get("/desk").text
    assert page.count("PJSIP/alice") == 2  # at the desk and in the call bar
    assert "ready" not in page.lower()
    assert "No phone yet" in as_(sofia).get("/desk").text


def test_the_front_door_leads_to_the_desk(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    answer = as_(alice).get("/")
    assert (answer.status_code, answer.location) == (302, "/desk")


def test_pages_speak_greek(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    page = as_(alice).get("/desk", headers={"Accept-Language": "el"}).text
    assert '<html lang="el"' in page


def test_a_page_comes_even_when_its_frame_cannot_be_read(
    alice: User, as_: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_user: User) -> dict[str, int]:
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(shell, "badges", away)
    answer = as_(alice).get("/contacts")
    assert answer.status_code == 200
    assert 'id="main"' in answer.text
