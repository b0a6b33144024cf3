"""The dial pad: a number or a name is typed, and whoever is meant is called. Links to telephone numbers lead here too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, redirect, render_template, request
from flask_login import current_user

from telephony.numbers import display, e164
from webapp import incoming, switches
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, may, requires
from webapp.calls import queries as call_reads
from webapp.calls import rules
from webapp.calls import shown as calls
from webapp.contacts import queries as contact_reads
from webapp.contacts import shown as contacts
from webapp.db import db, transaction
from webapp.desk.views import bp

MOST = 8  # people, and numbers that were called last
LONGEST = 80


@dataclass(frozen=True, slots=True)
class Number:
    e164: str
    display: str
    label: str


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody who may be meant, with each of their numbers."""

    party: contacts.Brief
    numbers: list[Number]


@bp.get("/dial")
@requires(Permission.CALL_PLACE)
def dial() -> Any:
    wanted = of_link(request.args["tel"]) if "tel" in request.args else request.args.get("number", "")
    typed = wanted.replace("\x00", "").strip()[:LONGEST]
    lines = current_user.lines
    numbers = rules.shown_numbers(lines[0].switch) if lines else []
    return render_template(
        "desk/dial.html",
        typed=typed,
        number=e164(typed, region_of(current_user)) or "",
        shown_numbers=[(number.value, number.label, calls.own_number_display(number)) for number in numbers],
        shown_number=current_user.shown_number or "",
        **found(current_user, typed),
    )


@bp.get("/dial/matches")
@requires(Permission.CALL_PLACE)
def dial_matches() -> Any:
    """Who is meant by what was typed so far."""
    typed = request.args.get("q", "").replace("\x00", "").strip()[:LONGEST]
    number = e164(typed, region_of(current_user)) or ""
    return render_template("desk/_matches.html", typed=typed, number=number, **found(current_user, typed))


@bp.post("/me/shown-number")
@requires(Permission.CALL_PLACE)
def shown_number() -> Any:
    chosen, user_id = incoming.text(incoming.body(), "shown_number"), current_user.id
    with transaction():
        rules.choose_shown_number(db.session.get_one(User, user_id), chosen)
    return ("", 204) if "X-Requested-With" in request.headers or request.is_json else redirect("/dial", 303)


def found(user: User, typed: str) -> dict[str, Any]:
    """People by name or number; before anything is typed, whom this agent talked to last."""
    if typed and may(user, Permission.CONTACT_READ):
        people = [party for party in contact_reads.search(typed).rows if party.phones][:MOST]
        return {"matches": [Match(contacts.brief(party), _numbers(party)) for party in people], "recent": []}
    if typed or not may(user, Permission.CALL_READ):
        return {"matches": [], "recent": []}
    seen: dict[str | None, calls.Row] = {}
    for row in calls.rows(call_reads.log(user, call_reads.Filters(mine=True)).rows):
        if row.number_e164:
            seen.setdefault(row.number_e164, row)
    return {"matches": [], "recent": list(seen.values())[:MOST]}


def of_link(link: str) -> str:
    """The number of a tel: link (RFC 3966): without its scheme and its parameters."""
    number = link.removeprefix("tel:").removeprefix("//").partition(";")[0]
    return "".join(mark for mark in number if mark in "+0123456789*#")


def _numbers(party: Any) -> list[Number]:
    region = current_app.config["RINGBACK_REGION"]
    return [Number(point.value, display(point.value, region), point.label) for point in party.phones]


def region_of(user: User) -> str:
    if user.lines:
        return switches.region_of(user.lines[0].switch)
    region: str = current_app.config["RINGBACK_REGION"]
    return region
