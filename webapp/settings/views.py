from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from babel.dates import get_timezone, get_timezone_location
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user

from webapp import hours, incoming, zones
from webapp.accounts import actions as accounts
from webapp.accounts import queries as people
from webapp.accounts.models import Absence, User
from webapp.accounts.permissions import Permission, may, requires
from webapp.accounts.shown import span
from webapp.db import db, now, transaction
from webapp.errors import Forbidden, Invalid
from webapp.settings import forms
from webapp.tasks import policy_rows as rows
from webapp.tasks.models import QueuePolicy
from webapp.tasks.policies import policy_for

bp = Blueprint("settings", __name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A queue as the list shows it; "" is what holds for all that have nothing of their own."""

    queue: str
    own: bool
    typed: dict[str, str]


@bp.get("/settings/queues")
@requires(Permission.QUEUE_READ)
def queues() -> Any:
    return render_template(
        "settings/queues.html",
        queues=[_row(queue) for queue in ("", *rows.queues())],
        days=_days(),
        may_edit=_may_edit(),
    )


@bp.get("/settings/queues/edit")
@requires(Permission.QUEUE_READ)
def edit_queue() -> Any:
    row = _row(request.args.get("queue", "").replace("\x00", "")[:80])
    return _form(row.queue, row.typed, own=row.own)


@bp.post("/settings/queues/edit")
@requires(Permission.QUEUE_MANAGE)
def save_queue() -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    queue = typed.get("queue", "")
    try:
        with transaction():
            rows.save_policy(queue, typed)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _form(queue, typed, own=db.session.get(QueuePolicy, queue) is not None, problems=error.fields), 422
    return redirect(url_for(".queues"), 303) if not incoming.wants_json() else ("", 204)


@bp.post("/settings/queues/remove")
@requires(Permission.QUEUE_MANAGE)
def remove_queue() -> Any:
    queue = incoming.text(incoming.body(), "queue")
    with transaction():
        rows.remove_policy(queue)
    return redirect(url_for(".queues"), 303) if not incoming.wants_json() else ("", 204)


@bp.get("/settings/absences")
@requires(Permission.ABSENCE_OWN)
def absences() -> Any:
    return _absences()


@bp.post("/settings/absences")
@requires(Permission.ABSENCE_OWN)
def add_absence() -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in ABSENCE_FIELDS}
    try:
        wanted = forms.absence(typed, current_app.config["BABEL_DEFAULT_TIMEZONE"], now())
        with transaction():
            accounts.add_absence(_whose(wanted.user_id), wanted.begins_at, wanted.ends_at, wanted.reason)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _absences(typed, error.fields), 422
    return redirect(url_for(".absences"), 303) if not incoming.wants_json() else ("", 204)


@bp.post("/settings/absences/<uuid:absence_id>/end")
@requires(Permission.ABSENCE_OWN)
def end_absence(absence_id: UUID) -> Any:
    with transaction():
        accounts.end_absence(people.absence_for(current_user, absence_id), at=now())
    return redirect(url_for(".absences"), 303) if not incoming.wants_json() else ("", 204)


ABSENCE_FIELDS = ("user", "from", "from_time", "until", "until_time", "reason")


@dataclass(frozen=True, slots=True)
class Away:
    """An absence as the list shows it."""

    id: UUID
    name: str
    span: str
    reason: str
    lasts: bool


def _whose(user_id: UUID | None) -> User:
    """Everybody says it of themselves, a supervisor of all who work here."""
    user_id = user_id or current_user.id
    if user_id != current_user.id and not may(current_user, Permission.ABSENCE_MANAGE):
        raise Forbidden()
    user = db.session.get(User, user_id)
    if user is None or not user.active:
        problem = _("Nobody of this name works here.")
        raise Invalid(problem, fields={"user": problem})
    return user


def _absences(typed: dict[str, str] | None = None, problems: dict[str, str] | None = None) -> str:
    at, all_of_them = now(), may(current_user, Permission.ABSENCE_MANAGE)
    return render_template(
        "settings/absences.html",
        absences=[_away(absence, at) for absence in people.absences(current_user, at)],
        people=people.employees() if all_of_them else [],
        typed={"user": str(current_user.id)} | (typed or {}),
        problems=problems or {},
        city=get_timezone_location(
            get_timezone(current_app.config["BABEL_DEFAULT_TIMEZONE"]), locale=get_locale(), return_city=True
        ),
        labels={
            "user": _("Who"),
            "from": _("First day"),
            "from_time": _("From what time"),
            "until": _("Last day"),
            "until_time": _("Until what time"),
            "reason": _("Reason"),
        },
    )


def _away(absence: Absence, at: datetime) -> Away:
    return Away(absence.id, absence.user.name, span(absence), absence.note, absence.begins_at <= at)


def _row(queue: str) -> Row:
    own = db.session.get(QueuePolicy, queue)
    holds = own or db.session.get(QueuePolicy, "")
    return Row(queue, own is not None, rows.as_typed(holds, policy_for(queue)))


def _form(queue: str, typed: dict[str, str], *, own: bool, problems: dict[str, str] | None = None) -> str:
    return render_template(
        "settings/queue.html",
        queue=queue,
        typed=typed,
        own=own,
        problems=problems or {},
        days=_days(),
        labels=_labels(),
        may_edit=_may_edit(),
        zones=zones.all_zones(),
        countries=hours.countries(get_locale()),
    )


def _may_edit() -> bool:
    return may(current_user, Permission.QUEUE_MANAGE)


def _days() -> list[str]:
    names = get_locale().days["stand-alone"]["wide"]
    return [names[day] for day in hours.DAYS]


def _labels() -> dict[str, str]:
    """The labels of the fields, which an error names."""
    return {
        "queue": _("Queue"),
        "zone": _("Time zone"),
        "holidays": _("Public holidays of"),
        "closed_days": _("Further days on which nobody works"),
        "callback_minutes": _("Call back within"),
        "reminder_minutes": _("Remind after"),
        "second_step_minutes": _("Tell those above, overdue for"),
        "retry_minutes": _("Try again after"),
        "short_seconds": _("Too short to call back, below"),
        "ticket_minutes": _("Call a kept place within"),
    } | {f"hours-{day}": name for day, name in zip(hours.DAYS, _days(), strict=True)}
