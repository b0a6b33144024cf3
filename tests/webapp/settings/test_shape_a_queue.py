"""An administrator says what callers of a queue are promised; what is wrong is named, and nothing is saved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_call
from tests.webapp.tasks.callers import after, ended, entry
from webapp.accounts.models import User
from webapp.db import db
from webapp.tasks.models import QueuePolicy
from webapp.tasks.policies import policy_for

JSON = {"Accept": "application/json"}
RIGHT = {
    "queue": "sales", "zone": "Europe/Athens", "holidays": "gr", "closed_days": "2026-12-24, 2026-12-31",
    "callback_minutes": "15", "reminder_minutes": "10, 5", "second_step_minutes": "20", "retry_minutes": "5 30",
    "short_seconds": "4", "ticket_minutes": "3", "hours-0": "17:00 - 21:00, 9:00-14:00", "hours-5": "20:00-00:00",
}  # fmt: skip


@pytest.fixture
def admin(person: Callable[..., User], as_: Callable[[User], FlaskClient]) -> FlaskClient:
    return as_(person("ada", "Ada Admin", role="admin", lines=()))


def saved(queue: str = "sales") -> QueuePolicy | None:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get(QueuePolicy, queue)


def test_what_was_typed_is_what_holds_for_the_next_caller(app: Flask, admin: FlaskClient) -> None:
    answer = admin.post("/settings/queues/edit", data=RIGHT)
    assert (answer.status_code, answer.location) == (303, "/settings/queues")
    policy = saved()
    assert policy is not None
    assert policy.hours == {
        "0": [["09:00", "14:00"], ["17:00", "21:00"]], "5": [["20:00", "24:00"]],
        **{str(day): [] for day in (1, 2, 3, 4, 6)},
    }  # fmt: skip
    assert (policy.holidays, policy.closed_days) == ("GR", ["2026-12-24", "2026-12-31"])
    assert (policy.reminder_minutes, policy.retry_minutes) == ([5, 10], [5, 30])
    ended("1", 4 * 60)  # Monday 13:00 in London is 15:00 in Athens: between the two spans
    assert entry().due_at == after(6 * 60 + 15)
    form = admin.get("/settings/queues/edit?queue=sales").text
    assert "09:00-14:00, 17:00-21:00" in form
    assert "20:00-24:00" in form


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("zone", "Atlantis"), ("holidays", "XX"), ("holidays", "../../etc"), ("closed_days", "24.12.2026"),
        ("callback_minutes", "0"), ("callback_minutes", "fifteen"), ("callback_minutes", "1e3"), ("callback_minutes", "١٥"),
        ("reminder_minutes", "15, x"), ("reminder_minutes", "1 2 3 4 5 6 7 8 9 10 11"), ("second_step_minutes", ""),
        ("retry_minutes", "-5"), ("short_seconds", "301"), ("ticket_minutes", "99999999999"),
        ("hours-0", "9-18"), ("hours-0", "18:00-09:00"), ("hours-0", "25:00-26:00"), ("hours-0", "09:00-12:00, 11:00-13:00"),
        ("hours-3", "09:75-18:00"), ("queue", "x" * 81), ("queue", "a\nb"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(admin: FlaskClient, field: str, typed: str) -> None:
    sent = RIGHT | {field: typed}
    answer = admin.post("/settings/queues/edit", data=sent, headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {field}
    assert saved() is None
    page = admin.post("/settings/queues/edit", data=sent)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text


def test_all_that_is_wrong_is_said_at_once(admin: FlaskClient) -> None:
    sent = RIGHT | {"zone": "", "hours-0": "x", "hours-6": "y", "short_seconds": "z"}
    answer = admin.post("/settings/queues/edit", data=sent, headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"zone", "hours-0", "hours-6", "short_seconds"}


def test_no_hour_at_all_is_a_mistake_unless_it_is_always_open(admin: FlaskClient) -> None:
    sent = {name: value for name, value in RIGHT.items() if not name.startswith("hours")}
    answer = admin.post("/settings/queues/edit", data=sent, headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"hours-0"}
    assert admin.post("/settings/queues/edit", data=sent | {"always_open": "1"}, headers=JSON).status_code == 204
    assert policy_for("sales").calendar.hours is None


def test_the_list_has_queues_that_were_seen_and_the_one_for_all_others(admin: FlaskClient) -> None:
    make_call()
    page = admin.get("/settings/queues").text
    assert "All other queues" in page
    assert "sales" in page
    assert "as all other queues" in page


def test_without_rules_of_its_own_a_queue_follows_those_for_all(app: Flask, admin: FlaskClient) -> None:
    assert policy_for("sales").callback_minutes == app.config["RINGBACK_CALLBACK_MINUTES"]
    admin.post("/settings/queues/edit", data=RIGHT | {"queue": "", "callback_minutes": "20"})
    admin.post("/settings/queues/edit", data=RIGHT)
    db.session.rollback()
    assert (policy_for("sales").callback_minutes, policy_for("support").callback_minutes) == (15, 20)
    admin.post("/settings/queues/remove", data={"queue": "sales"})
    db.session.rollback()
    db.session.expire_all()
    assert policy_for("sales").callback_minutes == 20
    assert policy_for(None).callback_minutes == 20


def test_a_queues_name_is_a_word_whatever_it_holds(admin: FlaskClient) -> None:
    name = "<b>a&b</b>?queue=x#y"
    admin.post("/settings/queues/edit", data=RIGHT | {"queue": name})
    assert saved(name) is not None
    page = admin.get("/settings/queues").text
    assert "<b>a" not in page
    assert admin.get("/settings/queues/edit", query_string={"queue": name}).status_code == 200


def test_a_name_that_no_database_keeps_is_a_queue_without_rules(admin: FlaskClient) -> None:
    for queue in ("sal%00es", "x" * 5000):
        page = admin.get(f"/settings/queues/edit?queue={queue}")
        assert page.status_code == 200
        assert "\x00" not in page.text
        assert 'value="' + "x" * 81 not in page.text


def test_a_supervisor_reads_what_is_promised_and_changes_nothing(
    app: Flask, admin: FlaskClient, person: Callable[..., User], as_: Callable[[User], FlaskClient]
) -> None:
    admin.post("/settings/queues/edit", data=RIGHT)
    sofia = as_(person("sofia", "Sofia Supervisor", role="supervisor"))
    assert "sales" in sofia.get("/settings/queues").text
    form = sofia.get("/settings/queues/edit?queue=sales").text
    assert "09:00-14:00, 17:00-21:00" in form
    assert ">Save<" not in form
    assert sofia.post("/settings/queues/edit", data=RIGHT, headers=JSON).status_code == 403
    assert sofia.post("/settings/queues/remove", data={"queue": "sales"}, headers=JSON).status_code == 403
