"""An absence as somebody writes it down: days on the firm's clock, with a time where it is not a whole day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from webapp import incoming, zones
from webapp.errors import Invalid

FARTHEST = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceForm:
    user_id: UUID | None  # None: of whoever sent it
    begins_at: datetime
    ends_at: datetime
    reason: str


def absence(sent: Mapping[str, Any], zone: str, at: datetime) -> AbsenceForm:
    """Raises `Invalid`, for all fields at once: user, from, from_time, until, until_time."""
    problems: dict[str, str] = {}
    user_id = _uuid(sent, problems)
    begins = _moment(sent, "from", zone, problems)
    ends = _moment(sent, "until", zone, problems, whole_day=True)
    if ends and not problems and ends <= at:
        problems["until"] = _("This is in the past.")
    for field, moment in (("from", begins), ("until", ends)):
        if moment and abs(moment - at) > FARTHEST:
            problems[field] = _("At most three years from now.") if moment > at else _("This is long past.")
    if begins is None or ends is None or problems:
        raise Invalid(_("The absence was not added."), fields=problems)
    return AbsenceForm(user_id=user_id, begins_at=begins, ends_at=ends, reason=incoming.text(sent, "reason"))


def _uuid(sent: Mapping[str, Any], problems: dict[str, str]) -> UUID | None:
    try:
        return incoming.optional_uuid(sent, "user")
    except Invalid as error:
        problems.update(error.fields)
        return None


def _moment(
    sent: Mapping[str, Any], field: str, zone: str, problems: dict[str, str], *, whole_day: bool = False
) -> datetime | None:
    day, hour = (
        _day(incoming.text(sent, field), field, problems),
        _hour(incoming.text(sent, f"{field}_time"), problems, field),
    )
    if day is None or f"{field}_time" in problems:
        return None
    if hour is None:  # some clocks leave out midnight itself: then the day begins with the first hour that there is
        return datetime.combine(day + timedelta(days=whole_day), time(), ZoneInfo(zone)).astimezone(UTC)
    at = zones.moment(datetime.combine(day, hour), zone)
    if at is None:
        problems[f"{field}_time"] = _("This time does not exist there: the clocks go forward that night.")
    return at


def _day(written: str, field: str, problems: dict[str, str]) -> date | None:
    try:
        day = datetime.strptime(written.strip(), "%Y-%m-%d").date()
    except ValueError:
        problems[field] = _("Give a date, like 2026-11-30.") if written.strip() else _("Say which day.")
        return None
    if not 1970 < day.year < 3000:  # beyond, the conversion has no answer
        problems[field] = _("At most three years from now.")
        return None
    return day


def _hour(written: str, problems: dict[str, str], field: str) -> time | None:
    if not written.strip():
        return None
    try:
        return datetime.strptime(written.strip()[:5], "%H:%M").time()
    except ValueError:
        problems[f"{field}_time"] = _("Give a time, like 14:30.")
        return None
