"""The bell, and the page of all that one was told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming
from webapp.db import transaction
from webapp.notices import actions, queries, shown

bp = Blueprint("notices", __name__)
IN_THE_BELL = 8


@bp.get("/notices")
@auth_required("session")  # type: ignore[untyped-decorator]
def index() -> Any:
    page = queries.of_user(current_user, request.args.get("after"))
    return render_template(
        "notices/index.html",
        notices=shown.rows(page.rows),
        unread=queries.how_many_unread(current_user),
        next_url=url_for(".index", after=page.after) if page.after else None,
    )


@bp.get("/notices/bell")
@auth_required("session")  # type: ignore[untyped-decorator]
def bell() -> Any:
    unread = queries.unread(current_user, size=IN_THE_BELL)
    return render_template(
        "notices/_bell.html", notices=shown.rows(unread), unread=queries.how_many_unread(current_user)
    )


@bp.post("/notices/<uuid:notice_id>/read")
@auth_required("session")  # type: ignore[untyped-decorator]
def read(notice_id: UUID) -> Any:
    """Read, and on to what it is about."""
    with transaction():
        notice = queries.own(current_user, notice_id)
        actions.mark_read(current_user, notice.id)
        link = notice.link
    return ("", 204) if incoming.wants_json() else redirect(link or url_for(".index"), 303)


@bp.post("/notices/read")
@auth_required("session")  # type: ignore[untyped-decorator]
def read_all() -> Any:
    with transaction():
        actions.mark_read(current_user)
    return ("", 204) if incoming.wants_json() else redirect(url_for(".index"), 303)
