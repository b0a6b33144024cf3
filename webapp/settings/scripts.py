"""The pages on which scripts are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, url_for
from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.db import transaction
from webapp.errors import Invalid
from webapp.scripts import queries
from webapp.scripts import script_rows as rows
from webapp.scripts.models import Script, ScriptStep
from webapp.settings.views import bp
from webapp.settings.wrap_up import kinds
from webapp.tasks.policy_rows import queues
from webapp.wrapup.form_rows import MOST_FIELDS, rearranged, typed_fields

MOVES = {"up": -1, "down": 1}


@bp.get("/settings/scripts")
@requires(Permission.QUEUE_MANAGE)
def scripts() -> Any:
    return render_template("settings/scripts.html", scripts=queries.all_scripts())


@bp.get("/settings/scripts/new")
@requires(Permission.QUEUE_MANAGE)
def new_script() -> Any:
    return _script(None, rows.script_as_typed(None))


@bp.post("/settings/scripts/new")
@requires(Permission.QUEUE_MANAGE)
def add_script() -> Any:
    return _script_saved(None)


@bp.get("/settings/scripts/<uuid:script_id>")
@requires(Permission.QUEUE_MANAGE)
def edit_script(script_id: UUID) -> Any:
    script = queries.script(script_id)
    return _script(script, rows.script_as_typed(script))


@bp.post("/settings/scripts/<uuid:script_id>")
@requires(Permission.QUEUE_MANAGE)
def save_script(script_id: UUID) -> Any:
    return _script_saved(script_id)


@bp.post("/settings/scripts/<uuid:script_id>/remove")
@requires(Permission.QUEUE_MANAGE)
def remove_script(script_id: UUID) -> Any:
    with transaction():
        rows.remove_script(queries.script(script_id))
    return redirect(url_for(".scripts"), 303) if not incoming.wants_json() else ("", 204)


@bp.get("/settings/scripts/<uuid:script_id>/steps/new")
@requires(Permission.QUEUE_MANAGE)
def new_step(script_id: UUID) -> Any:
    return _step(queries.script(script_id), None, rows.step_as_typed(None))


@bp.post("/settings/scripts/<uuid:script_id>/steps/new")
@requires(Permission.QUEUE_MANAGE)
def add_step(script_id: UUID) -> Any:
    return _step_saved(script_id, None)


@bp.get("/settings/scripts/<uuid:script_id>/steps/<uuid:step_id>")
@requires(Permission.QUEUE_MANAGE)
def edit_step(script_id: UUID, step_id: UUID) -> Any:
    script = queries.script(script_id)
    step = rows.step_of(script, step_id)
    return _step(script, step, rows.step_as_typed(step))


@bp.post("/settings/scripts/<uuid:script_id>/steps/<uuid:step_id>")
@requires(Permission.QUEUE_MANAGE)
def save_step(script_id: UUID, step_id: UUID) -> Any:
    return _step_saved(script_id, step_id)


@bp.post("/settings/scripts/<uuid:script_id>/steps/<uuid:step_id>/move")
@requires(Permission.QUEUE_MANAGE)
def move_step(script_id: UUID, step_id: UUID) -> Any:
    """Up, down, or out."""
    where = incoming.text(incoming.body(), "do")
    with transaction():
        script = queries.script(script_id)
        step = rows.step_of(script, step_id)
        if where == "drop":
            rows.remove_step(script, step)
        else:
            rows.move_step(script, step, MOVES.get(where, 0))
    return redirect(url_for(".edit_script", script_id=script_id), 303) if not incoming.wants_json() else ("", 204)


def _script_saved(script_id: UUID | None) -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    try:
        with transaction():
            script = rows.save_script(typed, queries.script(script_id) if script_id else None)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _script(queries.script(script_id) if script_id else None, typed, error.fields), 422
    if incoming.wants_json():
        return "", 204
    return redirect(url_for(".scripts") if script_id else url_for(".edit_script", script_id=script.id), 303)


def _step_saved(script_id: UUID, step_id: UUID | None) -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    if again := rearranged(typed, typed.pop("do", "")):
        script = queries.script(script_id)
        return _step(script, rows.step_of(script, step_id) if step_id else None, again)
    try:
        with transaction():
            script = queries.script(script_id)
            rows.save_step(script, typed, rows.step_of(script, step_id) if step_id else None)
    except Invalid as error:
        if incoming.wants_json():
            raise
        script = queries.script(script_id)
        return _step(script, rows.step_of(script, step_id) if step_id else None, typed, error.fields), 422
    return redirect(url_for(".edit_script", script_id=script_id), 303) if not incoming.wants_json() else ("", 204)


def _script(script: Script | None, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    return render_template(
        "settings/script.html",
        script=script,
        typed=typed,
        problems=problems or {},
        queues=sorted({*queues(), *rows.known_queues()}, key=str.casefold),
        labels={"name": _("Name"), "queue": _("Queue"), "direction": _("Direction")},
    )


def _step(
    script: Script, step: ScriptStep | None, typed: Mapping[str, str], problems: Mapping[str, str] | None = None
) -> str:
    fields, branches = typed_fields(typed), rows.typed_branches(typed)
    labels = {"title": _("Title"), "text": _("What is said")}
    for at in range(len(fields)):
        labels[f"field-{at}-label"] = _("Question %(n)s", n=at + 1)
        labels[f"field-{at}-options"] = _("Answers of question %(n)s", n=at + 1)
    for at in range(len(branches)):
        labels[f"branch-{at}-label"] = labels[f"branch-{at}-to"] = _("Way %(n)s", n=at + 1)
    return render_template(
        "settings/script_step.html",
        script=script,
        step=step,
        typed=typed,
        fields=fields,
        more=len(fields) < MOST_FIELDS,
        kinds=kinds(),
        branches=branches,
        problems=problems or {},
        labels=labels,
    )
