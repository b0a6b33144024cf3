"""The working clock: it passes inside the hours, whatever the clocks on the wall do."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from holidays.countries import Germany
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.clock import Calendar, _holidays, _is_holiday, is_known_place

ATHENS = ZoneInfo("Europe/Athens")
WEEKDAYS = {str(day): [["09:00", "18:00"]] for day in range(5)}
OFFICE = Calendar.of("Europe/Athens", WEEKDAYS)
GREEK = Calendar.of("Europe/Athens", WEEKDAYS, "GR", ["2026-11-24"])
ALWAYS = Calendar("Europe/Athens")
NIGHT = Calendar.of("Europe/Athens", {str(day): [["00:00", "04:30"], ["22:00", "24:00"]] for day in range(7)})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ATHENS)


@pytest.mark.req("R26")
def test_friday_ten_to_six_and_a_quarter_of_an_hour_is_monday_five_past_nine() -> None:
    assert OFFICE.add_minutes(at("2026-11-20 17:50"), 15) == at("2026-11-23 09:05")
    assert OFFICE.minutes_between(at("2026-11-20 17:50"), at("2026-11-23 09:05")) == 15


@pytest.mark.parametrize(
    ("calendar", "start", "minutes", "end"),
    [
        (OFFICE, "2026-11-20 17:50", 10, "2026-11-20 18:00"),  # the very end is still inside
        (OFFICE, "2026-11-21 12:00", 0, "2026-11-23 09:00"),
        (OFFICE, "2026-11-23 06:00", 15, "2026-11-23 09:15"),
        (OFFICE, "2026-11-20 09:00", 540 + 60, "2026-11-23 10:00"),
        (GREEK, "2026-10-27 17:50", 15, "2026-10-29 09:05"),  # the 28th is a holiday in Greece
        (GREEK, "2026-11-23 17:50", 15, "2026-11-25 09:05"),  # and the 24th the firm's own
        (GREEK, "2026-04-09 17:50", 15, "2026-04-14 09:05"),  # Orthodox Easter 2026: Friday 10th to Monday 13th
        (ALWAYS, "2026-11-21 23:50", 15, "2026-11-22 00:05"),
        (NIGHT, "2026-11-21 04:20", 20, "2026-11-21 22:10"),
        (NIGHT, "2026-11-21 23:50", 20, "2026-11-22 00:10"),  # up to midnight, and on
    ],
)
def test_time_stands_still_outside_the_hours(calendar: Calendar, start: str, minutes: int, end: str) -> None:
    assert calendar.add_minutes(at(start), minutes) == at(end)
    assert calendar.minutes_between(calendar.add_minutes(at(start), 0), at(end)) == minutes


@pytest.mark.req("R26")
def test_the_working_day_is_as_long_after_the_clocks_were_changed() -> None:
    """Both changes are on a Sunday; the Monday after begins an hour sooner, or later, as the world counts."""
    for friday, monday, hours in (("2026-03-27", "2026-03-30", 62), ("2026-10-23", "2026-10-26", 64)):
        due = OFFICE.add_minutes(at(f"{friday} 17:50"), 15)
        assert due == at(f"{monday} 09:05")
        elapsed = due.astimezone(UTC) - at(f"{friday} 17:50").astimezone(UTC)
        assert elapsed == timedelta(hours=hours, minutes=15)


def test_a_night_on_which_the_clocks_change_has_the_minutes_that_it_has() -> None:
    # at three the clocks go to four; at four they go back to three
    assert NIGHT.minutes_between(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == 270 - 60
    assert NIGHT.minutes_between(at("2026-10-25 00:00"), at("2026-10-25 12:00")) == 270 + 60
    assert ALWAYS.minutes_between(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 23 * 60
    assert ALWAYS.minutes_between(at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 25 * 60


def test_an_hour_that_there_is_not_begins_when_the_clocks_change() -> None:
    gap = Calendar.of("Europe/Athens", {"6": [["03:30", "05:00"]]})
    assert gap.add_minutes(at("2026-03-29 00:00"), 0) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_who_never_opens_is_taken_to_be_always_open() -> None:
    never = Calendar.of("UTC", {"0": []})
    start = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert never.add_minutes(start, 15) == start + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("place", "known"), [("", True), ("GR", True), ("DE-BY", True), ("XX", False), ("DE-XX", False)]
)
def test_places_whose_holidays_are_known(place: str, known: bool) -> None:
    assert is_known_place(place) is known


CALENDARS = st.sampled_from(
    [
        OFFICE, GREEK, ALWAYS, NIGHT, Calendar.of("America/New_York", WEEKDAYS, "US"),
        Calendar.of("Australia/Lord_Howe", {"6": [["01:00", "03:00"], ["10:00", "11:00"]], "2": [["23:59", "24:00"]]}),
    ]
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
MINUTES = st.integers(0, 3000)


@settings(deadline=None)
@given(CALENDARS, MOMENTS, MINUTES)
def test_nothing_is_due_outside_the_hours(calendar: Calendar, moment: datetime, minutes: int) -> None:
    due = calendar.add_minutes(moment, minutes)
    assert calendar.is_open(due)
    assert due >= moment
    assert calendar.minutes_between(moment, due) == minutes


@settings(deadline=None)
@given(CALENDARS, MOMENTS, MINUTES, MINUTES)
def test_waiting_twice_is_waiting_for_the_sum(calendar: Calendar, moment: datetime, one: int, other: int) -> None:
    due = calendar.add_minutes(calendar.add_minutes(moment, one), other)
    assert due == calendar.add_minutes(moment, one + other)


@settings(deadline=None)
@given(CALENDARS, MOMENTS, MOMENTS, MINUTES)
def test_who_came_sooner_is_due_no_later(calendar: Calendar, one: datetime, other: datetime, minutes: int) -> None:
    first, second = sorted((one, other))
    assert calendar.add_minutes(first, minutes) <= calendar.add_minutes(second, minutes)
    assert calendar.minutes_between(first, second) >= 0


@settings(deadline=None)
@given(CALENDARS, MOMENTS, MOMENTS, MOMENTS)
def test_a_stretch_is_the_sum_of_its_parts(calendar: Calendar, one: datetime, two: datetime, three: datetime) -> None:
    first, middle, last = sorted((one, two, three))
    parts = calendar.minutes_between(first, middle) + calendar.minutes_between(middle, last)
    assert abs(parts - calendar.minutes_between(first, last)) < 1e-6
    assert calendar.minutes_between(last, first) == -calendar.minutes_between(first, last)


def test_a_holiday_is_none_the_less_one_for_who_asks_while_the_year_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    filling, answered, answers = threading.Event(), threading.Event(), []

    class Slow(Germany):
        def _populate(self, year: int) -> None:
            filling.set()
            answered.wait(0.2)
            super()._populate(year)

    def ask() -> None:
        answers.append(_is_holiday("DE", date(2031, 12, 25)))
        answered.set()

    monkeypatch.setattr(holidays, "country_holidays", lambda *_args, **_more: Slow())
    for cache in (_holidays, _is_holiday):
        cache.cache_clear()
    first, second = threading.Thread(target=ask), threading.Thread(target=ask)
    first.start()
    assert filling.wait(10)
    second.start()
    for thread in (first, second):
        thread.join(10)
    for cache in (_holidays, _is_holiday):
        cache.cache_clear()
    assert answers == [True, True]
