from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

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
