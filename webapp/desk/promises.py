"""A promise that is given when a call is wrapped up. Calls know nothing of tasks, so the desk joins the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from webapp import incoming
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.errors import Conflict, Invalid
from webapp.tasks.models import Callback
from webapp.tasks.promises import Owner, promise


@dataclass(frozen=True, slots=True)
class Sent:
    at: datetime  # without an offset: the callee's clock
    zone: str
    owner: Owner
    note: str


def read(body: Mapping[str, Any]) -> Sent:
    """Raises Invalid, by field."""
    problems: dict[str, str] = {}
    at, owner = None, Owner.ME
    try:
        at = datetime.fromisoformat(incoming.text(body, "at"))
    except ValueError:
        problems["at"] = _("A day and a time are needed, like 2026-12-01T15:00.")
    try:
        owner = Owner(incoming.text(body, "owner") or Owner.ME)
    except ValueError:
        problems["owner"] = ", ".join(Owner)
    if problems or at is None:
        raise Invalid(next(iter(problems.values())), fields=problems)
    return Sent(at, incoming.text(body, "zone"), owner, incoming.text(body, "note"))


def give(call: Call, sent: Sent, *, by: User) -> Callback:
    if call.number is None:
        raise Conflict(_("This caller's number is not known."))
    return promise(
        call.number, sent.at, by=by, owner=sent.owner, zone=sent.zone, party=call.party, note=sent.note,
        switch=call.switch,
    )  # fmt: skip
