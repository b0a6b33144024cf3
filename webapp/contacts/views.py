"""The list and the form. A contact's page joins calls and callbacks: it is in `desk`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, may, requires
from webapp.contacts import actions, forms, queries, shown
from webapp.contacts.models import Party
from webapp.db import transaction
from webapp.errors import Invalid

bp = Blueprint("contacts", __name__)


@bp.get("/contacts")
@requires(Permission.CONTACT_READ)
def index() -> Any:
    q = request.args.get("q", "")
    page = queries.search(q, request.args.get("after"))
    return render_template(
        "contacts/index.html",
        parties=shown.rows(page.rows),
        q=q,
        total=queries.how_many(q),
        next_url=url_for(".index", q=q or None, after=page.after) if page.after else None,
        may_edit=may(current_user, Permission.CONTACT_WRITE),
    )


@bp.get("/contacts/new")
@requires(Permission.CONTACT_WRITE)
def new() -> Any:
    return _form(forms.empty(request.args.get("number", "")[:40], request.args.get("name", "")[:200]))


@bp.post("/contacts")
@bp.post("/contacts/new")
@requires(Permission.CONTACT_WRITE)
def create() -> Any:
    """From the form, or from the call bar in few words; with `call` it is whose call that is."""
    form, call_id = forms.sent(request.form), incoming.optional_uuid(request.values, "call")
    try:
        with transaction():
            party = actions.add_party(form.details(), by=current_user, call_id=call_id)
    except Invalid as error:
        return _refused(form, error)
    if incoming.wants_json():
        return {"id": str(party.id), "url": shown.url(party)}, 201
    return redirect(shown.url(party), 303)


@bp.get("/contacts/<uuid:party_id>/edit")
@requires(Permission.CONTACT_WRITE)
def edit(party_id: UUID) -> Any:
    party = queries.party(party_id)
    return _form(forms.of_party(party), party)


@bp.post("/contacts/<uuid:party_id>/edit")
@requires(Permission.CONTACT_WRITE)
def update(party_id: UUID) -> Any:
    form = forms.sent(request.form)
    try:
        with transaction():
            party = queries.party(party_id)
            actions.update_party(party, form.details(), by=current_user)
    except Invalid as error:
        return _refused(form, error, queries.party(party_id))
    return redirect(shown.url(party), 303)


def _refused(form: forms.PartyForm, error: Invalid, party: Party | None = None) -> Any:
    if incoming.wants_json():
        raise error
    form.show(error)
    return _form(form, party), 422


def _form(form: forms.PartyForm, party: Party | None = None) -> str:
    form.offer(queries.possible_owners(party))
    return render_template(
        "contacts/form.html", form=form, party=shown.brief(party) if party else None, call=request.values.get("call")
    )
