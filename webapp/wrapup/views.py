"""What agents say after a call. The pages on which forms are made are in `settings`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.calls.queries import call_for
from webapp.calls.shown import url
from webapp.db import now, transaction
from webapp.wrapup import actions, forms

bp = Blueprint("wrapup", __name__)


@bp.post("/calls/<uuid:call_id>/wrap-up")
@requires(Permission.CALL_WRAP_UP)
def save(call_id: UUID) -> Any:
    answers, note = forms.typed()
    with transaction():
        actions.save(call_for(current_user, call_id), current_user, answers, now(), note=note)
    return _done(call_id)


@bp.patch("/calls/<uuid:call_id>/wrap-up")
@requires(Permission.CALL_WRAP_UP)
def keep(call_id: UUID) -> Any:
    """While it is typed: the fields that were changed."""
    answers = forms.draft()
    with transaction():
        row = actions.keep_draft(call_for(current_user, call_id), current_user, answers)
        version, draft = row.version, row.draft
    return {"version": version, "draft": draft}


@bp.post("/calls/<uuid:call_id>/more-time")
@requires(Permission.CALL_WRAP_UP)
def more_time(call_id: UUID) -> Any:
    with transaction():
        actions.more_time(call_for(current_user, call_id), current_user, now())
    return _done(call_id)


def _done(call_id: UUID) -> Any:
    """A script hears that it is done; a page is shown the call."""
    return ("", 204) if incoming.wants_json() else redirect(url(call_id), 303)
