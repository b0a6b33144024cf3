"""The pages on which wrap-up forms are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.calls.models import Disposition
from webapp.calls.shown import disposition_word
from webapp.db import db, transaction
from webapp.errors import Invalid
from webapp.settings.views import bp
from webapp.tasks.policy_rows import queues
from webapp.wrapup import form_rows as rows
from webapp.wrapup.models import FieldKind, WrapUpForm
from webapp.wrapup.queries import form_for


@dataclass(frozen=True, slots=True)
class Row:
    """A queue as the list shows it; "" is what holds for all that have no form of their own."""

    queue: str
    own: bool
    form: WrapUpForm


@dataclass(frozen=True, slots=True)
class Offer:
    code: str
    label: str
    heading: str


@bp.get("/settings/wrap-up")
@requires(Permission.QUEUE_MANAGE)
def wrap_ups() -> Any:
    own = {form.queue for form in db.session.query(WrapUpForm)}
    names = ["", *sorted({*queues(), *(own - {""})}, key=str.casefold)]
    return render_template("settings/wrap_ups.html", forms=[Row(name, name in own, form_for(name)) for name in names])


@bp.get("/settings/wrap-up/edit")
@requires(Permission.QUEUE_MANAGE)
def edit_wrap_up() -> Any:
    queue = request.args.get("queue", "").replace("\x00", "")[:80]
    return _form(queue, rows.as_typed(queue))


@bp.post("/settings/wrap-up/edit")
@requires(Permission.QUEUE_MANAGE)
def save_wrap_up() -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    queue = typed.get("queue", "")
    if again := rows.rearranged(typed, typed.pop("do", "")):
        return _form(queue, again)
    try:
        with transaction():
            rows.save_form(queue, typed)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _form(queue, typed, error.fields), 422
    return redirect(url_for(".wrap_ups"), 303) if not incoming.wants_json() else ("", 204)


@bp.post("/settings/wrap-up/remove")
@requires(Permission.QUEUE_MANAGE)
def remove_wrap_up() -> Any:
    queue = incoming.text(incoming.body(), "queue")
    with transaction():
        rows.remove_form(queue)
    return redirect(url_for(".wrap_ups"), 303) if not incoming.wants_json() else ("", 204)


def _form(queue: str, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    fields, queue = rows.typed_fields(typed), queue.replace("\x00", "")
    return render_template(
        "settings/wrap_up.html",
        queue=queue,
        own=db.session.get(WrapUpForm, queue) is not None,
        typed=typed,
        fields=fields,
        more=len(fields) < rows.MOST_FIELDS,
        kinds=kinds(),
        offers=[_offer(row) for row in rows.dispositions()],
        problems=problems or {},
        labels=_labels(len(fields)),
    )


def _offer(row: Disposition) -> Offer:
    return Offer(row.code, disposition_word(row), row.heading)


def kinds() -> list[tuple[str, str]]:
    words = {
        FieldKind.TEXT: _("Text"),
        FieldKind.NUMBER: _("Number"),
        FieldKind.DATE: _("Date"),
        FieldKind.CHOICE: _("Choice"),
        FieldKind.YES_NO: _("Yes or no"),
    }
    return [(kind.value, words[kind]) for kind in FieldKind]


def _labels(fields: int) -> dict[str, str]:
    """The labels of the fields, which an error names."""
    named = {
        "queue": _("Queue"),
        "offers": _("What can be chosen"),
        "limit_seconds": _("Ready again after"),
        "more_seconds": _("More time adds"),
    }
    for at in range(fields):
        named |= {
            f"field-{at}-label": _("Question %(n)s", n=at + 1),
            f"field-{at}-options": _("Answers of question %(n)s", n=at + 1),
        }
    return named
