"""The pages of the reasons for breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, url_for
from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts import breaks as reasons
from webapp.accounts.models import BreakReason
from webapp.accounts.permissions import Permission, requires
from webapp.db import transaction
from webapp.errors import Invalid
from webapp.settings.views import bp


@bp.get("/settings/breaks")
@requires(Permission.QUEUE_MANAGE)
def breaks() -> Any:
    return render_template("settings/breaks.html", reasons=reasons.all_reasons())


@bp.get("/settings/breaks/new")
@requires(Permission.QUEUE_MANAGE)
def new_break() -> Any:
    return _form(None, reasons.as_typed(None))


@bp.post("/settings/breaks/new")
@requires(Permission.QUEUE_MANAGE)
def add_break() -> Any:
    return _saved(None)


@bp.get("/settings/breaks/<uuid:reason_id>")
@requires(Permission.QUEUE_MANAGE)
def edit_break(reason_id: UUID) -> Any:
    reason = reasons.reason_by_id(reason_id)
    return _form(reason, reasons.as_typed(reason))


@bp.post("/settings/breaks/<uuid:reason_id>")
@requires(Permission.QUEUE_MANAGE)
def save_break(reason_id: UUID) -> Any:
    return _saved(reason_id)


def _saved(reason_id: UUID | None) -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    try:
        with transaction():
            reasons.save_reason(typed, reasons.reason_by_id(reason_id) if reason_id else None)
    except Invalid as error:
        if incoming.wants_json():
            raise
        reason = reasons.reason_by_id(reason_id) if reason_id else None
        return _form(reason, typed, error.fields), 422
    return redirect(url_for(".breaks"), 303) if not incoming.wants_json() else ("", 204)


def _form(reason: BreakReason | None, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    labels = {
        "code": _("Code"),
        "label_en": _("In English"),
        "label_el": _("In Greek"),
        "max_minutes": _("At most (minutes)"),
        "position": _("Position"),
    }
    return render_template("settings/break.html", reason=reason, typed=typed, problems=problems or {}, labels=labels)
