"""The moment of a promise as somebody types it: a day and an hour on the customer's clock. What is wrong is named."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from webapp import text, zones
from webapp.errors import Invalid
from webapp.tasks.promises import FARTHEST

LONGEST_NOTE = 500


def read(day: str, hour: str, zone: str, at: datetime, problems: dict[str, str]) -> datetime | None:
    """Later than `at`. `problems` gets what is wrong: date, time, zone."""
    if not zones.is_known(zone):
        problems["zone"] = _("There is no such time zone.")
    date, clock = _date(day, problems), _time(hour, problems)
    if date is None or clock is None or "zone" in problems:
        return None
    return _future(datetime.combine(date, clock.time()), zone, at, problems)


def note(written: str, problems: dict[str, str]) -> str:
    try:
        return text.line(" ".join(written.split()), "note", most=LONGEST_NOTE)
    except Invalid as error:
        problems.update(error.fields)
        return ""


def _date(written: str, problems: dict[str, str]) -> datetime | None:
    try:
        return datetime.strptime(written.strip(), "%Y-%m-%d")
    except ValueError:
        problems["date"] = _("Give a date, like 2026-11-30.") if written.strip() else _("Say which day.")
        return None


def _time(written: str, problems: dict[str, str]) -> datetime | None:
    try:
        return datetime.strptime(written.strip()[:5], "%H:%M")
    except ValueError:
        problems["time"] = _("Give a time, like 14:30.") if written.strip() else _("Say at what time.")
        return None


def _future(local: datetime, zone: str, at: datetime, problems: dict[str, str]) -> datetime | None:
    if not 1900 < local.year < 3000:  # beyond, the conversion has no answer
        problems["date"] = _("At most a year ahead.") if local.year > 1900 else _("This is in the past.")
        return None
    moment = zones.moment(local, zone)
    if moment is None:
        problems["time"] = _("This time does not exist there: the clocks go forward that night.")
    elif moment <= at:
        field = "date" if local.date() < at.astimezone(ZoneInfo(zone)).date() else "time"
        problems[field] = _("This is in the past.")
    elif moment > at + FARTHEST:
        problems["date"] = _("At most a year ahead.")
    return moment
