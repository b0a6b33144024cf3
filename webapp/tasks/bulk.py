"""One verb for many callbacks: in small transactions, and what cannot be done stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.db import db, now, transaction
from webapp.errors import Invalid, NotFound, RingbackError
from webapp.tasks import actions, forms, listing, oversight, queries, shown
from webapp.tasks.models import Callback

AT_ONCE = 100  # rows of one transaction: others want to write too
MOST_NAMED = 50  # of the refused


def carry_out(order: forms.Bulk, by: User) -> dict[str, Any]:
    verb = _verb(order, by)
    ids = listing.ids_of(by, order.filters) if order.ids is None else order.ids
    done, refused = 0, []
    for some in _portions(ids):
        with transaction():
            for callback_id in some:
                problem = _try(verb, callback_id)
                done += problem is None
                refused += [problem] if problem else []
    if order.to and done:
        with transaction():
            oversight.tell_assigned_many(done, _worker(order.to), by, now())
    return {"done": done, "refused": len(refused), "why": refused[:MOST_NAMED]}


def _verb(order: forms.Bulk, by: User) -> Callable[[Callback], None]:
    match order.verb:
        case forms.Verb.ASSIGN:
            to = _worker(order.to)
            return lambda callback: actions.assign(callback, to, by, tell=False)
        case forms.Verb.RELEASE:
            return lambda callback: actions.take_away(callback, by)
        case forms.Verb.DISMISS:
            actions.checked_reason(order.reason)
            return lambda callback: actions.dismiss(callback, by, order.reason)


def _try(verb: Callable[[Callback], None], callback_id: UUID) -> dict[str, str] | None:
    try:
        callback = queries.callback(callback_id)
    except NotFound as error:
        return {"id": str(callback_id), "who": "", "why": error.message}
    try:
        verb(callback)
    except RingbackError as error:
        return {"id": str(callback_id), "who": shown.who(callback), "why": error.message}
    return None


def _worker(user_id: UUID | None) -> User:
    user = db.session.get(User, user_id) if user_id else None
    if user is None or not user.active or not user.has_permission(Permission.CALLBACK_WORK.value):
        problem = _("There is nobody of that name who works on callbacks.")
        raise Invalid(problem, fields={"to": problem})
    return user


def _portions(ids: list[UUID]) -> Iterator[list[UUID]]:
    for begin in range(0, len(ids), AT_ONCE):
        yield ids[begin : begin + AT_ONCE]
