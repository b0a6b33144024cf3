"""Clocks of customers: where a number is, what o'clock it is there, and which moment a date and a time on it are."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from telephony import numbers

MANY = 4  # a number that may be in more zones than this (toll-free, whole countries) says nothing of where it is
_REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


def zones_of(number: str | None) -> list[str]:
    """Where an E.164 number may be; empty if nobody can say."""
    known = [zone for zone in numbers.zones_of(number or "") if zone in all_zones()]
    return known if len(known) <= MANY else []


def is_known(zone: str) -> bool:
    return zone in _names()


def named(written: str) -> str | None:
    """The zone that somebody means: its name, or its city alone, in whatever case; None: there is none, or several."""
    wanted = "_".join(written.split()).casefold()
    exact = [zone for zone in _names() if zone.casefold() == wanted]
    found = exact or [zone for zone in all_zones() if zone.rpartition("/")[2].casefold() == wanted]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())  # which reads the zones' directory anew each time


@lru_cache(maxsize=1)
def all_zones() -> tuple[str, ...]:
    """Those that are named after a place, for people to choose from."""
    return tuple(sorted({name for name in _names() if name.startswith(_REGIONS)} | {"UTC"}))


def moment(local: datetime, zone: str) -> datetime | None:
    """Of a clock's date and time; None for an hour that the clock leaves out. One that comes twice is the first."""
    at = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    return at if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local else None


def suggestion(at: datetime, zone: str) -> datetime:
    """A time that one would promise: the next full hour there, or ten in the morning when people are not at work."""
    there = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    hour = there.hour + 2 if there.minute else there.hour + 1
    if 9 <= hour <= 18:
        return there.replace(hour=hour, minute=0, second=0, microsecond=0)
    ordinal = there.toordinal() + (1 if hour > 18 else 0)
    return datetime.combine(datetime.fromordinal(ordinal), time(10))


def suggestions(at: datetime, zone: str) -> list[datetime]:
    """Some that one would promise, on the clock of the zone: later today, and the next mornings and afternoons."""
    there = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    first = suggestion(at, zone)
    days = [there.date() + timedelta(days=ahead) for ahead in range(1, 8)]
    tomorrow, monday = days[0], next(day for day in days if day.weekday() == 0)
    later = [first + timedelta(hours=2)] if first.date() == there.date() and first.hour <= 17 else []
    fixed = [(tomorrow, time(10)), (tomorrow, time(15)), (monday, time(10))]
    return list(dict.fromkeys([first, *later, *(datetime.combine(day, hour) for day, hour in fixed)]))
