"""One verb for many callbacks: in small transactions, and what cannot be done stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import sleep
from typing import Any
from uuid import UUID

from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.db import db, now, transaction
from webapp.errors import Invalid
from webapp.tasks import actions, forms, listing, oversight, shown

AT_ONCE = 50  # rows of one transaction
BREATH = 0.03  # seconds between two: others want to write too
MOST_NAMED = 50  # of the refused
Portion = list[UUID]


def carry_out(order: forms.Bulk, by: User) -> dict[str, Any]:
    """What was done, and what was refused and why. Raises `Invalid` when none of it can be done."""
    change = _change(order, by)
    ids = _all_of(order, by) if order.ids is None else order.ids
    refused = [refusal for some in _portions(ids) for refusal in _done(change, some)]
    done = len(ids) - len(refused)
    if order.to and done:
        with transaction():
            oversight.tell_assigned_many(done, _worker(order.to), by, now())
    return {"done": done, "refused": len(refused), "why": refused[:MOST_NAMED]}


def _all_of(order: forms.Bulk, by: User) -> Portion:
    if listing.how_many(by, order.filters) > forms.MOST_CHOSEN:
        problem = _("These are more than %(most)s. Narrow the list.", most=forms.MOST_CHOSEN)
        raise Invalid(problem, fields={"filters": problem})
    return listing.ids_of(by, order.filters)


def _change(order: forms.Bulk, by: User) -> Callable[[Portion], list[actions.Refusal]]:
    match order.verb:
        case forms.Verb.ASSIGN:
            _worker(order.to)
            return lambda ids: actions.assign_many(ids, _worker(order.to), by)
        case forms.Verb.RELEASE:
            return lambda ids: actions.change_many(ids, lambda callback: actions.take_away(callback, by))
        case forms.Verb.DISMISS:
            reason = actions.checked_reason(order.reason)
            return lambda ids: actions.change_many(ids, lambda callback: actions.dismiss(callback, by, reason))


def _done(change: Callable[[Portion], list[actions.Refusal]], ids: Portion) -> list[dict[str, str]]:
    with transaction():
        refused = [
            {
                "id": str(refusal.callback_id),
                "who": shown.who(refusal.callback) if refusal.callback else "",
                "why": refusal.reason,
            }
            for refusal in change(ids)
        ]
    sleep(BREATH)
    return refused


def _worker(user_id: UUID | None) -> User:
    user = db.session.get(User, user_id) if user_id else None
    if user is None:
        problem = _("There is nobody of that name.")
        raise Invalid(problem, fields={"to": problem})
    return user


def _portions(ids: list[UUID]) -> Iterator[Portion]:
    for begin in range(0, len(ids), AT_ONCE):
        yield ids[begin : begin + AT_ONCE]
