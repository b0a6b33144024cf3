"""Everybody says when they are away, a supervisor says it of everybody; what is wrong is named by its field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from webapp.accounts.actions import add_absence
from webapp.accounts.models import Absence, User
from webapp.db import db, now, transaction

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
YEAR = now().year + 1
WEEK = {"from": f"{YEAR}-12-01", "until": f"{YEAR}-12-05", "reason": "skiing"}


@pytest.fixture(autouse=True)
def _in_athens(app: Flask) -> Iterator[None]:
    before, app.config["BABEL_DEFAULT_TIMEZONE"] = app.config["BABEL_DEFAULT_TIMEZONE"], "Europe/Athens"
    yield
    app.config["BABEL_DEFAULT_TIMEZONE"] = before


def written() -> list[Absence]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Absence).order_by(Absence.begins_at)))


def away(user: User, begins: datetime, ends: datetime, note: str = "") -> Absence:
    with transaction():
        return add_absence(db.session.merge(user), begins, ends, note)


def test_alice_is_away_for_whole_days_of_the_firms_clock(alice: User, as_: As) -> None:
    answer = as_(alice).post("/settings/absences", data=WEEK)
    assert (answer.status_code, answer.location) == (303, "/settings/absences")
    (absence,) = written()
    assert (absence.user_id, absence.note) == (alice.id, "skiing")
    assert absence.begins_at == datetime(YEAR, 11, 30, 22, tzinfo=UTC)
    assert absence.ends_at == datetime(YEAR, 12, 5, 22, tzinfo=UTC)
    page = as_(alice).get("/settings/absences").text
    assert f"1 Dec {YEAR} – 5 Dec {YEAR}" in page
    assert "skiing" in page


def test_or_for_a_few_hours(alice: User, as_: As) -> None:
    hours = {"from": f"{YEAR}-07-01", "from_time": "14:00", "until": f"{YEAR}-07-01", "until_time": "16:30"}
    assert as_(alice).post("/settings/absences", data=hours, headers=JSON).status_code == 204
    (absence,) = written()
    assert absence.begins_at == datetime(YEAR, 7, 1, 11, tzinfo=UTC)
    assert absence.ends_at == datetime(YEAR, 7, 1, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("from", ""), ("from", "1.12.2030"), ("until", ""), ("until", "later"), ("until", f"{YEAR}-11-30"),
        ("until", "2020-01-01"), ("from", "9999-12-31"), ("until", "0001-01-01"), ("until", f"{YEAR + 7}-01-01"),
        ("from_time", "25:00"), ("until_time", "noon"), ("reason", "x" * 201), ("reason", "a\x00b"), ("user", "alice"),
        ("user", str(uuid4())),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(sofia: User, as_: As, field: str, typed: str) -> None:
    sent = WEEK | {"user": str(sofia.id), field: typed}
    answer = as_(sofia).post("/settings/absences", data=sent, headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {field}
    page = as_(sofia).post("/settings/absences", data=sent)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert written() == []


def test_an_hour_that_the_clock_leaves_out_is_no_time(alice: User, as_: As) -> None:
    last_sunday = max(day for day in range(25, 32) if datetime(YEAR, 3, day, tzinfo=UTC).weekday() == 6)
    sent = {"from": f"{YEAR}-03-{last_sunday}", "from_time": "03:30", "until": f"{YEAR}-04-01"}
    answer = as_(alice).post("/settings/absences", data=sent, headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"from_time"}


def test_what_overlaps_another_is_refused_with_the_other(alice: User, as_: As) -> None:
    as_(alice).post("/settings/absences", data=WEEK)
    answer = as_(alice).post("/settings/absences", data=WEEK | {"from": f"{YEAR}-12-05", "until": f"{YEAR}-12-09"})
    assert answer.status_code == 422
    assert f"Alice Martin is absent already then: 1 Dec {YEAR} – 5 Dec {YEAR}." in answer.text
    assert len(written()) == 1


def test_a_supervisor_writes_it_down_for_somebody_who_called_in_ill(alice: User, sofia: User, as_: As) -> None:
    assert as_(sofia).post("/settings/absences", data=WEEK | {"user": str(alice.id)}).status_code == 303
    assert [absence.user_id for absence in written()] == [alice.id]
    assert "Alice Martin" in as_(sofia).get("/settings/absences").text


def test_alice_cannot_send_bob_on_holiday_nor_see_why_he_is_away(alice: User, bob: User, as_: As) -> None:
    theirs = away(bob, now() - timedelta(hours=1), now() + timedelta(days=3), "a broken leg")
    assert as_(alice).post("/settings/absences", data=WEEK | {"user": str(bob.id)}).status_code == 403
    assert "broken leg" not in as_(alice).get("/settings/absences").text
    assert as_(alice).post(f"/settings/absences/{theirs.id}/end").status_code == 404
    assert len(written()) == 1


def test_who_is_back_sooner_ends_it(alice: User, as_: As) -> None:
    theirs = away(alice, now() - timedelta(days=1), now() + timedelta(days=3))
    assert as_(alice).post(f"/settings/absences/{theirs.id}/end").status_code == 303
    (absence,) = written()
    assert absence.ends_at <= now()
    assert as_(alice).post(f"/settings/absences/{theirs.id}/end", headers=JSON).status_code == 409


def test_one_that_has_not_begun_is_forgotten(bob: User, sofia: User, as_: As) -> None:
    theirs = away(bob, now() + timedelta(days=1), now() + timedelta(days=3))
    assert as_(sofia).post(f"/settings/absences/{theirs.id}/end", headers=JSON).status_code == 204
    assert written() == []


def test_who_has_left_cannot_be_away(alice: User, sofia: User, as_: As) -> None:
    with transaction():
        db.session.merge(alice).active = False
    answer = as_(sofia).post("/settings/absences", data=WEEK | {"user": str(alice.id)}, headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"user"}
