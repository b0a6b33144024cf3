"""The reasons for breaks, as the firm names them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from telephony.fake.switch import FakeSwitch
from webapp.accounts import breaks
from webapp.accounts.models import User
from webapp.db import db, transaction

As = Callable[[User], FlaskClient]
NEW = {"code": "smoke", "label_en": "Smoke", "label_el": "Κάπνισμα", "max_minutes": "5", "paid": "", "active": "1"}


@pytest.fixture
def admin(person: Callable[..., User], as_: As) -> FlaskClient:
    return as_(person("admin", "Ada Admin", role="admin", lines=()))


def test_a_new_reason_is_in_everybodys_menu_in_their_language(admin: FlaskClient, as_: As, alice: User) -> None:
    assert admin.post("/settings/breaks/new", data=NEW).status_code == 303
    menu = as_(alice).get("/desk/status").text
    assert "Smoke" in menu
    assert "5 min · unpaid" in menu
    as_(alice).post("/me/preferences", data={"locale": "el"})
    assert "Κάπνισμα" in as_(alice).get("/desk/status").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", ""), ("code", "Smoke Break"), ("code", "a\r\nAction: x"), ("code", "x" * 40), ("code", "no-answer"),
        ("label_en", ""), ("label_el", "x" * 61), ("label_en", "a\nb"), ("max_minutes", "0"), ("max_minutes", "1441"),
        ("max_minutes", "-5"), ("max_minutes", "٣"), ("position", "first"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(admin: FlaskClient, field: str, value: str) -> None:
    answer = admin.post("/settings/breaks/new", json=NEW | {field: value})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {field})
    page = admin.post("/settings/breaks/new", data=NEW | {field: value})
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert breaks.all_reasons() == []


def test_a_code_is_one_reasons(admin: FlaskClient) -> None:
    admin.post("/settings/breaks/new", data=NEW)
    assert set(admin.post("/settings/breaks/new", json=NEW).json["error"]["fields"]) == {"code"}


def test_one_that_is_put_away_stays_readable_and_keeps_its_code(
    admin: FlaskClient, as_: As, alice: User, switch: FakeSwitch
) -> None:
    admin.post("/settings/breaks/new", data=NEW)
    as_(alice).post("/me/status", json={"status": "on_break", "break_reason": "smoke"})
    (reason,) = breaks.all_reasons()
    db.session.rollback()
    changed = {name: value for name, value in NEW.items() if name not in ("active", "code")}
    assert admin.post(f"/settings/breaks/{reason.id}", data=changed | {"code": "other"}).status_code == 303
    db.session.rollback()
    (reason,) = breaks.all_reasons()
    assert (reason.code, reason.active) == ("smoke", False)
    menu = as_(alice).get("/desk/status").text
    assert "Smoke" in menu  # she is on it
    assert 'value="smoke"' not in menu  # and nobody can begin another


def test_a_firm_begins_with_some_and_its_own_are_left_alone(app: Flask) -> None:
    for _ in range(2):
        with transaction():
            breaks.plant()
    assert len(breaks.all_reasons()) == len(breaks.SEED)
