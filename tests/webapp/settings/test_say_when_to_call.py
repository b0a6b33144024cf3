from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from telephony.commands import First
from webapp.accounts.models import User
from webapp.calls.models import CallingRule
from webapp.contacts.models import OwnNumber
from webapp.db import db

As = Callable[[User], FlaskClient]


@pytest.fixture
def admin(person: Callable[..., User]) -> User:
    return person("root", "Ada Root", role="admin", lines=())


def test_hours_are_written_for_everybody_and_for_one_queue(admin: User, as_: As) -> None:
    browser = as_(admin)
    week = {f"hours-{day}": "08:00-21:00" for day in range(5)}
    assert browser.post("/settings/calling/rule", data={"queue": "", "holidays": "gr"} | week).status_code == 303
    assert browser.post("/settings/calling/rule", data={"queue": "sales", "always_open": "1"}).status_code == 303
    rule = db.session.get_one(CallingRule, "")
    assert rule.hours["0"] == [["08:00", "21:00"]] and rule.hours["6"] == [] and rule.holidays == "GR"
    page = browser.get("/settings/calling").text
    assert "08:00-21:00" in page and "sales" in page
    browser.post("/settings/calling/rule/remove", data={"queue": "sales"})
    db.session.rollback()
    assert db.session.get(CallingRule, "sales") is None


def test_all_that_is_wrong_with_hours_is_named_at_once_and_nothing_is_lost(admin: User, as_: As) -> None:
    wrong = {"queue": "", "hours-0": "8 to 9", "holidays": "XX", "shown_number": "+306944000001"}
    answer = as_(admin).post("/settings/calling/rule", data=wrong)
    assert answer.status_code == 422
    for field in ("hours-0", "holidays", "shown_number"):
        assert f'id="{field}-error"' in answer.text
    assert "8 to 9" in answer.text and db.session.get(CallingRule, "") is None


def test_a_number_of_ours_is_named_and_may_be_shown_or_not(admin: User, as_: As) -> None:
    browser = as_(admin)
    typed = {"number": "210 000 0100", "label": "Sales <b>", "switch": "main", "shown": "1"}
    assert browser.post("/settings/calling/number", data=typed).status_code == 303
    number = db.session.get_one(OwnNumber, "+302100000100")
    assert (number.label, number.switch, number.shown) == ("Sales <b>", "main", True)
    assert "Sales &lt;b&gt;" in browser.get("/settings/calling").text
    assert "Sales &lt;b&gt;" in browser.get("/settings/calling/rule").text
    browser.post("/settings/calling/number", data=typed | {"shown": ""})
    db.session.rollback()
    assert db.session.get_one(OwnNumber, "+302100000100").shown is False


@pytest.mark.parametrize(
    ("field", "typed"), [("number", "sales"), ("label", "x" * 81), ("label", "a\x00b"), ("switch", "nowhere")]
)
def test_what_is_wrong_with_a_number_is_named(admin: User, as_: As, field: str, typed: str) -> None:
    sent = {"number": "2100000100", "label": "Sales", "switch": "main"} | {field: typed}
    answer = as_(admin).post("/settings/calling/number", data=sent)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text


def test_whose_phone_rings_first_is_said_for_all_for_a_queue_and_for_an_agent(
    admin: User, alice: User, as_: As
) -> None:
    browser = as_(admin)
    rule = {"queue": "", "always_open": "1", "rings_first": "customer"}
    assert browser.post("/settings/calling/rule", data=rule).status_code == 303
    page = browser.get("/settings/calling/rule", query_string={"queue": "sales"}).text
    assert '<option value="customer" selected' not in page  # it is said for everybody, not for this queue
    assert browser.post("/settings/calling/rule", data=rule | {"queue": "sales", "rings_first": ""}).status_code == 303
    assert db.session.get_one(CallingRule, "").rings_first is First.CUSTOMER
    assert db.session.get_one(CallingRule, "sales").rings_first is None
    chosen = {"agent": str(alice.id), "rings_first": "agent"}
    assert browser.post("/settings/calling/agent", data=chosen).status_code == 303
    db.session.rollback()
    assert db.session.get_one(User, alice.id).rings_first is First.AGENT
    assert "As everybody: Alice" in browser.get("/settings/calling").text
    assert browser.post("/settings/calling/agent", data=chosen | {"rings_first": ""}).status_code == 303
    db.session.rollback()
    assert db.session.get_one(User, alice.id).rings_first is None


@pytest.mark.parametrize("value", ["both", "customer\x00", "<b>"])
def test_nobody_else_rings_first(admin: User, alice: User, as_: As, value: str) -> None:
    browser = as_(admin)
    answer = browser.post("/settings/calling/rule", data={"queue": "", "always_open": "1", "rings_first": value})
    assert answer.status_code == 422 and 'id="rings_first-error"' in answer.text
    answer = browser.post("/settings/calling/agent", data={"agent": str(alice.id), "rings_first": value})
    assert answer.status_code == 422 and "Choose one of those that are offered." in answer.text


def test_it_is_said_only_of_people_who_call_and_only_by_who_may(admin: User, alice: User, as_: As) -> None:
    nobody = {"agent": "00000000-0000-7000-8000-000000000000", "rings_first": "customer"}
    assert as_(admin).post("/settings/calling/agent", data=nobody).status_code == 404
    assert as_(alice).post("/settings/calling/agent", data=nobody | {"agent": str(alice.id)}).status_code == 403
