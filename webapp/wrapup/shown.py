"""A wrap-up as pages show it: the form that an agent fills in, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from babel.dates import get_timezone, get_timezone_location
from flask import current_app
from flask_babel import get_locale
from flask_babel import gettext as _

from webapp import zones
from webapp.calls.models import Call, Disposition
from webapp.calls.shown import Moment, disposition_word
from webapp.db import now
from webapp.wrapup.answers import NO, YES
from webapp.wrapup.models import FieldKind, Question, WrapUp, WrapUpForm

MANY = 9  # dispositions: as many as there are digits; more are searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A disposition, and the key that chooses it."""

    code: str
    label: str
    key: int
    chosen: bool
    asks_callback: bool


@dataclass(frozen=True, slots=True)
class Group:
    heading: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    label: str
    kind: str
    required: bool
    options: list[tuple[str, str]]  # value, word
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """When to call again, on the customer's clock."""

    wanted: bool
    zones: list[tuple[str, str]]  # name, city in the reader's language
    firm_zone: str
    date: str
    time: str
    zone: str
    whose: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    version: str  # of what this agent typed; "" for nothing
    required: bool  # how it ended must be said
    groups: list[Group]
    many: bool
    fields: list[Field]
    next_step: NextStep | None
    promised_for: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one agent said of a call."""

    author: str
    at: datetime
    disposition: str
    answers: list[tuple[str, str]]
    promised_for: datetime | None


def form_of(call: Call, own: WrapUp | None, form: WrapUpForm, dispositions: Sequence[Disposition]) -> Form:
    """With what this agent typed, or said before."""
    typed: dict[str, Any] = _answered(own) | (own.draft if own else {})
    code = typed.get("disposition") or (call.disposition.code if call.disposition and own is None else "")
    offered = [row for row in dispositions if form.offers(row)]
    promised = own.callback if own and own.callback_id else None
    return Form(
        version=own.version if own else "",
        required=form.disposition_required,
        groups=_groups(offered, code),
        many=len(offered) > MANY,
        fields=fields_of(form.questions, typed),
        next_step=_next_step(call, typed) if form.next_step and call.number and not promised else None,
        promised_for=promised.promised_for if promised else None,
    )


def said(rows: Sequence[WrapUp]) -> list[Said]:
    return [
        Said(
            row.user.name,
            row.saved_at or row.updated_at,
            disposition_word(row.disposition) if row.disposition else "",
            [(answer.label, word(answer.kind, answer.value)) for answer in row.answers],
            row.callback.promised_for if row.callback else None,
        )
        for row in rows
    ]


def course(rows: Sequence[Said]) -> list[Moment]:
    """For what happened in a call, in order."""
    moments = []
    for row in rows:
        words = _("%(who)s: %(what)s", who=row.author, what=row.disposition) if row.disposition else ""
        words = words or _("%(who)s wrapped it up", who=row.author)
        moments.append(Moment(row.at, "clipboard-list", words, "info"))
    return moments


def word(kind: FieldKind, value: str) -> str:
    if kind is FieldKind.YES_NO:
        return str({YES: _("Yes"), NO: _("No")}.get(value, value))
    return value


def _answered(own: WrapUp | None) -> dict[str, str]:
    if own is None:
        return {}
    answers = {f"answer-{answer.field_id}": answer.value for answer in own.answers}
    return answers | ({"disposition": own.disposition.code} if own.disposition else {})


def _groups(offered: Sequence[Disposition], code: str) -> list[Group]:
    """In the order of their first; each disposition's key is its place among all."""
    first: dict[str, int] = {}
    for row in offered:
        first.setdefault(row.heading, len(first))
    ordered = sorted(offered, key=lambda row: first[row.heading])
    choices = [
        (
            row.heading,
            Choice(
                code=row.code,
                label=disposition_word(row),
                key=key,
                chosen=row.code == code,
                asks_callback=row.asks_callback,
            ),
        )
        for key, row in enumerate(ordered, start=1)
    ]
    return [Group(heading, [choice for _heading, choice in rows]) for heading, rows in groupby(choices, lambda c: c[0])]


def fields_of(questions: Sequence[Question], typed: dict[str, Any]) -> list[Field]:
    return [
        Field(
            name=question.name,
            label=question.label,
            kind=question.kind.value,
            required=question.required,
            options=_options(question),
            value=str(typed.get(question.name, "")),
        )
        for question in questions
    ]


def _options(question: Question) -> list[tuple[str, str]]:
    if question.kind is FieldKind.YES_NO:
        return [(value, word(FieldKind.YES_NO, value)) for value in (YES, NO)]
    return [(option, option) for option in question.options]


def _next_step(call: Call, typed: dict[str, Any]) -> NextStep:
    firm = str(current_app.config["BABEL_DEFAULT_TIMEZONE"])
    there = zones.zones_of(call.number)
    zone = str(typed.get("next_zone") or (there[0] if there else firm))
    at = zones.suggestion(now(), zone if zones.is_known(zone) else firm)
    return NextStep(
        wanted=bool(typed.get("next")),
        zones=[(name, _city(name)) for name in dict.fromkeys([*there, firm, zone]) if zones.is_known(name)],
        firm_zone=firm,
        date=str(typed.get("next_date") or f"{at:%Y-%m-%d}"),
        time=str(typed.get("next_time") or f"{at:%H:%M}"),
        zone=zone,
        whose=str(typed.get("next_whose") or "me"),
        note=str(typed.get("next_note") or ""),
    )


def _city(zone: str) -> str:
    return str(get_timezone_location(get_timezone(zone), locale=get_locale(), return_city=True))
