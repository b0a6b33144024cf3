"""A working clock: it stands still outside the hours. Pure.

A working minute is a minute that passes inside the hours, so a day on which the clocks change has as many as it really
lasts. What is due is due inside the hours, their very end included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from threading import Lock
from zoneinfo import ZoneInfo

import holidays as holiday_library

HORIZON = timedelta(days=1000)  # who never opens within this time is taken to be always open
_DAY = timedelta(days=1)
_NOTHING = timedelta()
_MIDNIGHT = "24:00"
_LOOKING_UP = Lock()


@dataclass(frozen=True, slots=True)
class Calendar:
    """`hours`: for each weekday, Monday first, spans like ("09:00", "18:00"), ordered and apart; None: always open.

    A span may end at "24:00". `holidays` is a country, or country-subdivision; "" for none.
    """

    zone: str = "UTC"
    hours: tuple[tuple[tuple[str, str], ...], ...] | None = None
    holidays: str = ""
    closed_days: frozenset[date] = frozenset()

    @classmethod
    def of(
        cls, zone: str, hours: Mapping[str, Sequence[Sequence[str]]], holidays: str = "", closed: Collection[str] = ()
    ) -> Calendar:
        """As rows and forms have it: days by the names "0" to "6", dates as ISO text."""
        week = tuple(tuple(sorted((start, end) for start, end in hours.get(str(day), ()))) for day in range(7))
        return cls(zone, week if any(week) else None, holidays, frozenset(map(date.fromisoformat, closed)))

    def is_open(self, at: datetime) -> bool:
        return any(start <= at <= end for start, end in self._spans_from(at, at))

    def closes_at(self, at: datetime) -> datetime | None:
        """The end of the hours in which `at` lies, in UTC; None outside them."""
        return next((end for start, end in self._spans_from(at, at) if start <= at <= end), None)

    def add_minutes(self, at: datetime, minutes: float) -> datetime:
        """The moment, in UTC, when so many working minutes have passed; 0: the next moment inside the hours."""
        at, left = at.astimezone(UTC), timedelta(minutes=minutes)
        for start, end in self._spans_from(at, at + HORIZON + left * 8):
            start = max(start, at)
            if left <= end - start:
                return start + left
            left -= end - start
        return at + timedelta(minutes=minutes)

    def minutes_between(self, start: datetime, end: datetime) -> float:
        """Working minutes from `start` to `end`; negative when `end` is the earlier."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end < start:
            return -self.minutes_between(end, start)
        parts = (min(close, end) - max(opening, start) for opening, close in self._spans_from(start, end))
        return sum((part for part in parts if part > _NOTHING), _NOTHING) / timedelta(minutes=1)

    def _spans_from(self, at: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Those that end at `at` or later and begin by `until`, as UTC."""
        zone = ZoneInfo(self.zone)
        day, last = at.astimezone(zone).date() - _DAY, until.astimezone(zone).date()  # a span may end at midnight
        while day <= last:
            for start, end in self._spans_on(day):
                opening, close = _moment(day, start, zone), _moment(day, end, zone)
                if close > opening and close >= at and opening <= until:
                    yield opening, close
            day += _DAY

    def _spans_on(self, day: date) -> Sequence[tuple[str, str]]:
        if day in self.closed_days or _is_holiday(self.holidays, day):
            return ()
        return (("00:00", _MIDNIGHT),) if self.hours is None else self.hours[day.weekday()]


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """When the clock on the wall says so: the first time, where it says so twice; where it never does (the hour that is
    left out), the moment of the change."""
    if clock == _MIDNIGHT:
        day, clock = day + _DAY, "00:00"
    wall = datetime.combine(day, time.fromisoformat(clock), zone)
    moment = wall.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    before, after = wall.replace(fold=1).astimezone(UTC), moment
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


@lru_cache(maxsize=64)
def _holidays(where: str) -> holiday_library.HolidayBase:
    country, _dash, subdivision = where.partition("-")
    return holiday_library.country_holidays(country, subdiv=subdivision or None)


@lru_cache(maxsize=4096)
def _is_holiday(where: str, day: date) -> bool:
    """One at a time: asked for a new year, the library takes that year for known before it has filled it."""
    if not where:
        return False
    with _LOOKING_UP:
        return day in _holidays(where)


def is_known_place(where: str) -> bool:
    """Are the holidays of this country, or country-subdivision, known?"""
    try:
        return not where or _holidays(where) is not None
    except (NotImplementedError, ValueError):
        return False
