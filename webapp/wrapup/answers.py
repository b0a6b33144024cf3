"""What was answered, as it was typed. What cannot be used is named by its field; pure, but for the words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from flask_babel import gettext as _

from webapp import text
from webapp.errors import Invalid
from webapp.wrapup.models import FieldKind, Question

LONGEST = 500
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    value: str


def read(questions: Iterable[Question], typed: Mapping[str, str], problems: dict[str, str]) -> list[Answer]:
    """Those that were given; `problems` gets what is wrong, each under the name of its question."""
    given = []
    for question in questions:
        try:
            value = _value(question, typed.get(question.name, ""))
        except Invalid as error:
            problems.update(error.fields)
            continue
        if value:
            given.append(Answer(question, value))
        elif question.required:
            problems[question.name] = _("This must be answered.")
    return given


def _value(question: Question, typed: str) -> str:
    written = text.line(" ".join(typed.split()), question.name, most=LONGEST)
    if not written:
        return ""
    problem = ""
    match question.kind:
        case FieldKind.NUMBER:
            written, problem = _number(written)
        case FieldKind.DATE:
            written, problem = _date(written)
        case FieldKind.CHOICE if written not in question.options:
            problem = _("Choose one of these.")
        case FieldKind.YES_NO if written not in (YES, NO):
            problem = _("Say yes or no.")
    if problem:
        raise Invalid(problem, fields={question.name: problem})
    return written


def _number(written: str) -> tuple[str, str]:
    """A comma is a decimal point where people write it so."""
    try:
        number = Decimal(written.replace(",", ".")) if written.isascii() else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number) >= 10**15:
        return "", _("Give a number, like 12 or 12.5.")
    return format(number, "f"), ""


def _date(written: str) -> tuple[str, str]:
    try:
        return date.fromisoformat(written).isoformat(), ""
    except ValueError:
        return "", _("Give a date, like 2026-11-30.")
