"""Screens that join nouns: the agent's desk, the call bar, the pages of a contact and of a call."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from flask import Blueprint, render_template, request, url_for
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming, live
from webapp.accounts.permissions import Permission, may, requires
from webapp.agents import queries as agent_reads
from webapp.books import shown as books
from webapp.calls import pops, reasons, why
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.calls.models import Call
from webapp.contacts import queries as contact_reads
from webapp.contacts import shown as contacts
from webapp.db import now, transaction
from webapp.desk import mine, queries, shell
from webapp.errors import NotFound
from webapp.phones import queries as phones
from webapp.scripts import queries as script_reads
from webapp.scripts import shown as scripts
from webapp.tasks import queries as task_reads
from webapp.tasks import shown as tasks
from webapp.wrapup import queries as wrap_ups
from webapp.wrapup import shown as wrap_up

bp = Blueprint("desk", __name__)
log = structlog.get_logger(__name__)
LONGEST_PAINT = 60_000  # ms
FEW = 8  # rows of a list that has a page of its own


@bp.get("/desk")
@auth_required("session")  # type: ignore[untyped-decorator]
def index() -> Any:
    works = may(current_user, Permission.CALLBACK_WORK)
    own_calls = call_reads.log(current_user, call_reads.Filters(mine=True)).rows[:FEW]
    return render_template(
        "desk/index.html",
        callbacks=tasks.rows(task_reads.most_urgent(current_user, FEW), current_user) if works else [],
        counts={"open": task_reads.how_many_open()} if works else {},
        recent_calls=calls.rows(own_calls),
        works=works,
        takes_calls=bool(current_user.lines),
        **mine.in_short(current_user, works=works),
    )


@bp.get("/desk/callbar")
@auth_required("session")  # type: ignore[untyped-decorator]
def callbar() -> Any:
    return render_template("desk/_callbar.html", callbar=shell.callbar_context(current_user))


@bp.get("/desk/status")
@auth_required("session")  # type: ignore[untyped-decorator]
def status() -> Any:
    return render_template("desk/_status.html", presence=shell.status_context(current_user))


@bp.get("/desk/colleagues")
@requires(Permission.CALL_TAKE)
def colleagues() -> Any:
    """To whom a call can be sent: by name, with what they do now."""
    call = call_reads.call_for(current_user, incoming.uuid(request.args, "call"))
    lines = phones.colleagues(current_user, call.switch)
    states = agent_reads.states_of([line.user for line in lines])
    rows = [{"line": line, "state": states[line.user_id].state.value} for line in lines]
    return render_template("phones/_colleagues.html", rows=rows)


@bp.get("/desk/badges")
@auth_required("session")  # type: ignore[untyped-decorator]
def badges() -> Any:
    return shell.badges(current_user)


@bp.get("/live/since")
@auth_required("session")  # type: ignore[untyped-decorator]
def since() -> Any:
    version = live.version_of(current_user.id)
    return {"v": version, "changed": request.args.get("v") != str(version)}


@bp.post("/live/painted")
@auth_required("session")  # type: ignore[untyped-decorator]
def painted() -> Any:
    """How long a card took from the socket's message to the screen: the page measures; log and call keep it."""
    sent = incoming.body()
    uid = incoming.uuid(sent, "uid")
    version = int(min(max(incoming.number(sent, "version"), 0), 2**31))
    ms = round(min(max(incoming.number(sent, "ms"), 0), LONGEST_PAINT), 1)
    how = "in the background" if incoming.text(sent, "how") == "hidden" else "painted"
    log.info(f"pop {how}", call=str(uid), version=version, ms=ms, user=str(current_user.id))
    with suppress(NotFound), transaction():  # it may be another's by now, or one with an older call
        call = call_reads.call_for(current_user, uid)
        if incoming.text(sent, "how") == "hidden":
            pops.hidden(call.id, current_user.id, at=now())
        else:
            why.painted(call, by=current_user.id, version=version, ms=ms)
            pops.painted(call.id, current_user.id, ms=ms, at=now())
    return "", 204


@bp.get("/contacts/<uuid:party_id>")
@requires(Permission.CONTACT_READ)
def contact(party_id: UUID) -> Any:
    party = contact_reads.party(party_id)
    history = queries.history(current_user, party, request.args.get("after"))
    numbers = [point.value for point in party.phones]
    return render_template(
        "contacts/show.html",
        party=contacts.whole(party),
        timeline=history.rows,
        next_url=url_for(".contact", party_id=party.id, after=history.after) if history.after else None,
        callbacks=tasks.rows(task_reads.of_customers([party.id], numbers), current_user),
        facts=queries.facts(party.id),
        may_edit=may(current_user, Permission.CONTACT_WRITE),
        may_schedule=may(current_user, Permission.CALLBACK_WORK),
    )


@bp.get("/calls/<uuid:call_id>")
@requires(Permission.CALL_READ)
def call(call_id: UUID) -> Any:
    found = call_reads.call_for(current_user, call_id)
    shown, callback = calls.whole(found), task_reads.of_call(found.id)
    said = wrap_up.said(wrap_ups.saved_of(found.id))
    return render_template(
        "calls/show.html",
        call=shown,
        legs=calls.legs(found),
        timeline=sorted([*calls.course(found), *wrap_up.course(said)], key=lambda moment: moment.at),
        reasons=reasons.of(found),
        books=books.of_call(found),
        notes=shown.notes,
        callback=tasks.rows([callback], current_user)[0] if callback else None,
        said=said,
        runs=scripts.runs(script_reads.runs_of(found.id)),
        form=_own_form(found) if found.was_talked_by(current_user.id) else None,
    )


def _own_form(call: Call) -> wrap_up.Form:
    own = wrap_ups.wrap_up_of(call.id, current_user.id)
    form = wrap_ups.form_for(wrap_ups.queue_of(call, current_user.id))
    return wrap_up.form_of(call, own, form, call_reads.dispositions())
