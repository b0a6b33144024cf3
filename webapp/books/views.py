"""What was recovered, and whether the ledger balances."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.books import checking, forms, queries, shown
from webapp.books.days import day_at
from webapp.db import now

bp = Blueprint("books", __name__)


@bp.get("/recoveries")
@requires(Permission.LEDGER_READ)
def recoveries() -> Any:
    filters = forms.filters()
    page = queries.recoveries(filters, request.args.get("after"))
    return render_template(
        "books/recoveries.html",
        recoveries=shown.rows(page.rows, current_user),
        filters=filters,
        kinds=forms.kinds(),
        switches=queries.switches_with_books(),
        next_url=url_for(".recoveries", **forms.query(filters), after=page.after) if page.after else None,
    )


@bp.get("/ledger")
@requires(Permission.LEDGER_READ)
def ledger() -> Any:
    today = day_at(now(), current_app.config["BABEL_DEFAULT_TIMEZONE"])
    found = queries.checks(today - timedelta(days=queries.SHOWN_DAYS - 1))
    return render_template(
        "books/ledger.html",
        checks=shown.checks(found, current_user),
        switches=queries.switches_with_books(),
        alarm=queries.alarm(),
        incomplete=shown.why_incomplete(queries.incomplete_now()),
        forged=shown.forged(queries.forged(now() - timedelta(days=queries.SHOWN_DAYS)), current_user),
    )


@bp.post("/ledger/check")
@requires(Permission.LEDGER_READ)
def check() -> Any:
    """Today as far as it has come, yesterday, and every shown day that did not balance."""
    checking.check_now(now())
    return ("", 204) if incoming.wants_json() else redirect(url_for(".ledger"), 303)
