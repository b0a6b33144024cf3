"""Hours as somebody types them: "09:00-14:00, 17:00-21:00", and whose holidays count. What is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import holidays
from babel import Locale
from flask_babel import gettext as _

from webapp.clock import is_known_place
from webapp.errors import Invalid

DAYS = range(7)  # Monday first
_SPAN = re.compile(r"(\d\d?:\d\d)\s*[-–]\s*(\d\d?:\d\d)")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,5})?")


@lru_cache(maxsize=8)
def countries(locale: Locale) -> tuple[tuple[str, str], ...]:
    """Codes and names of those whose holidays are known, by name."""
    named = [(code, str(locale.territories.get(code, code))) for code in holidays.list_supported_countries()]
    return tuple(sorted(named, key=lambda pair: pair[1].casefold()))


def week_as_typed(week: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, str]:
    """The fields of a form, one for each day."""
    return {f"hours-{day}": _as_text(week.get(str(day), [])) for day in DAYS}


def _as_text(spans: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans)


def read_week(typed: Mapping[str, str]) -> dict[str, list[list[str]]]:
    if typed.get("always_open"):
        return {}
    problems: dict[str, str] = {}
    week = {}
    for day in DAYS:
        try:
            week[str(day)] = _spans(typed.get(f"hours-{day}", ""), f"hours-{day}")
        except Invalid as error:
            problems |= error.fields
    if not problems and not any(week.values()):
        problems["hours-0"] = _("There is no hour at all. Say when somebody works, or that it is always open.")
    if problems:
        raise Invalid("", fields=problems)
    return week


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


def read_holidays(typed: Mapping[str, str]) -> str:
    place = typed.get("holidays", "").strip().upper()
    if place and not (_PLACE.fullmatch(place) and is_known_place(place)):
        raise _wrong("holidays", _("No holidays are known for this. A country is GR, a part of one DE-BY."))
    return place


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: problem})
