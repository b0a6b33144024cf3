"""With what a page's phone registers: made when it asks, good for a while, and gone when nobody needs it any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from telephony.fake.ari import FakeAri
from webapp.accounts.actions import logged_in, logged_out
from webapp.accounts.models import Line, User
from webapp.db import db, now, transaction
from webapp.phones.jobs import put_away_accounts

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _here(erin: User) -> None:
    with transaction():
        logged_in(db.session.get_one(User, erin.id))


def ask(browser: FlaskClient) -> dict[str, object]:
    answer = browser.post("/phone/account", headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    told: dict[str, object] = answer.json or {}
    return told


def test_erins_page_gets_an_account_that_the_pbx_knows(erin: User, as_: As, ari: FakeAri) -> None:
    told = ask(as_(erin))
    assert (told["user"], told["url"], told["domain"]) == ("erin", "/ws", "127.0.0.1")
    assert ari.objects["auth", "erin"]["password"] == told["password"]
    assert ari.objects["endpoint", "erin"]["callerid"] == '"Erin Walsh" <erin>'
    assert 3500 < int(str(told["expires_in"])) <= 3600


def test_each_time_it_is_another_password_and_none_is_kept(erin: User, as_: As, ari: FakeAri) -> None:
    first, second = ask(as_(erin)), ask(as_(erin))
    assert first["password"] != second["password"] == ari.objects["auth", "erin"]["password"]
    kept = db.session.query(Line).filter_by(endpoint="PJSIP/erin").one()
    assert str(second["password"]) not in repr(vars(kept))


def test_no_page_has_it_in_its_text(erin: User, as_: As, ari: FakeAri) -> None:
    browser = as_(erin)
    password = str(ask(browser)["password"])
    for path in ("/desk", "/desk/callbar", "/calls"):
        assert password not in browser.get(path).text


def test_alice_whose_phone_is_on_her_desk_has_none(alice: User, as_: As, ari: FakeAri) -> None:
    answer = as_(alice).post("/phone/account", headers=JSON)
    assert (answer.status_code, ari.objects) == (409, {})


def test_the_pbxs_own_phone_of_that_name_is_left_alone(erin: User, as_: As, ari: FakeAri) -> None:
    ari.static.add("erin")
    answer = as_(erin).post("/phone/account", headers=JSON)
    assert answer.status_code == 503
    assert "own files" in answer.text


def test_who_logs_out_leaves_no_account_behind(erin: User, as_: As, ari: FakeAri) -> None:
    ask(as_(erin))
    put_away_accounts()
    assert ari.names() == ["erin"]
    with transaction():
        logged_out(db.session.get_one(User, erin.id))
    put_away_accounts()
    assert ari.objects == {}


def test_one_that_no_page_renews_is_removed_and_a_page_that_comes_back_gets_another(
    erin: User, as_: As, ari: FakeAri
) -> None:
    ask(as_(erin))
    put_away_accounts(now() + timedelta(minutes=61))
    assert ari.objects == {}
    ask(as_(erin))
    assert ari.names() == ["erin"]


def test_what_the_pbx_did_not_take_is_tried_again(erin: User, as_: As, ari: FakeAri) -> None:
    ask(as_(erin))
    ari.static.add("erin")
    put_away_accounts(now() + timedelta(minutes=61))
    ari.static.clear()
    put_away_accounts(now() + timedelta(minutes=62))
    assert ari.objects == {}
