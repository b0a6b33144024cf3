"""How fast cards are on the screen, as a page for whoever answers for that."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from webapp.accounts.permissions import Permission, requires
from webapp.calls import pops as measured
from webapp.calls.shown import url
from webapp.desk.views import bp

SPANS = (1, 7, 30, 90)  # days


@bp.get("/pops")
@requires(Permission.SYSTEM_READ)
def pops() -> Any:
    days = next((span for span in SPANS if str(span) == request.args.get("days")), SPANS[1])
    since = measured.first_day(days)
    return render_template(
        "desk/pops.html",
        days=days,
        spans=SPANS,
        together=measured.together(since),
        by_day=measured.by_day(since),
        by_agent=measured.by_agent(since),
        missed=[(url(each.call_id), each) for each in measured.missed(since)],
    )
