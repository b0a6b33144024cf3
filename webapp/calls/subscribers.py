"""What calls do about their own events."""

from __future__ import annotations

import structlog
from flask_babel import lazy_gettext as _l

from webapp import live
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import users_who_may
from webapp.calls.actions import adopt_calls, choose_party, release_caller
from webapp.calls.events import CallChanged, CallDoubted, CallFinished, DispositionLogged, NoteWritten
from webapp.calls.models import Call
from webapp.calls.queries import call_for
from webapp.contacts.events import PartyAdded, PhoneAdded
from webapp.contacts.models import Party
from webapp.db import db
from webapp.events import after_commit, on
from webapp.notices.actions import notify
from webapp.notices.texts import Words, define
from webapp.timeline import actions as timeline

log = structlog.get_logger(__name__)


@on(CallDoubted)
def tell_who_answers_for_the_ledger(event: CallDoubted) -> None:
    """Once for each call; whether a call may be opened is asked when it is opened."""
    told = [db.session.get_one(User, user_id) for user_id in users_who_may(Permission.LEDGER_READ)]
    facts = {"switch": event.switch}
    notify(told, kind=FORGED, key=f"{FORGED}:{event.call_id}", facts=facts, link=f"/calls/{event.call_id}", at=event.at)


@after_commit(CallDoubted)
def raise_alarm(event: CallDoubted) -> None:
    """For whoever watches the log; pages show the bridge's own count, and the call's mark."""
    log.warning("a caller forges what the switch says", switch=event.switch, call=str(event.call_id), uid=event.uid)


FORGED = "call.forged"
define(
    FORGED,
    Words(
        _l("A caller forges what the switch says"),
        _l(
            "No other call was changed by it. What it says of this one decides nothing until it is confirmed. "
            "Switch: %(switch)s."
        ),
        urgent=True,
    ),
)


@on(CallChanged)
def let_queues_ring_again(event: CallChanged) -> None:
    call = db.session.get_one(Call, event.call_id)
    if call.is_customer_first:
        release_caller(call)


@after_commit(CallChanged)
def announce(event: CallChanged) -> None:
    """Ids, a version and a word of state; only to those whose phones take part."""
    for user_id, version in event.live_versions:
        payload = {"uid": str(event.call_id), "version": event.version, "state": event.state, "v": version}
        live.push("call", payload, to=[user_id])


@after_commit(NoteWritten)
def show_note_elsewhere(event: NoteWritten) -> None:
    """In the other tabs and on the other devices of who wrote it."""
    told = {"kind": "note", "ids": [str(event.call_id)], "version": event.version}
    live.push("desk", told, to=[event.user_id])


@on(CallFinished)
def write_history(event: CallFinished) -> None:
    call = db.session.get_one(Call, event.call_id)
    if call.party_id:
        _write(call)


@on(DispositionLogged)
def complete_history(event: DispositionLogged) -> None:
    call = db.session.get_one(Call, event.call_id)
    if call.party_id:
        _write(call)


@on(PartyAdded)
def name_caller(event: PartyAdded) -> None:
    """Written down during a call: that is who called. A call that is not the writer's to see undoes all of it."""
    if event.call_id and event.by_id:
        user = db.session.get_one(User, event.by_id)
        choose_party(call_for(user, event.call_id), db.session.get_one(Party, event.party_id), by=user)


@on(PhoneAdded)
def find_earlier_calls(event: PhoneAdded) -> None:
    adopt_calls(event.party_id, event.number)


def _write(call: Call) -> None:
    assert call.party_id is not None
    timeline.note(call.party_id, "call.ended", call.id, at=call.started_at, data={"direction": call.direction.value})
