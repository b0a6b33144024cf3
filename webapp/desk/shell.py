"""What the frame around every page shows: the way to the other pages, the agent's status, the call bar."""

from __future__ import annotations

from typing import Any

import structlog
from flask import g, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from webapp import live, switches
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, may
from webapp.agents import shown as agents
from webapp.agents.queries import AgentState
from webapp.books import queries as books
from webapp.calls import shown as call_shown
from webapp.calls.clearance import own_refusal
from webapp.calls.queries import how_many_to_wrap_up
from webapp.db import db, now
from webapp.desk.cards import cards_of
from webapp.notices.queries import how_many_unread
from webapp.phones import queries as phones
from webapp.phones.models import ParkedCall
from webapp.tasks.queries import how_many_open

log = structlog.get_logger(__name__)
# parts of pages that are asked for by themselves, and in a hurry
FRAGMENTS = {
    "desk.callbar",
    "desk.colleagues",
    "desk.status",
    "desk.dial_matches",
    "desk.palette",
    "tasks.rows",
    "tasks.details",
    "tasks.schedule",
}
LANGUAGES = [("en", "English"), ("el", "Ελληνικά")]


def shell_context() -> dict[str, Any]:
    """For every template. An error page must come also when the database does not."""
    if request.endpoint in FRAGMENTS:
        return {}
    try:
        if not g.get("database_away") and current_user.is_authenticated:
            return _ui(current_user) | _frame(current_user)
    except SQLAlchemyError:
        log.exception("the frame could not be read")
        db.session.rollback()
    return _ui(None) | {"nav": [], "bell": None, "presence": None, "callbar": None}


def callbar_context(user: User) -> dict[str, Any]:
    # the version first: what changes while the cards are read is then asked for once more
    version = live.version_of(user.id)
    return {
        "v": version,
        "ring_volume": user.ring_volume,
        "now": now(),
        "status": user.status,
        "did_not_answer_at": user.did_not_answer_at,
        "lines": [line.endpoint for line in user.lines],
        "in_browser": phones.browser_line(user) is not None,
        "parked": [_parked(row) for row in phones.parked(user)] if may(user, Permission.CALL_TAKE) else [],
        "cards": cards_of(user) if may(user, Permission.CALL_TAKE) else [],
    }


def _parked(row: ParkedCall) -> dict[str, Any]:
    call = row.call
    name = call.party.name if call.party else call.name_raw
    number = call_shown.number_display(call.number, call.number_raw, call.switch)
    who = _("Number withheld") if call.withheld else name or number
    return {"id": call.id, "who": who, "space": row.space, "at": row.at, "by": row.by.name if row.by else ""}


def status_context(user: User) -> dict[str, Any]:
    me = agents.row_of(user)
    waiting = how_many_to_wrap_up(user) if me.state == AgentState.WRAP_UP.value else 0
    return {
        "me": me,
        "reasons": agents.choices(user),
        "next": agents.next_change([me]),
        "wrap_ups": waiting,
    }


def call_refusal() -> str:
    """Why the reader can call nobody at all; "" where they can. Said where a button to call would be."""
    if "call_refusal" not in g:
        g.call_refusal = "" if g.get("database_away") else own_refusal(current_user)
    return str(g.call_refusal)


def badges(user: User) -> dict[str, int]:
    counted = {"callbacks": how_many_open()} if may(user, Permission.CALLBACK_WORK) else {}
    counted["notices"] = how_many_unread(user)
    return counted | ({"ledger": books.alarm()} if may(user, Permission.LEDGER_READ) else {})


def _ui(user: User | None) -> dict[str, Any]:
    locale = get_locale()
    theme, density = (user.theme, user.density) if user else ("auto", "comfortable")
    lang = locale.language if locale else "en"
    direction = locale.text_direction if locale else "ltr"
    return {"ui": {"theme": theme, "density": density, "lang": lang, "dir": direction}, "languages": LANGUAGES}


def _frame(user: User) -> dict[str, Any]:
    return {
        "nav": _nav(user),
        "bell": {"unread": how_many_unread(user)},
        "presence": status_context(user),
        "callbar": callbar_context(user),
    }


def _nav(user: User) -> list[dict[str, Any]]:
    counted = {"callbacks": how_many_open()} if may(user, Permission.CALLBACK_WORK) else {}
    # pages that are reached by the tabs of another
    beside = {"/ledger": "/recoveries", "/settings/wrap-up": "/settings/dispositions"}
    words = {"ledger": _("do not balance")}
    return [
        {
            "url": url, "label": label, "icon": icon, "badge_key": key, "badge": counted.get(key, 0),
            "badge_word": words.get(key, _("open")), "alarm": key in words,
            "active": f"{request.path}/".startswith((f"{url}/", f"{beside.get(url, url)}/")),
        }
        for permission, url, label, icon, key in _places()
        if may(user, permission)
    ]  # fmt: skip


def places(user: User) -> list[tuple[str, str, str]]:
    """The pages that this user may open: address, name, icon."""
    return [(url, label, icon) for permission, url, label, icon, _key in _places() if may(user, permission)]


def _places() -> list[tuple[Permission, str, str, str, str]]:
    return [
        (Permission.CALL_TAKE, "/desk", _("Desk"), "headset", ""),
        (Permission.CALLBACK_WORK, "/day", _("My day"), "list-check", ""),
        (Permission.CALL_PLACE, "/dial", _("Dial"), "dialpad", ""),
        (Permission.CONTACT_READ, "/contacts", _("Contacts"), "users", ""),
        (Permission.CALL_READ, "/calls", _("Calls"), "phone", ""),
        (Permission.CALLBACK_WORK, "/callbacks", _("Callbacks"), "phone-incoming", "callbacks"),
        (Permission.CALL_READ_TEAM, "/agents", _("Agents"), "users-group", ""),
        (Permission.LEDGER_READ, "/ledger", _("Ledger"), "clipboard-list", "ledger"),
        (Permission.TARGET_SET, "/settings/targets", _("Targets"), "target", ""),
        (Permission.ABSENCE_OWN, "/settings/absences", _("Absences"), "calendar", ""),
        (Permission.QUEUE_READ, "/settings/queues", _("Queues"), "settings", ""),
        *(
            [(Permission.QUEUE_MANAGE, "/settings/routing", _("Skills"), "users-group", "")]
            if switches.routed()
            else []
        ),
        (Permission.QUEUE_MANAGE, "/settings/wrap-up", _("Wrap-up"), "tag", ""),
        (Permission.QUEUE_MANAGE, "/settings/scripts", _("Scripts"), "list-details", ""),
        (Permission.QUEUE_MANAGE, "/settings/calling", _("Calling"), "phone-outgoing", ""),
        (Permission.SYSTEM_READ, "/pops", _("Screen pops"), "activity", ""),
        (Permission.QUEUE_MANAGE, "/settings/breaks", _("Breaks"), "coffee", ""),
    ]
