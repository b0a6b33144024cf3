"""A queue's policy as somebody types it: "09:00-14:00, 17:00-21:00", "15, 20, 30", "GR". What is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

import holidays
import sqlalchemy as sa
from babel import Locale
from flask_babel import gettext as _

from webapp import text
from webapp.calls.models import Call
from webapp.contacts.text import folded
from webapp.db import db
from webapp.errors import Invalid
from webapp.tasks.clock import is_known_place
from webapp.tasks.models import QueuePolicy
from webapp.tasks.policies import Policy, by_settings

DAYS = range(7)  # Monday first
NUMBERS = {  # field: least and most
    "callback_minutes": (1, 10_080),
    "second_step_minutes": (1, 10_080),
    "ticket_minutes": (1, 1_440),
    "short_seconds": (0, 300),
}
LISTS = {"reminder_minutes": (0, 10), "retry_minutes": (0, 10)}  # field: how many of them
_SPAN = re.compile(r"(\d\d?:\d\d)\s*[-–]\s*(\d\d?:\d\d)")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,5})?")


@lru_cache(maxsize=8)
def countries(locale: Locale) -> tuple[tuple[str, str], ...]:
    """Codes and names of those whose holidays are known, by name."""
    named = [(code, locale.territories.get(code, code)) for code in holidays.list_supported_countries()]
    return tuple(sorted(named, key=lambda pair: folded(pair[1])))


def queues() -> list[str]:
    """Those that have a policy, and those in which somebody has waited."""
    with_policy = db.session.scalars(sa.select(QueuePolicy.queue).where(QueuePolicy.queue != "")).all()
    seen = db.session.scalars(sa.select(Call.queue).where(Call.queue.is_not(None)).distinct()).all()
    return sorted({*with_policy, *(queue for queue in seen if queue)}, key=str.casefold)


def save_policy(queue: str, typed: Mapping[str, str]) -> QueuePolicy:
    """For entries that are opened from now on: a promise that was given stays. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    values = {name: _tried(read, typed, problems) for name, read in _readers().items()}
    try:
        queue = text.line(queue, "queue", most=80)
    except Invalid as error:
        problems |= error.fields
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    policy = db.session.get(QueuePolicy, queue)
    if policy is None:
        policy = QueuePolicy(queue=queue)
        db.session.add(policy)
    for name, value in values.items():
        setattr(policy, name, value)
    db.session.flush()
    return policy


def remove_policy(queue: str) -> None:
    """What is for all holds for this queue again."""
    db.session.execute(sa.delete(QueuePolicy).where(QueuePolicy.queue == queue))


def as_typed(row: QueuePolicy | None, policy: Policy | None = None) -> dict[str, str]:
    """What stands in the form before anybody types; without a row what holds now."""
    policy = policy or by_settings()
    hours: Mapping[str, Any] = row.hours if row else {}
    closed_days = row.closed_days if row else []
    typed = {
        "zone": row.zone if row else policy.calendar.zone,
        "always_open": "" if any(hours.values()) else "1",
        "holidays": row.holidays if row else policy.calendar.holidays,
        "closed_days": "\n".join(closed_days),
        "reminder_minutes": ", ".join(map(str, row.reminder_minutes if row else policy.reminder_minutes)),
        "retry_minutes": ", ".join(map(str, row.retry_minutes if row else policy.retry_minutes)),
    }
    typed |= {name: str(getattr(row or policy, name)) for name in NUMBERS}
    return typed | {f"hours-{day}": hours_as_text(hours.get(str(day), [])) for day in DAYS}


def hours_as_text(spans: list[list[str]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans)


def _readers() -> dict[str, Any]:
    return (
        {"zone": _zone, "hours": _hours, "holidays": _holidays, "closed_days": _closed_days}
        | {name: _number_reader(name) for name in NUMBERS}
        | {name: _list_reader(name) for name in LISTS}
    )


def _tried(read: Any, typed: Mapping[str, str], problems: dict[str, str]) -> Any:
    try:
        return read(typed)
    except Invalid as error:
        problems |= error.fields
        return None


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: problem})


def _zone(typed: Mapping[str, str]) -> str:
    zone = typed.get("zone", "").strip()
    if zone not in available_timezones():
        raise _wrong("zone", _("There is no such time zone. One is Europe/Athens."))
    return zone


def _hours(typed: Mapping[str, str]) -> dict[str, list[list[str]]]:
    if typed.get("always_open"):
        return {}
    problems: dict[str, str] = {}
    hours = {}
    for day in DAYS:
        try:
            hours[str(day)] = _spans(typed.get(f"hours-{day}", ""), f"hours-{day}")
        except Invalid as error:
            problems |= error.fields
    if not problems and not any(hours.values()):
        problems["hours-0"] = _("There is no hour at all. Say when somebody works, or that it is always open.")
    if problems:
        raise Invalid("", fields=problems)
    return hours


def _spans(typed: str, field: str) -> list[list[str]]:
    spans = []
    for part in filter(None, (part.strip() for part in typed.split(","))):
        match = _SPAN.fullmatch(part)
        if not match:
            raise _wrong(field, _("“%(part)s” is not like 09:00-18:00.", part=part[:40]))
        start, end = (_time(clock, field) for clock in match.groups())
        end = "24:00" if end == "00:00" else end
        if start >= end:
            raise _wrong(field, _("“%(part)s” ends before it begins. A night is two spans: up to 24:00, and from 00:00 on the next day.", part=part[:40]))  # fmt: skip  # noqa: E501
        spans.append([start, end])
    spans.sort()
    if any(one[1] > other[0] for one, other in pairwise(spans)):
        raise _wrong(field, _("These hours overlap."))
    return spans


def _time(clock: str, field: str) -> str:
    hour, minute = map(int, clock.split(":"))
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise _wrong(field, _("There is no such time: %(clock)s.", clock=clock))
    return f"{hour:02}:{minute:02}"


def _holidays(typed: Mapping[str, str]) -> str:
    place = typed.get("holidays", "").strip().upper()
    if place and not (_PLACE.fullmatch(place) and is_known_place(place)):
        raise _wrong("holidays", _("No holidays are known for this. A country is GR, a part of one DE-BY."))
    return place


def _closed_days(typed: Mapping[str, str]) -> list[str]:
    days = set()
    for word in typed.get("closed_days", "").replace(",", " ").split():
        try:
            days.add(date.fromisoformat(word).isoformat())
        except ValueError as error:
            raise _wrong("closed_days", _("“%(word)s” is not a day like 2026-12-24.", word=word[:40])) from error
    if len(days) > 400:
        raise _wrong("closed_days", _("At most %(most)s of these.", most=400))
    return sorted(days)


def _number_reader(field: str) -> Any:
    return lambda typed: _number(typed.get(field, ""), field, *NUMBERS[field])


def _list_reader(field: str) -> Any:
    def read(typed: Mapping[str, str]) -> list[int]:
        words = typed.get(field, "").replace(",", " ").split()
        if len(words) > LISTS[field][1]:
            raise _wrong(field, _("At most %(most)s of these.", most=LISTS[field][1]))
        numbers = [_number(word, field, 1, 10_080) for word in words]
        return sorted(set(numbers)) if field == "reminder_minutes" else numbers

    return read


def _number(typed: str, field: str, least: int, most: int) -> int:
    typed = typed.strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) < 7 and least <= int(typed) <= most):
        raise _wrong(field, _("A whole number from %(least)s to %(most)s.", least=least, most=most))
    return int(typed)
