"""A call that is promised from a screen: on the customer's clock, with each problem beside its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.factories import make_callback, make_party
from webapp import zones
from webapp.accounts.models import User
from webapp.db import db, now
from webapp.tasks.models import Callback, CallbackKind, CallbackState

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
NEW_YORK, DANA = "+12125550123", "+306944000001"


def form(**more: str) -> dict[str, str]:
    day = (now() + timedelta(days=2)).strftime("%Y-%m-%d")
    return {"number": DANA, "date": day, "time": "14:30", "zone": "Europe/Athens", "whose": "me", "note": ""} | more


def only() -> Callback:
    db.session.rollback()
    return db.session.scalars(sa.select(Callback).where(Callback.state != CallbackState.CLOSED)).unique().one()


def test_alice_promises_a_call_on_the_clock_of_new_york(alice: User, as_: As) -> None:
    sent = form(number=NEW_YORK, zone="America/New_York", note="About the red ones")
    assert as_(alice).post("/callbacks/schedule", data=sent, headers=JSON).status_code == 201
    promised = only()
    there = datetime.strptime(f"{sent['date']} 14:30", "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo("America/New_York"))
    assert promised.promised_for == there.astimezone(UTC)
    assert (promised.kind, promised.promised_zone) == (CallbackKind.PROMISE, "America/New_York")
    assert (promised.assigned_to_id, promised.note) == (alice.id, "About the red ones")
    page = as_(alice).get("/callbacks?tab=promises").text
    assert "Promised" in page
    assert "No callback" not in page
    assert f'id="callback-{promised.id}"' not in as_(alice).get("/callbacks").text, "not yet"


def test_anyone_may_be_the_one_who_calls(alice: User, as_: As) -> None:
    as_(alice).post("/callbacks/schedule", data=form(whose="anyone"), headers=JSON)
    assert only().assigned_to_id is None


def test_what_was_open_goes_on_in_the_promise(alice: User, as_: As) -> None:
    party = make_party("Dana Reyes", DANA)
    callback = make_callback(DANA, party_id=party.id, missed=2)
    assert as_(alice).post("/callbacks/schedule", data=form(callback=str(callback.id)), headers=JSON).status_code == 201
    promised = only()
    assert (promised.number, promised.party_id, promised.missed) == (DANA, party.id, 2)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"date": ""}, "date"),
        ({"date": "tomorrow"}, "date"),
        ({"date": "2020-01-01"}, "date"),
        ({"date": "0001-01-01"}, "date"),
        ({"date": "9999-12-31"}, "date"),
        ({"date": "2031-01-01"}, "date"),
        ({"time": ""}, "time"),
        ({"time": "25:00"}, "time"),
        ({"time": "noon"}, "time"),
        ({"zone": "Middle/Earth"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"note": "x" * 501}, "note"),
        ({"number": ""}, "number"),
        ({"number": "call me"}, "number"),
        ({"number": "call me\x00"}, "number"),
    ],
)
def test_a_problem_is_told_at_its_field(alice: User, as_: As, wrong: dict[str, str], field: str) -> None:
    answer = as_(alice).post("/callbacks/schedule", data=form(**wrong), headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {field}
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 0


def test_all_problems_are_told_at_once(alice: User, as_: As) -> None:
    answer = as_(alice).post("/callbacks/schedule", data=form(date="", time="x", zone=""), headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"date", "time", "zone"}


def test_earlier_today_is_a_matter_of_the_time_not_of_the_day(alice: User, as_: As) -> None:
    there = now().astimezone(ZoneInfo("Europe/Athens"))
    sent = form(date=there.strftime("%Y-%m-%d"), time="00:00")
    answer = as_(alice).post("/callbacks/schedule", data=sent, headers=JSON)
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"time"}


def test_an_hour_that_the_clocks_leave_out_cannot_be_promised() -> None:
    athens = "Europe/Athens"
    assert zones.moment(datetime(2027, 3, 28, 3, 30), athens) is None
    assert zones.moment(datetime(2027, 3, 28, 4, 0), athens) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    assert zones.moment(datetime(2027, 10, 31, 3, 30), athens) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC), "the first"


@pytest.mark.parametrize(
    ("at", "local"),
    [
        (datetime(2026, 11, 23, 9, 20, tzinfo=UTC), datetime(2026, 11, 23, 13, 0)),
        (datetime(2026, 11, 23, 10, 0, tzinfo=UTC), datetime(2026, 11, 23, 13, 0)),
        (datetime(2026, 11, 23, 19, 0, tzinfo=UTC), datetime(2026, 11, 24, 10, 0)),
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), datetime(2026, 11, 23, 10, 0)),
        (datetime(2026, 11, 23, 22, 30, tzinfo=UTC), datetime(2026, 11, 24, 10, 0)),
    ],
)
def test_the_proposed_time_is_one_at_which_people_are_up(at: datetime, local: datetime) -> None:
    assert zones.suggestion(at, "Europe/Athens") == local


def test_the_dialog_begins_with_where_the_number_is(alice: User, as_: As) -> None:
    page = as_(alice).get("/callbacks/schedule", query_string={"number": NEW_YORK}).text
    assert 'name="zone" list="schedule-zones" value="America/New York"' in page
    assert '<option value="America/New York">Where the number is' in page
    assert 'name="number" value="+12125550123"' in page


def test_whatever_the_dialog_proposes_can_be_promised(alice: User, as_: As) -> None:
    page = as_(alice).get("/callbacks/schedule", query_string={"number": "+18005550123"}).text
    zone = page.split('name="zone"')[1].split('value="')[1].split('"')[0]
    assert as_(alice).post("/callbacks/schedule", data=form(zone=zone), headers=JSON).status_code == 201
    assert as_(alice).post("/callbacks/schedule", data=form(zone="Etc/UTC"), headers=JSON).status_code == 201


def test_a_number_that_may_be_anywhere_begins_with_our_own_clock(alice: User, as_: As) -> None:
    page = as_(alice).get("/callbacks/schedule", query_string={"number": "+18005550123"}).text
    assert ">Our own<" in page.split("<datalist")[1]


def test_without_a_number_the_dialog_asks_for_it(alice: User, as_: As) -> None:
    assert 'id="schedule-number"' in as_(alice).get("/callbacks/schedule").text


def test_cards_and_contacts_offer_it(alice: User, as_: As) -> None:
    party = make_party("Dana Reyes", DANA)
    page: Any = as_(alice).get(f"/contacts/{party.id}").text
    assert f"number=%2B306944000001&amp;party={party.id}" in page


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("America/New_York", "America/New_York"), ("America/New York", "America/New_York"), ("new york", "America/New_York"),
        (" Athens ", "Europe/Athens"), ("UTC", "UTC"), ("Atlantis", None), ("", None), ("../etc/passwd", None),
    ],
)  # fmt: skip
def test_a_zone_is_found_by_its_name_or_by_its_city(written: str, zone: str | None) -> None:
    assert zones.named(written) == zone
