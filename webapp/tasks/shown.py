"""Callbacks as lists show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from webapp.accounts.models import User
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.contacts import shown as contacts
from webapp.db import now
from webapp.tasks.models import Callback


@dataclass(frozen=True, slots=True)
class Colleague:
    id: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class ClosingCall:
    url: str | None  # None: not the reader's to open


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    id: UUID
    party: contacts.Brief | None
    name_from_switch: str
    number_display: str
    number_e164: str | None
    withheld: bool
    queue: str | None
    missed: int
    priority: int
    first_missed_at: datetime
    last_missed_at: datetime
    due_at: datetime
    overdue: bool
    state: str
    claimed_by: Colleague | None
    mine: bool
    closed_as: str | None
    closed_at: datetime | None
    closed_by: Colleague | None
    closed_call: ClosingCall | None
    reason: str


def rows(callbacks: Iterable[Callback], reader: User) -> list[Row]:
    callbacks = list(callbacks)
    closing = [callback.closed_by_call_id for callback in callbacks if callback.closed_by_call_id]
    may_open = call_reads.visible_ids(reader, closing) if closing else set()
    return [_row(callback, reader, may_open) for callback in callbacks]


def _row(callback: Callback, reader: User, may_open: set[UUID]) -> Row:
    closing = callback.closed_by_call_id
    return Row(
        id=callback.id,
        party=contacts.brief(callback.party) if callback.party else None,
        name_from_switch=callback.name_raw,
        number_display=calls.number_display(callback.number, callback.number_raw, callback.switch),
        number_e164=callback.number,
        withheld=not callback.number and not callback.number_raw,
        queue=callback.queue,
        missed=callback.missed,
        priority=callback.priority,
        first_missed_at=callback.first_missed_at,
        last_missed_at=callback.last_missed_at,
        due_at=callback.due_at,
        overdue=callback.is_overdue(now()),
        state=callback.state.value,
        claimed_by=Colleague(callback.claimed_by.id, callback.claimed_by.name) if callback.claimed_by else None,
        mine=callback.claimed_by_id == reader.id,
        closed_as=callback.closed_as.value if callback.closed_as else None,
        closed_at=callback.closed_at,
        closed_by=_closed_by(callback),
        closed_call=ClosingCall(calls.url(closing) if closing in may_open else None) if closing else None,
        reason=callback.reason,
    )


def _closed_by(callback: Callback) -> Colleague | None:
    """Who dismissed it, or who talked to the customer."""
    if callback.closed_by:
        return Colleague(callback.closed_by.id, callback.closed_by.name)
    talked = calls.agents(callback.closed_by_call) if callback.closed_by_call else []
    return Colleague(None, ", ".join(talked)) if talked else None
