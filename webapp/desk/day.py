"""My day, as a page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import render_template
from flask_login import current_user

from webapp.accounts.permissions import Permission, requires
from webapp.db import now
from webapp.desk.mine import day_of, figures_of
from webapp.desk.views import bp
from webapp.tasks import promises

KEPT_OVER = timedelta(days=30)


@bp.get("/day")
@requires(Permission.CALLBACK_WORK)
def day() -> Any:
    at = now()
    return render_template(
        "desk/day.html",
        day=day_of(current_user, at),
        **figures_of(current_user, at),
        kept=promises.kept(at - KEPT_OVER, at, by=[current_user.id], at=at),
        today=at,
    )
