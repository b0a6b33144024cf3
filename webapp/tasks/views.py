from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.calls import actions as calls
from webapp.db import transaction
from webapp.paging import Page
from webapp.tasks import actions, forms, queries, shown
from webapp.tasks.models import Callback

bp = Blueprint("tasks", __name__)


@bp.get("/callbacks")
@requires(Permission.CALLBACK_WORK)
def index() -> Any:
    tab = request.args.get("tab", "open")
    tab = tab if tab in ("open", "mine", "closed") else "open"
    page = _page(tab)
    return render_template(
        "tasks/callbacks.html",
        tab=tab,
        callbacks=shown.rows(page.rows, current_user),
        counts={"open": queries.how_many_open(), "mine": queries.how_many_open(of=current_user)},
        next_url=url_for(".index", tab=tab, after=page.after) if page.after else None,
    )


@bp.post("/callbacks/<uuid:callback_id>/claim")
@requires(Permission.CALLBACK_WORK)
def claim(callback_id: UUID) -> Any:
    return _change(callback_id, lambda callback: actions.claim(callback, current_user))


@bp.post("/callbacks/<uuid:callback_id>/release")
@requires(Permission.CALLBACK_WORK)
def release(callback_id: UUID) -> Any:
    return _change(callback_id, lambda callback: actions.release(callback, current_user))


@bp.post("/callbacks/<uuid:callback_id>/dismiss")
@requires(Permission.CALLBACK_DISMISS)
def dismiss(callback_id: UUID) -> Any:
    reason = forms.reason()
    return _change(callback_id, lambda callback: actions.dismiss(callback, current_user, reason))


@bp.post("/callbacks/<uuid:callback_id>/call")
@requires(Permission.CALLBACK_WORK)
@requires(Permission.CALL_PLACE)
def call(callback_id: UUID) -> Any:
    """Claimed and written down first; then the switch is asked. A refusal leaves the callback with its claimer."""
    key = forms.key()
    with transaction():
        placed = actions.call_back(queries.callback(callback_id), current_user, str(key))
    calls.dial(placed.id)
    if incoming.wants_json():
        return {"id": str(placed.id)}, 201
    return redirect(url_for("tasks.index", tab="mine"), 303)


def _change(callback_id: UUID, verb: Callable[[Callback], None]) -> Any:
    with transaction():
        verb(queries.callback(callback_id))
    if incoming.wants_json():
        return "", 204
    tab = request.form.get("tab", "open")
    return redirect(url_for("tasks.index", tab=tab if tab in ("open", "mine") else "open"), 303)


def _page(tab: str) -> Page[Callback]:
    after = request.args.get("after")
    if tab == "closed":
        return queries.closed_callbacks(after)
    return queries.open_callbacks(of=current_user if tab == "mine" else None, after=after)
