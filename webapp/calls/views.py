"""The log, and what agents do with calls. A call's own page joins callbacks: it is in `desk`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.calls import actions, forms, queries, shown
from webapp.contacts import queries as contacts
from webapp.db import transaction

bp = Blueprint("calls", __name__)


@bp.get("/calls")
@requires(Permission.CALL_READ)
def index() -> Any:
    filters = forms.filters()
    page = queries.log(current_user, filters, request.args.get("after"))
    return render_template(
        "calls/index.html",
        calls=shown.rows(page.rows),
        filters=filters,
        results=forms.results(),
        next_url=url_for(".index", **forms.query(filters), after=page.after) if page.after else None,
    )


@bp.post("/calls")
@requires(Permission.CALL_PLACE)
def create() -> Any:
    """Click-to-call: written down and committed first, then the switch is asked."""
    wanted = forms.dialling()
    out_of_reach = actions.is_out_of_reach(current_user)
    with transaction():
        party = contacts.party(wanted.party_id) if wanted.party_id else None
        call = actions.request_call(
            current_user,
            wanted.number,
            str(wanted.key),
            party_id=party.id if party else None,
            shown=wanted.shown,
            is_out_of_reach=out_of_reach,
        )
        told = {"id": str(call.id), "rings_first": call.rings_first.value}
    actions.dial(call.id)
    return told, 201


@bp.post("/calls/<uuid:call_id>/answer")
@requires(Permission.CALL_TAKE)
def answer(call_id: UUID) -> Any:
    actions.answer(current_user, queries.call_for(current_user, call_id))
    return "", 204


@bp.post("/calls/<uuid:call_id>/hangup")
@requires(Permission.CALL_TAKE)
def hangup(call_id: UUID) -> Any:
    actions.hang_up(current_user, queries.call_for(current_user, call_id))
    return "", 204


@bp.put("/calls/<uuid:call_id>/notes")
@requires(Permission.CALL_WRAP_UP)
def notes(call_id: UUID) -> Any:
    written = forms.note()
    with transaction():
        call = queries.call_for(current_user, call_id)
        note = actions.write_note(call, current_user, written.text, over=written.over)
        version = note.version
    return {"version": version}


@bp.post("/calls/<uuid:call_id>/party")
@requires(Permission.CALL_WRAP_UP)
def party(call_id: UUID) -> Any:
    party_id = forms.party()
    with transaction():
        call = queries.call_for(current_user, call_id)
        if party_id:
            actions.choose_party(call, contacts.party(party_id), by=current_user)
        else:
            actions.forget_party(call)
    return _done(call_id)


def _done(call_id: UUID) -> Any:
    """A script hears that it is done; a page is shown the call."""
    if incoming.wants_json():
        return "", 204
    return redirect(shown.url(call_id), 303)
