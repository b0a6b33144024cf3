"""The pages of dispositions: how calls end, in the firm's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, url_for
from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.calls.models import Disposition
from webapp.calls.shown import disposition_word
from webapp.db import transaction
from webapp.errors import Invalid
from webapp.settings.views import bp
from webapp.wrapup import dispositions as rows


@bp.get("/settings/dispositions")
@requires(Permission.QUEUE_MANAGE)
def dispositions() -> Any:
    shown = [(row, disposition_word(row)) for row in rows.all_dispositions()]
    return render_template("settings/dispositions.html", dispositions=shown)


@bp.get("/settings/dispositions/new")
@requires(Permission.QUEUE_MANAGE)
def new_disposition() -> Any:
    return _form(None, rows.as_typed(None))


@bp.post("/settings/dispositions/new")
@requires(Permission.QUEUE_MANAGE)
def add_disposition() -> Any:
    return _saved(None)


@bp.get("/settings/dispositions/<uuid:disposition_id>")
@requires(Permission.QUEUE_MANAGE)
def edit_disposition(disposition_id: UUID) -> Any:
    disposition = rows.by_id(disposition_id)
    return _form(disposition, rows.as_typed(disposition))


@bp.post("/settings/dispositions/<uuid:disposition_id>")
@requires(Permission.QUEUE_MANAGE)
def save_disposition(disposition_id: UUID) -> Any:
    return _saved(disposition_id)


def _saved(disposition_id: UUID | None) -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    try:
        with transaction():
            rows.save_disposition(typed, rows.by_id(disposition_id) if disposition_id else None)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _form(rows.by_id(disposition_id) if disposition_id else None, typed, error.fields), 422
    return redirect(url_for(".dispositions"), 303) if not incoming.wants_json() else ("", 204)


def _form(row: Disposition | None, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    labels = {"code": _("Code"), "label": _("Name"), "heading": _("Group"), "position": _("Position")}
    return render_template(
        "settings/disposition.html",
        disposition=row,
        headings=sorted({row.heading for row in rows.all_dispositions()} - {""}),
        typed=typed,
        problems=problems or {},
        labels=labels,
    )
