"""Which entry of the ledger a call, a kept place or a promise belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from webapp.calls.models import Call
from webapp.contacts.models import Party, PartyKind
from webapp.db import db
from webapp.tasks.models import Callback, CallbackCall, ClosedAs
from webapp.tasks.policies import DAY

BY_CALLS = (ClosedAs.REACHED, ClosedAs.CALLED_BACK, ClosedAs.RANG_IN, ClosedAs.EXHAUSTED)  # of the switch's clock


def key_of(call: Call) -> str:
    if call.number:
        return f"tel:{call.number}"
    if call.withheld:
        return f"call:{call.id}"
    return f"raw:{call.number_raw}"[:180]


def one_at_a_time(party_id: UUID | None) -> None:
    """Two numbers of one person may be told by two switches at once."""
    if party_id:
        db.session.execute(sa.select(Party.id).where(Party.id == party_id).with_for_update())


def open_entry(key: str | None, number: str | None, party_id: UUID | None) -> Callback | None:
    """Of this number, else of this person under another number, else the one that a call of this number is in."""
    found = _one(Callback.open_key == key) if key else None
    if found is None and party_id and is_person(party_id):
        found = _one(Callback.open_key.is_not(None), Callback.party_id == party_id)
    if found is None and number:
        found = _one(Callback.open_key.is_not(None), has_call_of(number))
    return found


def _one(*conditions: Any) -> Callback | None:
    query = sa.select(Callback).where(*conditions).order_by(Callback.first_missed_at, Callback.id).limit(1)
    return db.session.scalar(query.with_for_update(of=Callback).execution_options(populate_existing=True))


def is_person(party_id: UUID) -> bool:
    """Of a company several people call."""
    return db.session.scalar(sa.select(Party.kind).where(Party.id == party_id)) is PartyKind.PERSON


def has_call_of(number: str) -> sa.ColumnElement[bool]:
    """A ticket may bear another number than the one that called."""
    return Callback.id.in_(
        sa.select(CallbackCall.callback_id).join(Call, Call.id == CallbackCall.call_id).where(Call.number == number)
    )


def closed_after(call: Call, reached: Call | None) -> Callback | None:
    """A missed call that is told late may belong to an entry that was closed in the meantime. Not to one that a person
    dismissed: they did not know of this call, and our clock need not agree with the switch's."""
    if call.number is None:
        return None
    closed = [
        Callback.number == call.number,
        Callback.closed_at > call.ended_at,
        Callback.closed_as.in_(BY_CALLS),
    ]
    if reached:
        closed.append(Callback.closed_at <= reached.answered_at)
    query = sa.select(Callback).where(*closed).order_by(Callback.closed_at).limit(1)
    return db.session.scalar(query.with_for_update(of=Callback))


def short_near(call: Call) -> Callback | None:
    """Who hung up at once within a day of this call, and was not talked to between the two."""
    assert call.ended_at is not None
    if call.number is None:
        return None
    near = sa.select(Callback).where(
        Callback.number == call.number,
        Callback.closed_as == ClosedAs.SHORT,
        Callback.last_missed_at.between(call.ended_at - DAY, call.ended_at + DAY),
    )
    for short in db.session.scalars(near.order_by(Callback.last_missed_at).with_for_update(of=Callback)).unique():
        first, last = sorted((short.last_missed_at, call.ended_at))
        between = first_reached(call.number, first)
        if between is None or between.answered_at is None or between.answered_at > last:
            return short
    return None


def first_reached(number: str | None, after: datetime) -> Call | None:
    """What a forger may have said is no conversation."""
    if number is None:
        return None
    query = sa.select(Call).where(Call.number == number, Call.answered_at > after, ~Call.doubtful)
    return db.session.scalar(query.order_by(Call.answered_at).limit(1))
