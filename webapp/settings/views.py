from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.db import db, transaction
from webapp.errors import Invalid
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
@requires(Permission.QUEUE_MANAGE)
def queues() -> Any:
    return render_template("settings/queues.html", queues=[_row(queue) for queue in ("", *rows.queues())], days=_days())


@bp.get("/settings/queues/edit")
@requires(Permission.QUEUE_MANAGE)
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
    )


def _days() -> list[str]:
    names = get_locale().days["stand-alone"]["wide"]
    return [names[day] for day in rows.DAYS]


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
    } | {f"hours-{day}": name for day, name in zip(rows.DAYS, _days(), strict=True)}
