"""Whether the numbers on a page may be called now: asked by the page for all of them at once, before anything rings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming
from webapp.calls import clearance
from webapp.calls.clearance import Wish
from webapp.calls.decision import Occasion
from webapp.db import now
from webapp.desk.views import bp
from webapp.errors import Invalid
from webapp.tasks import queries as tasks
from webapp.tasks.actions import occasion_of

MOST = 300  # numbers of one page
LONGEST = 100  # characters of what may be a number


@bp.post("/calling")
@auth_required("session")  # type: ignore[untyped-decorator]
def calling() -> Any:
    """{numbers: [{number, party, callback}]} → {refusals: [a sentence, or null], next: seconds until one may change}."""
    asked = _asked()
    callback_ids = [callback_id for _number, _party, callback_id in asked if callback_id]
    occasions = {callback.id: occasion_of(callback) for callback in tasks.by_ids(callback_ids)} if callback_ids else {}
    at = now()
    wishes = [
        Wish(number, occasions.get(callback_id, Occasion()) if callback_id else Occasion(), party_id)
        for number, party_id, callback_id in asked
    ]
    decisions = clearance.clear(current_user, wishes, at)
    changes = [decision.changes_at for decision in decisions if decision.changes_at]
    return {
        "refusals": [
            clearance.sentence(decision.first, wish.number) if decision.first else None
            for wish, decision in zip(wishes, decisions, strict=True)
        ],
        "next": round((min(changes) - at).total_seconds() + 1, 1) if changes else None,
    }


def _asked() -> list[tuple[str, UUID | None, UUID | None]]:
    numbers = incoming.body().get("numbers")
    if not isinstance(numbers, list) or len(numbers) > MOST or not all(isinstance(each, Mapping) for each in numbers):
        problem = _("A list of at most %(most)s numbers was expected.", most=MOST)
        raise Invalid(problem, fields={"numbers": problem})
    return [
        (
            incoming.text(each, "number")[:LONGEST],
            incoming.optional_uuid(each, "party"),
            incoming.optional_uuid(each, "callback"),
        )
        for each in numbers
    ]
