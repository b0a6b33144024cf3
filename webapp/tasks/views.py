from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from webapp import incoming
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, may, requires
from webapp.accounts.queries import is_here, people_who_may, unreachable_ids
from webapp.calls import actions as calls
from webapp.contacts import queries as contacts
from webapp.db import now, transaction
from webapp.errors import Conflict, Forbidden
from webapp.tasks import actions, bulk, corrections, forms, listing, promises, queries, shown
from webapp.tasks.listing import Filters
from webapp.tasks.models import Callback

bp = Blueprint("tasks", __name__)
KEPT_OVER = timedelta(days=30)  # of what the promises kept are told


@bp.get("/callbacks")
@requires(Permission.CALLBACK_WORK)
def index() -> Any:
    filters = forms.filters()
    people = people_who_may(Permission.CALLBACK_WORK)
    return render_template(
        "tasks/callbacks.html",
        **_list(filters),
        people=sorted(people, key=lambda user: user.name),
        takers=_takers(people),
        team_pairs=sorted({(user.team.id, user.team.name) for user in people if user.team}, key=lambda pair: pair[1]),
        queue_pairs=[(queue, queue) for queue in listing.queues()],
    )


def _takers(people: list[User]) -> dict[str, list[User]]:
    """To whom callbacks can be given, under who is here and who is not; who has no phone cannot call."""
    away, fit = unreachable_ids(), sorted((user for user in people if user.lines), key=lambda user: user.name)
    here = [user for user in fit if is_here(user, away)]
    return {_("Here"): here, _("Not here"): [user for user in fit if user not in here]}


@bp.get("/callbacks/rows")
@requires(Permission.CALLBACK_WORK)
def rows() -> Any:
    """The list without the page around it; with `ids`, those of them that are (still) in it."""
    filters = forms.filters()
    if "ids" in request.args:
        those = shown.rows(listing.those(current_user, filters, forms.ids()), current_user, filters)
        return render_template("tasks/_list.html", **_around(filters), callbacks=those, next_url=None)
    return render_template("tasks/_list.html", **_list(filters))


@bp.get("/callbacks/<uuid:callback_id>/details")
@requires(Permission.CALLBACK_WORK)
def details(callback_id: UUID) -> Any:
    callback = queries.callback(callback_id)
    return render_template(
        "tasks/_details.html",
        t=shown.rows([callback], current_user)[0],
        details=shown.details(callback, current_user),
    )


@bp.post("/callbacks/<uuid:callback_id>/claim")
@requires(Permission.CALLBACK_WORK)
def claim(callback_id: UUID) -> Any:
    return _change(callback_id, lambda callback: actions.claim(callback, current_user))


@bp.post("/callbacks/<uuid:callback_id>/renew")
@requires(Permission.CALLBACK_WORK)
def renew(callback_id: UUID) -> Any:
    """The page in which the claimer works says so by and by; otherwise the claim runs out."""
    with transaction():
        callback = queries.callback(callback_id)
        actions.renew(callback, current_user)
    return {"until": callback.claimed_until.isoformat() if callback.claimed_until else None}


@bp.post("/callbacks/<uuid:callback_id>/release")
@requires(Permission.CALLBACK_WORK)
def release(callback_id: UUID) -> Any:
    return _change(callback_id, lambda callback: actions.release(callback, current_user))


@bp.post("/callbacks/<uuid:callback_id>/dismiss")
@requires(Permission.CALLBACK_DISMISS)
def dismiss(callback_id: UUID) -> Any:
    reason = forms.reason()
    return _change(callback_id, lambda callback: actions.dismiss(callback, current_user, reason))


@bp.post("/callbacks/<uuid:callback_id>/restore")
@requires(Permission.CALLBACK_DISMISS)
def restore(callback_id: UUID) -> Any:
    """What was dismissed is to be called after all."""
    return _change(callback_id, corrections.undo_dismissal)


@bp.post("/callbacks/<uuid:callback_id>/take-away")
@requires(Permission.CALLBACK_ASSIGN)
def take_away(callback_id: UUID) -> Any:
    """From whoever is on it: anybody may call them now."""
    return _change(callback_id, lambda callback: actions.take_away(callback, current_user))


@bp.post("/callbacks/<uuid:callback_id>/call")
@requires(Permission.CALLBACK_WORK)
@requires(Permission.CALL_PLACE)
def call(callback_id: UUID) -> Any:
    """Claimed and written down first; then the switch is asked. A refusal leaves the callback with its claimer."""
    key = forms.key()
    out_of_reach = calls.is_out_of_reach(current_user)
    with transaction():
        callback = queries.callback(callback_id)
        placed = actions.call_back(callback, current_user, str(key), is_out_of_reach=out_of_reach)
        told = {"id": str(placed.id), "rings_first": placed.rings_first.value}
    calls.dial(placed.id)
    if incoming.wants_json():
        return told, 201
    return redirect(url_for("tasks.index", tab="mine"), 303)


@bp.post("/callbacks/bulk")
@requires(Permission.CALLBACK_ASSIGN)
def change_many() -> Any:
    """The same with many; each is told that was refused, and why."""
    order = forms.bulk()
    if order.verb is forms.Verb.DISMISS and not may(current_user, Permission.CALLBACK_DISMISS):
        raise Forbidden()
    return bulk.carry_out(order, current_user)


@bp.get("/callbacks/schedule")
@requires(Permission.CALLBACK_WORK)
def schedule() -> Any:
    """The dialog that asks when to call back."""
    subject = forms.subject(request.args, required=False)
    callback = queries.callback(subject.callback_id) if subject.callback_id else None
    party = contacts.party(subject.party_id) if subject.party_id else None
    proposal = shown.proposal(callback, subject.number, party, subject.queue, current_user)
    return render_template("tasks/_schedule.html", p=proposal)


@bp.post("/callbacks/schedule")
@requires(Permission.CALLBACK_WORK)
def promise() -> Any:
    wanted = forms.promise()
    with transaction():
        promised = _promised(wanted)
    if incoming.wants_json():
        return {"id": str(promised.id), "at": wanted.at.isoformat()}, 201
    return redirect(url_for("tasks.index", tab="promises"), 303)


def _promised(wanted: forms.Promise) -> Callback:
    subject = wanted.subject
    callback = queries.callback(subject.callback_id) if subject.callback_id else None
    party = contacts.party(subject.party_id) if subject.party_id else None
    number = callback.number if callback else subject.number
    if number is None:
        raise Conflict(_("This caller's number is not known."))
    return promises.promise(
        number,
        wanted.at,
        by=current_user,
        owner=wanted.owner,
        zone=wanted.zone,
        party=callback.party if callback else party,
        note=wanted.note,
        switch=callback.switch if callback else "",
    )


def _change(callback_id: UUID, verb: Callable[[Callback], None]) -> Any:
    with transaction():
        verb(queries.callback(callback_id))
    if incoming.wants_json():
        return "", 204
    return redirect(url_for("tasks.index", **forms.query(forms.filters(request.form))), 303)


def _list(filters: Filters) -> dict[str, Any]:
    page = listing.page(current_user, filters, request.args.get("after"), forms.size())
    return _around(filters) | {
        "callbacks": shown.rows(page.rows, current_user, filters),
        "next_url": url_for("tasks.index", **forms.query(filters), after=page.after) if page.after else None,
    }


def _around(filters: Filters) -> dict[str, Any]:
    """What stands above the rows and changes with them."""
    may_assign = may(current_user, Permission.CALLBACK_ASSIGN)
    return {
        "filters": filters,
        "query": {name: value for name, value in forms.query(filters).items() if value},
        "figures": listing.figures(current_user),
        "found": listing.how_many(current_user, filters) if filters.narrow or filters.tab == "closed" else None,
        "may_assign": may_assign,
        "kept": promises.kept(now() - KEPT_OVER, now()) if may_assign else None,
        "now": now(),
    }
