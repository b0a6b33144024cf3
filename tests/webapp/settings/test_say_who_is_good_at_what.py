"""Whose callers come first and who is good at what is said on a page, and counts from the next caller on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from config.twilio import TwilioSettings
from webapp.accounts.models import User
from webapp.db import db
from webapp.routing.models import AgentSkill, QueueRouting

pytestmark = pytest.mark.req("T26")
As = Callable[[User], FlaskClient]


@pytest.fixture
def account(app: Flask) -> Iterator[TwilioSettings]:
    before = app.extensions["ringback.accounts"]
    settings = TwilioSettings(
        name="gr", account_sid="AC" + "0" * 32, api_key="SK" + "0" * 32, api_secret="x" * 32,
        public_url="https://crm.example.org", auth_token="0" * 32, numbers={"+302100000100": "sales"},
    )  # fmt: skip
    app.extensions["ringback.accounts"] = {"gr": settings}
    yield settings
    app.extensions["ringback.accounts"] = before


@pytest.fixture
def olga(person: Callable[..., User]) -> User:
    return person("olga", "Olga Boss", role="admin", lines=())


@pytest.fixture
def erin(person: Callable[..., User]) -> User:
    return person("erin", "Erin Walsh", lines=(), browser_lines=("Client/erin",), switch="gr")


def test_olga_says_it_and_sees_it(account: TwilioSettings, olga: User, erin: User, as_: As) -> None:
    browser = as_(olga)
    sent = {"queue-sales-priority": "5", "queue-sales-needs": "Greek 3", f"agent-{erin.id}": "greek 4, Billing"}
    assert browser.post("/settings/routing", data=sent).status_code == 303
    page = browser.get("/settings/routing?saved=1").get_data(as_text=True)
    assert 'value="greek 3"' in page and 'value="billing 1, greek 4"' in page
    db.session.rollback()
    rule = db.session.get_one(QueueRouting, "sales")
    assert (rule.priority, rule.needs) == (5, {"greek": 3})
    assert {row.skill: row.level for row in db.session.scalars(sa.select(AgentSkill))} == {"greek": 4, "billing": 1}


@pytest.mark.parametrize(
    ("field", "text"),
    [("queue-sales-priority", "10"), ("queue-sales-priority", "-1"), ("queue-sales-needs", "3 greek"),
     ("queue-sales-needs", "greek 0"), ("queue-sales-needs", ", ".join(f"skill{'x' * n} 1" for n in range(21)))],
)  # fmt: skip
def test_what_cannot_be_is_named_and_nothing_is_lost(
    account: TwilioSettings, olga: User, as_: As, field: str, text: str
) -> None:
    answer = as_(olga).post(
        "/settings/routing", data={"queue-sales-priority": "1", "queue-sales-needs": "greek 2", field: text}
    )
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert f'href="#{field}"' in page and text in page
    db.session.rollback()
    assert db.session.get(QueueRouting, "sales") is None


def test_a_field_that_was_not_sent_stays_as_it_was(account: TwilioSettings, olga: User, erin: User, as_: As) -> None:
    browser = as_(olga)
    browser.post("/settings/routing", data={f"agent-{erin.id}": "greek 4"})
    browser.post("/settings/routing", data={"queue-sales-priority": "2"})
    db.session.rollback()
    assert db.session.scalars(sa.select(AgentSkill.skill)).all() == ["greek"]


def test_where_a_pbx_decides_there_is_nothing_to_say(olga: User, as_: As) -> None:
    browser = as_(olga)
    assert "Asterisk gives its callers" in browser.get("/settings/routing").get_data(as_text=True)
    assert "/settings/routing" not in browser.get("/settings/breaks").get_data(as_text=True)
