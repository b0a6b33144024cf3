"""An administrator writes scripts: steps, what they ask, and where they lead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from webapp.accounts.models import User
from webapp.db import db
from webapp.scripts.models import Script

As = Callable[[User], FlaskClient]


@pytest.fixture
def admin(person: Callable[..., User], as_: As) -> FlaskClient:
    return as_(person("ada", "Ada Admin", role="admin", lines=()))


@pytest.fixture
def url(admin: FlaskClient) -> str:
    """Of a script with a greeting and an offer."""
    answer = admin.post("/settings/scripts/new", data={"name": "Orders", "queue": "sales", "opens": "1", "active": "1"})
    assert answer.status_code == 303
    assert admin.post(f"{answer.location}/steps/new", data={"title": "Offer", "text": "In red?"}).status_code == 303
    return str(answer.location)


def script() -> Script:
    db.session.rollback()
    return db.session.scalars(sa.select(Script)).unique().one()


def titles() -> list[str]:
    return [step.title for step in script().steps]


def test_steps_are_added_moved_and_removed_and_no_branch_leads_nowhere(admin: FlaskClient, url: str) -> None:
    assert titles() == ["Greeting", "Offer"]
    greeting, offer = script().steps
    to_offer = {"title": "Greeting", "branch-0-label": "Wants more", "branch-0-to": str(offer.id)}
    admin.post(f"{url}/steps/{greeting.id}", data=to_offer)
    assert [branch.to for branch in script().steps[0].branches] == [offer.id]
    admin.post(f"{url}/steps/{offer.id}/move", data={"do": "up"})
    assert titles() == ["Offer", "Greeting"]
    admin.post(f"{url}/steps/{offer.id}/move", data={"do": "down"})
    admin.post(f"{url}/steps/{offer.id}/move", data={"do": "down"})
    assert titles() == ["Greeting", "Offer"]
    page = admin.get(url).text
    assert "Wants more" in page
    admin.post(f"{url}/steps/{offer.id}/move", data={"do": "drop"})
    assert [branch.to for branch in script().steps[0].branches] == [None]
    assert admin.post(f"{url}/steps/{greeting.id}/move", json={"do": "drop"}).status_code == 422
    assert titles() == ["Greeting"]


def test_questions_keep_their_key_when_they_are_worded_anew(admin: FlaskClient, url: str) -> None:
    greeting = script().steps[0]
    asked = {"title": "Greeting", "field-0-label": "Order", "field-0-kind": "choice", "field-0-options": "A\nB"}
    admin.post(f"{url}/steps/{greeting.id}", data=asked)
    (first,) = script().steps[0].questions
    admin.post(f"{url}/steps/{greeting.id}", data=asked | {"field-0-id": first.key, "field-0-label": "Order number"})
    (again,) = script().steps[0].questions
    assert (again.key, again.label, again.options) == (first.key, "Order number", ["A", "B"])
    page = admin.post(f"{url}/steps/{greeting.id}", data=asked | {"do": "add"})
    assert (page.status_code, page.text.count('-label" name="field-')) == (200, 2)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title": ""}, "title"), ({"title": "x" * 81}, "title"), ({"text": "x" * 4001}, "text"), ({"text": "a\x00"}, "text"),
        ({"branch-0-label": "Yes"}, "branch-0-to"), ({"branch-0-to": "end"}, "branch-0-label"),
        ({"branch-0-label": "Yes", "branch-0-to": "nowhere"}, "branch-0-to"),
        ({"field-0-label": "Colour", "field-0-kind": "choice", "field-0-options": "Red"}, "field-0-options"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_is_named(admin: FlaskClient, url: str, typed: dict[str, str], field: str) -> None:
    step = {"title": "Thanks", "text": "Thank you."}
    answer = admin.post(f"{url}/steps/new", json=step | typed)
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {field})
    page = admin.post(f"{url}/steps/new", data=step | typed)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert titles() == ["Greeting", "Offer"]


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("name", "x" * 81), ("queue", "a\nb")])
def test_what_is_wrong_with_a_script_is_named(admin: FlaskClient, url: str, field: str, value: str) -> None:
    answer = admin.post(url, json={"name": "Orders", field: value})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {field})
    assert script().name == "Orders"


def test_one_that_is_put_away_is_listed_and_one_that_is_removed_is_gone(admin: FlaskClient, url: str) -> None:
    admin.post(url, data={"name": "Orders of old", "direction": "outbound"})
    assert (script().active, script().queue, script().direction) == (False, "", "outbound")
    assert "Orders of old" in admin.get("/settings/scripts").text
    admin.post(f"{url}/remove")
    assert "Orders of old" not in admin.get("/settings/scripts").text


def test_another_scripts_step_is_none_of_this(admin: FlaskClient, url: str) -> None:
    other = admin.post("/settings/scripts/new", data={"name": "Complaints", "active": "1"}).location
    db.session.rollback()
    step = db.session.scalars(sa.select(Script).where(Script.name == "Orders")).unique().one().steps[0]
    assert admin.get(f"{other}/steps/{step.id}").status_code == 404
