"""An employee's own switches: what they declare, and how the screen looks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask_babel import gettext as _
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming
from webapp.accounts.actions import in_step, set_preferences, set_status, take_break
from webapp.accounts.models import AgentStatus, User
from webapp.db import db, lock, transaction
from webapp.errors import Invalid

bp = Blueprint("accounts", __name__)


@bp.post("/me/status")
@auth_required("session")  # type: ignore[untyped-decorator]
def status() -> Any:
    sent = incoming.body()
    given, reason = incoming.text(sent, "status"), incoming.text(sent, "break_reason")
    if given not in (AgentStatus.AVAILABLE, AgentStatus.ON_BREAK):
        raise Invalid(_("There is no such status."), fields={"status": "available, on_break"})
    user_id = current_user.id
    with transaction():
        user = db.session.get_one(User, user_id)
        lock(user)
        if given == AgentStatus.ON_BREAK:
            take_break(user, reason)
        else:
            set_status(user, AgentStatus.AVAILABLE)
    in_step(current_user)
    return incoming.back()


@bp.post("/me/preferences")
@auth_required("session")  # type: ignore[untyped-decorator]
def preferences() -> Any:
    sent = incoming.body()
    user_id = current_user.id
    looks = {name: incoming.text(sent, name) or None for name in ("theme", "density", "locale")}
    ring_volume = incoming.number(sent, "ring_volume") if "ring_volume" in sent else None
    with transaction():
        set_preferences(db.session.get_one(User, user_id), **looks, ring_volume=ring_volume)
    return incoming.back()
