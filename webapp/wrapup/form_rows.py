"""A form as an administrator types it: names of fields to text. What is wrong is named by its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import text
from webapp.calls.models import Disposition
from webapp.db import db, new_id
from webapp.errors import Invalid
from webapp.wrapup.models import FieldKind, Question, WrapUpChoice, WrapUpField, WrapUpForm
from webapp.wrapup.queries import form_for

LIMITS = {"limit_seconds": (0, 3600), "more_seconds": (0, 3600)}
MOST_FIELDS = 20
MOST_OPTIONS = 50
PARTS = ("id", "label", "kind", "required", "options")  # of a field: `field-3-label`
_MOVE = re.compile(r"(up|down|drop)-(\d{1,2})")


def save_form(queue: str, typed: Mapping[str, str]) -> WrapUpForm:
    """For calls that end from now on. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    numbers = {name: _number(typed, name, problems) for name in LIMITS}
    queue = _line(queue, "queue", problems, most=80)
    chosen = [row for row in dispositions() if typed.get(f"offer-{row.code}")]
    if typed.get("offers") == "some" and not chosen:
        problems["offers"] = _("Choose at least one, or all.")
    questions = typed_questions(typed, problems)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    form = db.session.get(WrapUpForm, queue)
    if form is None:
        form = WrapUpForm(queue=queue)
        db.session.add(form)
    form.limit_seconds, form.more_seconds = numbers["limit_seconds"], numbers["more_seconds"]
    form.disposition_required, form.next_step = bool(typed.get("disposition_required")), bool(typed.get("next_step"))
    _offer(form, chosen if typed.get("offers") == "some" else [])
    _ask(form, questions)
    db.session.flush()
    return form


def remove_form(queue: str) -> None:
    """What is for all others holds for this queue again. Answers that were given stay, with their questions."""
    db.session.execute(sa.delete(WrapUpForm).where(WrapUpForm.queue == queue))


def as_typed(queue: str) -> dict[str, str]:
    """What stands in the form before anybody types: its own, else what holds now."""
    form = form_for(queue)
    own = form.queue == queue
    chosen = {choice.disposition_id for choice in form.choices}
    typed = {
        "limit_seconds": str(form.limit_seconds),
        "more_seconds": str(form.more_seconds),
        "disposition_required": "1" if form.disposition_required else "",
        "next_step": "1" if form.next_step else "",
        "offers": "some" if chosen else "all",
    }
    typed |= {f"offer-{row.code}": "1" for row in dispositions() if row.id in chosen}
    for at, field in enumerate(form.fields):
        typed |= {
            f"field-{at}-id": str(field.id) if own else "",
            f"field-{at}-label": field.label,
            f"field-{at}-kind": field.kind.value,
            f"field-{at}-required": "1" if field.required else "",
            f"field-{at}-options": "\n".join(field.options),
        }
    return typed


def typed_fields(typed: Mapping[str, str]) -> list[dict[str, str]]:
    """Those that the page shows, in order."""
    shown = takewhile(lambda at: any(f"field-{at}-{part}" in typed for part in PARTS), range(MOST_FIELDS))
    return [{part: typed.get(f"field-{at}-{part}", "") for part in PARTS} for at in shown]


def typed_questions(typed: Mapping[str, str], problems: dict[str, str]) -> list[Question]:
    """Those of them in which something was typed; `problems` gets what is wrong, by field."""
    return [_question(row, at, problems) for at, row in enumerate(typed_fields(typed)) if _is_filled(row)]


def rearranged(typed: Mapping[str, str], what: str) -> dict[str, str] | None:
    """As the page looks after a press of "add" or of a field's own buttons; None: it was another button."""
    rows = typed_fields(typed)
    move = _MOVE.fullmatch(what)
    if what == "add" and len(rows) < MOST_FIELDS:
        rows.append({"kind": FieldKind.TEXT.value})
    elif move and int(move[2]) < len(rows):
        row = rows.pop(int(move[2]))
        if move[1] != "drop":
            rows.insert(max(int(move[2]) + (1 if move[1] == "down" else -1), 0), row)
    elif what != "add":
        return None
    rest = {name: value for name, value in typed.items() if not name.startswith("field-")}
    return rest | {f"field-{at}-{part}": row.get(part, "") for at, row in enumerate(rows) for part in PARTS}


def dispositions() -> list[Disposition]:
    """All that are in use, as a form groups them."""
    query = sa.select(Disposition).where(Disposition.active)
    return list(db.session.scalars(query.order_by(Disposition.position, Disposition.label)))


def _is_filled(row: Mapping[str, str]) -> bool:
    return bool(row["label"].strip() or row["options"].strip())


def _question(row: Mapping[str, str], at: int, problems: dict[str, str]) -> Question:
    label = _line(row["label"], f"field-{at}-label", problems, most=80, required=True)
    options = [_line(line, f"field-{at}-options", problems, most=80) for line in row["options"].splitlines()]
    options = list(dict.fromkeys(filter(None, options)))
    kind = FieldKind(row["kind"]) if row["kind"] in set(FieldKind) else FieldKind.TEXT
    if kind is FieldKind.CHOICE and len(options) < 2:
        problems[f"field-{at}-options"] = _("Give at least two, each on a line of its own.")
    if len(options) > MOST_OPTIONS:
        problems[f"field-{at}-options"] = _("At most %(most)s of these.", most=MOST_OPTIONS)
    return Question(_key(row["id"]), label, kind, bool(row["required"]), options if kind is FieldKind.CHOICE else [])


def _ask(form: WrapUpForm, questions: list[Question]) -> None:
    """A field that was there stays the same one, whatever it is called now: its answers belong to it."""
    before = {str(field.id): field for field in form.fields}
    form.fields = [_field(before.get(question.key), question, at) for at, question in enumerate(questions)]


def _field(field: WrapUpField | None, asked: Question, position: int) -> WrapUpField:
    field = field or WrapUpField()
    field.position, field.label, field.kind = position, asked.label, asked.kind
    field.required, field.options = asked.required, asked.options
    return field


def _offer(form: WrapUpForm, chosen: list[Disposition]) -> None:
    before = {choice.disposition_id: choice for choice in form.choices}
    form.choices = [before.get(row.id) or WrapUpChoice(disposition_id=row.id) for row in chosen]


def _line(written: str, field: str, problems: dict[str, str], *, most: int, required: bool = False) -> str:
    try:
        return text.line(written, field, most=most, required=required)
    except Invalid as error:
        problems |= error.fields
        return ""


def _number(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> int:
    low, high = LIMITS[name]
    written = typed.get(name, "").strip() or "0"
    if written.isascii() and written.isdigit() and len(written) < 6 and low <= int(written) <= high:
        return int(written)
    problems[name] = _("A number from %(low)s to %(high)s.", low=low, high=high)
    return low


def _key(written: str) -> str:
    """What was there before, or a new one."""
    try:
        return str(UUID(written))
    except ValueError:
        return str(new_id())
