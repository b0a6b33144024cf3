"""A queue's policy as somebody types it: "09:00-14:00, 17:00-21:00", "15, 20, 30", "GR". What is wrong is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import hours, text, zones
from webapp.calls.models import Call
from webapp.db import db
from webapp.errors import Invalid
from webapp.tasks.models import QueuePolicy
from webapp.tasks.policies import Policy, by_settings

NUMBERS = {  # field: least and most
    "callback_minutes": (1, 10_080),
    "second_step_minutes": (1, 10_080),
    "ticket_minutes": (1, 1_440),
    "short_seconds": (0, 300),
}
LISTS = {"reminder_minutes": (0, 10), "retry_minutes": (0, 10)}  # field: how many of them


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
    week: Mapping[str, Any] = row.hours if row else {}
    closed_days = row.closed_days if row else []
    typed = {
        "zone": row.zone if row else policy.calendar.zone,
        "always_open": "" if any(week.values()) else "1",
        "holidays": row.holidays if row else policy.calendar.holidays,
        "closed_days": "\n".join(closed_days),
        "reminder_minutes": ", ".join(map(str, row.reminder_minutes if row else policy.reminder_minutes)),
        "retry_minutes": ", ".join(map(str, row.retry_minutes if row else policy.retry_minutes)),
    }
    typed |= {name: str(getattr(row or policy, name)) for name in NUMBERS}
    return typed | hours.week_as_typed(week)


def _readers() -> dict[str, Any]:
    return (
        {"zone": _zone, "hours": hours.read_week, "holidays": hours.read_holidays, "closed_days": _closed_days}
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
    zone = zones.named(typed.get("zone", ""))
    if zone is None:
        raise _wrong("zone", _("There is no such time zone. One is Europe/Athens."))
    return zone


def _closed_days(typed: Mapping[str, str]) -> list[str]:
    days, wrong = set(), []
    for word in typed.get("closed_days", "").replace(",", " ").split():
        try:
            days.add(date.fromisoformat(word).isoformat())
        except ValueError:
            wrong.append(_("“%(word)s” is not a day like 2026-12-24.", word=word[:40]))
    if wrong:
        raise _wrong("closed_days", " ".join(wrong[:5]))
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
