"""Callers who left the queue to be called, and keep their place in it.

A ticket's place is the moment at which its caller entered the queue. Its turn has come when nobody of before that moment
is still in the queue, neither as a caller nor as a ticket; at the latest when a missed caller would be overdue.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from telephony.events import Direction
from telephony.numbers import e164, is_ordinary
from webapp import switches
from webapp.calls.identity import party_for
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.tasks import oversight
from webapp.tasks.ledger import at_their_phone
from webapp.tasks.lookup import key_of, one_at_a_time, open_entry
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, CallbackState
from webapp.tasks.people import give
from webapp.tasks.policies import policy_for
from webapp.tasks.rows import changed, set_due


def open_ticket(call: Call, *, queue: str, number: str, at: datetime) -> None:
    """`number`: what the caller typed, or nothing for the number that called. Told twice it is one ticket."""
    number_known = _typed(call, number) or call.number
    place = call.queued_at or call.started_at
    link = db.session.get(CallbackCall, call.id)
    ticket = db.session.get(Callback, link.callback_id) if link else None
    party_id = (party_for(number_known) if number_known and number_known != call.number else None) or call.party_id
    if ticket is None:
        one_at_a_time(party_id)
        key = f"tel:{number_known}" if number_known else key_of(call)
        entry = open_entry(key, number_known, party_id) or open_entry(key_of(call), call.number, call.party_id)
        if entry and at > entry.last_missed_at:
            _confirm(entry, number_known, party_id)
        ticket = _joined(entry, queue, place, at)
        ticket = ticket or _opened(call, key, number_known, party_id, queue, place, at)
        db.session.add(CallbackCall(call_id=call.id, callback_id=ticket.id))
        if ticket.kind is CallbackKind.PROMISE:
            give(ticket, at)
    if ticket.is_open and ticket.kind is CallbackKind.MISSED:
        _confirm(ticket, number_known, party_id)
        _keep_place(ticket, queue, place)
    changed(ticket)


def take_turn(ticket: Callback, at: datetime) -> None:
    """If nobody is before it any more, it is offered."""
    if not turn_has_come(ticket, at):
        return
    ticket.state = CallbackState.OPEN
    set_due(ticket, policy_for(ticket.queue).ticket_due(at))
    give(ticket, at)
    db.session.flush()
    oversight.tell_turn(ticket, at)
    changed(ticket)


def turn_has_come(ticket: Callback, at: datetime) -> bool:
    return is_waiting_for_turn(ticket) and (ticket.due_at <= at or not waits_before(ticket))


def waiting() -> list[Callback]:
    """Tickets that wait for their turn, the earliest place first."""
    query = sa.select(Callback).where(
        Callback.kind == CallbackKind.TICKET, Callback.state == CallbackState.WAITING, Callback.retry_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(Callback.queued_at, Callback.id)).unique())


def is_waiting_for_turn(ticket: Callback) -> bool:
    return ticket.kind is CallbackKind.TICKET and ticket.state is CallbackState.WAITING and ticket.retry_at is None


def waits_before(ticket: Callback) -> bool:
    """Callers who entered the same queue sooner and still wait in it, and tickets with an earlier place."""
    entered = sa.func.coalesce(Call.queued_at, Call.started_at)
    has_ticket = sa.exists().where(CallbackCall.call_id == Call.id)  # hears "thank you", and waits no more
    callers = sa.exists().where(
        Call.queue == ticket.queue,
        Call.switch == ticket.switch,
        Call.state == CallState.RINGING,
        Call.direction == Direction.INBOUND,
        entered < ticket.queued_at,
        ~has_ticket,
    )
    tickets = sa.exists().where(
        Callback.kind == CallbackKind.TICKET,
        Callback.state == CallbackState.WAITING,
        Callback.retry_at.is_(None),
        Callback.queue == ticket.queue,
        Callback.switch == ticket.switch,
        Callback.queued_at < ticket.queued_at,
        Callback.id != ticket.id,
    )
    return bool(db.session.scalar(sa.select(sa.or_(callers, tickets))))


def _typed(call: Call, number: str) -> str | None:
    """Nobody makes us call a premium number, or a country that is neither theirs nor ours."""
    region = switches.region_of(call.switch)
    typed = e164(number, region) if number else None
    countries = (region, call.number) if call.number else (region,)
    return typed if typed and is_ordinary(typed, *countries) else None


def _confirm(entry: Callback, number: str | None, party_id: UUID | None) -> None:
    """Whoever was to be called elsewhere is called at the number that they just said is theirs, unless somebody else is
    to be called there."""
    if number is None or entry.number == number or _is_anothers(f"tel:{number}", entry):
        return
    entry.number, entry.number_raw, entry.open_key = number, number, f"tel:{number}"
    entry.party_id = party_id or entry.party_id
    db.session.flush()


def _is_anothers(key: str, entry: Callback) -> bool:
    return bool(db.session.scalar(sa.select(sa.exists().where(Callback.open_key == key, Callback.id != entry.id))))


def _joined(entry: Callback | None, queue: str, place: datetime, at: datetime) -> Callback | None:
    if entry is not None:
        entry.missed += 1
        if at > entry.last_missed_at:
            _pressed_again(entry, queue, place, at)
        entry.last_missed_at = max(entry.last_missed_at, at)
    return entry


def _pressed_again(entry: Callback, queue: str, place: datetime, at: datetime) -> None:
    """Whoever waits for another attempt, or for a promised moment, is at the phone now: a promise is open at once, all
    else waits for its turn and no longer."""
    waited = entry.state is CallbackState.WAITING
    at_their_phone(entry)
    if entry.kind is CallbackKind.PROMISE:
        entry.queue = entry.queue or queue
    elif waited:
        entry.state = CallbackState.WAITING
        if entry.kind is CallbackKind.TICKET and entry.queue != queue:
            entry.queue, entry.queued_at = queue, place
    set_due(entry, min(entry.due_at, policy_for(queue).due(at)), at=at)


def _opened(
    call: Call, key: str, number: str | None, party_id: UUID | None, queue: str, place: datetime, at: datetime
) -> Callback:  # fmt: skip
    ticket = Callback(
        open_key=key, number=number, number_raw=number or call.number_raw, name_raw=call.name_raw,
        party_id=party_id,
        switch=call.switch, queue=queue, did=call.did, kind=CallbackKind.TICKET, state=CallbackState.WAITING, missed=1,
        first_missed_at=place, last_missed_at=at, queued_at=place, due_at=policy_for(queue).due(at), attempts=0,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(ticket)
    except IntegrityError:
        if other := _joined(open_entry(key, None, None), queue, place, at):
            return other
        raise
    return ticket


def _keep_place(entry: Callback, queue: str, place: datetime) -> None:
    """They had called before: they are to be called anyhow, and nobody waits longer for having asked for it."""
    entry.kind, entry.queue, entry.queued_at = CallbackKind.TICKET, queue, place
    entry.remind_at = None
