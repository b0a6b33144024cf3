"""The firm's days. Pure: the zone and the time are arguments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CATCH_UP = 30  # days that are made good after a long absence


def day_at(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """From midnight to midnight there: 23 or 25 hours when clocks are changed."""
    begin, end = (datetime.combine(each, time(), ZoneInfo(zone)) for each in (day, day + timedelta(days=1)))
    return begin.astimezone(UTC), end.astimezone(UTC)


def due(today: date, last: date | None, began: date) -> list[date]:
    """The days before `today` that were not checked yet."""
    first = max(began, today - timedelta(days=CATCH_UP), last + timedelta(days=1) if last else date.min)
    return [first + timedelta(days=n) for n in range((today - first).days)]
