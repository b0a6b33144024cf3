from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming
from webapp.accounts.actions import in_step
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, requires
from webapp.accounts.queries import people_who_may
from webapp.agents import shown
from webapp.agents.actions import is_here
from webapp.db import db, now, transaction

bp = Blueprint("agents", __name__)


@bp.get("/agents")
@requires(Permission.CALL_READ_TEAM)
def index() -> Any:
    """Who is here, what they declared, and what their phones do."""
    agents = [user for user in people_who_may(Permission.CALL_TAKE) if user.lines]
    rows = shown.rows_of(agents)
    return render_template(
        "agents/index.html",
        agents=shown.sorted_by_need(rows),
        totals=shown.totals(rows),
        next=shown.next_change(rows),
    )


@bp.post("/me/here")
@auth_required("session")  # type: ignore[untyped-decorator]
def here() -> Any:
    """The agent says that they are there after all."""
    user_id = current_user.id
    with transaction():
        user = db.session.get_one(User, user_id)
        before = user.status
        is_here(user, now())
        changed = user.status is not before
    if changed:
        in_step(current_user)
    return incoming.back()
