"""The panel beside a call. The pages on which scripts are written are in `settings`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template
from flask_login import current_user

from webapp.accounts.permissions import Permission, requires
from webapp.calls.queries import call_for
from webapp.db import db, transaction
from webapp.scripts import actions, forms, queries, shown

bp = Blueprint("scripts", __name__)


@bp.get("/calls/<uuid:call_id>/script")
@requires(Permission.CALL_WRAP_UP)
def panel(call_id: UUID) -> Any:
    return _panel(call_id)


@bp.put("/calls/<uuid:call_id>/script")
@requires(Permission.CALL_WRAP_UP)
def keep(call_id: UUID) -> Any:
    """While it is typed."""
    step, typed = forms.step(), forms.typed()
    with transaction():
        actions.keep(call_for(current_user, call_id), current_user, step, typed)
    return "", 204


@bp.post("/calls/<uuid:call_id>/script")
@requires(Permission.CALL_WRAP_UP)
def go_on(call_id: UUID) -> Any:
    step, way, typed = forms.step(), forms.way(), forms.typed()
    with transaction():
        actions.go_on(call_for(current_user, call_id), current_user, step, way, typed)
    return _panel(call_id)


@bp.post("/calls/<uuid:call_id>/script/back")
@requires(Permission.CALL_WRAP_UP)
def go_back(call_id: UUID) -> Any:
    step, typed = forms.step(), forms.typed()
    with transaction():
        actions.go_back(call_for(current_user, call_id), current_user, step, typed)
    return _panel(call_id)


@bp.post("/calls/<uuid:call_id>/script/restart")
@requires(Permission.CALL_WRAP_UP)
def restart(call_id: UUID) -> Any:
    with transaction():
        actions.restart(call_for(current_user, call_id), current_user)
    return _panel(call_id)


def _panel(call_id: UUID) -> Any:
    db.session.rollback()
    call = call_for(current_user, call_id)
    run = queries.run_of(call.id, current_user.id)
    script = (run.script if run and run.script and actions.current(run) else None) or queries.script_for(
        call, current_user.id
    )
    return render_template("scripts/_panel.html", uid=call.id, p=shown.panel(call, current_user, script, run))
