"""The page's own phone, and the buttons of a call in progress. A desk phone is moved by the switch; a browser phone does
itself what it can, and asks here for the rest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from flask_login import current_user

from webapp import incoming
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, requires
from webapp.calls import queries as calls
from webapp.db import db, now, transaction
from webapp.errors import Invalid
from webapp.phones import actions, queries

bp = Blueprint("phones", __name__)


@bp.post("/phone/account")
@requires(Permission.CALL_TAKE)
def account() -> Any:
    """With what this page's phone registers: made anew each time, and good for a while. Never part of a page.
    `device`: as this browser calls itself. `take`: from the device that is the phone now."""
    user_id, sent = current_user.id, incoming.body()
    device, take = incoming.optional_uuid(sent, "device"), incoming.text(sent, "take") == "yes"
    with transaction():
        made = actions.new_account(db.session.get_one(User, user_id), device, take=take)
    actions.make(made)
    return {
        "url": made.sip_url,
        "user": made.phone.name,
        "domain": made.domain,
        "password": made.phone.password,
        "expires_in": round((made.until - now()).total_seconds()),
        "taken": made.taken,
    }


@bp.get("/phone/holder")
@requires(Permission.CALL_TAKE)
def holder() -> Any:
    """Whether this device is the phone, another one, or none."""
    return {"holder": queries.holder(current_user, incoming.optional_uuid(request.args, "device")).value}


@bp.post("/phone/gone")
@requires(Permission.CALL_TAKE)
def gone() -> Any:
    """The page goes away with a call on its phone, or has come anew and knows of none."""
    actions.rescue_calls(current_user)
    return "", 204


@bp.get("/phone/check")
@requires(Permission.CALL_TAKE)
def check() -> Any:
    """Before the shift: does everything work that a call needs? The page finds out; see assets/src/check.ts."""
    return render_template("phones/check.html", line=queries.checked_line(current_user))


@bp.get("/phone/state")
@requires(Permission.CALL_TAKE)
def state() -> Any:
    return {"state": actions.phone_state(current_user).value}


@bp.post("/phone/test-call")
@requires(Permission.CALL_TAKE)
def test_call() -> Any:
    actions.test_call(current_user)
    return "", 204


@bp.post("/calls/<uuid:call_id>/mute")
@requires(Permission.CALL_TAKE)
def mute(call_id: UUID) -> Any:
    actions.mute(current_user, calls.call_for(current_user, call_id), _on())
    return "", 204


@bp.post("/calls/<uuid:call_id>/hold")
@requires(Permission.CALL_TAKE)
def hold(call_id: UUID) -> Any:
    actions.hold(current_user, calls.call_for(current_user, call_id), _on())
    return "", 204


@bp.post("/calls/<uuid:call_id>/digits")
@requires(Permission.CALL_TAKE)
def digits(call_id: UUID) -> Any:
    sent = incoming.text(incoming.body(), "digits")
    actions.send_digits(current_user, calls.call_for(current_user, call_id), sent)
    return "", 204


@bp.post("/calls/<uuid:call_id>/transfer")
@requires(Permission.CALL_TAKE)
def transfer(call_id: UUID) -> Any:
    """`how`: now, or ask first."""
    sent = incoming.body()
    call = calls.call_for(current_user, call_id)
    to = actions.target(current_user, call, incoming.text(sent, "line") or incoming.text(sent, "to"))
    verb = actions.ask if incoming.text(sent, "how") == "ask" else actions.transfer
    verb(current_user, call, to)
    return "", 204


@bp.post("/calls/<uuid:call_id>/consultation")
@requires(Permission.CALL_TAKE)
def consultation(call_id: UUID) -> Any:
    """What becomes of it: complete, swap, join, back."""
    verbs = {"complete": actions.complete, "swap": actions.swap, "join": actions.join, "back": actions.back}
    call, wanted = calls.call_for(current_user, call_id), incoming.text(incoming.body(), "act")
    if wanted not in verbs:
        raise Invalid(_("This cannot be used."), fields={"act": ", ".join(verbs)})
    verbs[wanted](current_user, call)
    return "", 204


@bp.post("/calls/<uuid:call_id>/park")
@requires(Permission.CALL_TAKE)
def park(call_id: UUID) -> Any:
    return {"space": actions.park(current_user, calls.call_for(current_user, call_id))}


@bp.post("/phone/parked/<uuid:call_id>/retrieve")
@requires(Permission.CALL_TAKE)
def retrieve(call_id: UUID) -> Any:
    actions.retrieve(current_user, call_id)
    return "", 204


def _on() -> bool:
    return incoming.text(incoming.body(), "on") == "yes"
