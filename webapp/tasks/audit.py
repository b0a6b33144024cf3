"""What must be true of the ledger at any moment: each query finds offenders, and should find none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from telephony.events import Direction
from webapp.calls.models import Call, CallState
from webapp.contacts.models import Party, PartyKind
from webapp.db import db
from webapp.tasks.models import Callback, CallbackAttempt, CallbackCall, CallbackKind, CallbackState, ClosedAs


@dataclass(frozen=True, slots=True)
class Problem:
    rule: str
    id: UUID  # of the call or the callback


def problems() -> list[Problem]:
    return [Problem(rule, found) for rule, query in _rules() for found in db.session.scalars(query)]


def _rules() -> Iterator[tuple[str, sa.Select[UUID]]]:
    yield "every missed call is in an entry", _missed_without_entry()
    yield "only missed calls are in entries", _entered_but_not_missed()
    yield "one open entry for each number", _two_open()
    yield "one open entry for each person", _two_of_one_person()
    yield "an entry counts its calls", _miscounted()
    yield "an open entry of missed calls has one", _empty()
    yield "an entry counts its vain attempts", _misattempted()
    yield "no entry stands open whose caller was talked to since", _reached_but_open()
    yield "what is open has no end, and what is closed has one", _half_closed()
    yield "who dismissed, and why, is known", _unexplained()
    yield "what was merged is in another entry", _merged_nowhere()
    yield "a claim is somebody's and runs out", _claimed_by_nobody()


def _missed_without_entry() -> sa.Select[UUID]:
    missed = sa.and_(Call.state == CallState.ENDED, Call.direction == Direction.INBOUND, Call.answered_at.is_(None))
    return sa.select(Call.id).where(missed, ~sa.exists().where(CallbackCall.call_id == Call.id))


def _entered_but_not_missed() -> sa.Select[UUID]:
    """A ticket's call is in its entry before it is over."""
    entered = sa.select(Call.id).join(CallbackCall, CallbackCall.call_id == Call.id)
    return entered.where(sa.or_(Call.direction != Direction.INBOUND, Call.answered_at.is_not(None)))


def _two_open() -> sa.Select[UUID]:
    other = aliased(Callback)
    twin = sa.exists().where(
        other.number == Callback.number, other.state != CallbackState.CLOSED, other.id != Callback.id
    )
    return sa.select(Callback.id).where(Callback.state != CallbackState.CLOSED, twin)


def _two_of_one_person() -> sa.Select[UUID]:
    """Unless two people of ours had begun with them before it was known that they are one."""
    other = aliased(Callback)
    person = sa.exists().where(Party.id == Callback.party_id, Party.kind == PartyKind.PERSON)
    twin = sa.exists().where(
        other.party_id == Callback.party_id, other.state != CallbackState.CLOSED, other.id != Callback.id,
        sa.or_(other.claimed_by_id.is_(None), Callback.claimed_by_id.is_(None)),
    )  # fmt: skip
    return sa.select(Callback.id).where(Callback.state != CallbackState.CLOSED, person, twin)


def _miscounted() -> sa.Select[UUID]:
    calls = sa.select(sa.func.count()).where(CallbackCall.callback_id == Callback.id).scalar_subquery()
    return sa.select(Callback.id).where(
        Callback.closed_as.is_distinct_from(ClosedAs.MERGED), Callback.missed != calls,
        sa.or_(calls > 0, Callback.kind != CallbackKind.MISSED),
    )  # fmt: skip


def _empty() -> sa.Select[UUID]:
    calls = sa.exists().where(CallbackCall.callback_id == Callback.id)
    return sa.select(Callback.id).where(
        Callback.state != CallbackState.CLOSED, Callback.kind == CallbackKind.MISSED, ~calls
    )


def _misattempted() -> sa.Select[UUID]:
    vain = sa.select(sa.func.count()).where(CallbackAttempt.callback_id == Callback.id, CallbackAttempt.counts)
    return sa.select(Callback.id).where(
        Callback.closed_as.is_distinct_from(ClosedAs.MERGED), Callback.attempts != vain.scalar_subquery()
    )


def _reached_but_open() -> sa.Select[UUID]:
    talked = sa.exists().where(
        Call.number == Callback.number, Call.answered_at >= Callback.last_missed_at, ~Call.doubtful
    )
    return sa.select(Callback.id).where(Callback.state != CallbackState.CLOSED, talked)


def _half_closed() -> sa.Select[UUID]:
    ends = (Callback.closed_at, Callback.closed_as)
    some, none = sa.or_(*(end.is_not(None) for end in ends)), sa.or_(*(end.is_(None) for end in ends))
    return sa.select(Callback.id).where(
        sa.or_(
            sa.and_(Callback.state != CallbackState.CLOSED, sa.or_(some, Callback.open_key.is_(None))),
            sa.and_(Callback.state == CallbackState.CLOSED, sa.or_(none, Callback.open_key.is_not(None))),
        )
    )


def _unexplained() -> sa.Select[UUID]:
    unsaid = sa.or_(Callback.reason == "", Callback.closed_by_id.is_(None))
    return sa.select(Callback.id).where(Callback.closed_as == ClosedAs.DISMISSED, unsaid)


def _merged_nowhere() -> sa.Select[UUID]:
    merged = Callback.closed_as == ClosedAs.MERGED
    return sa.select(Callback.id).where(
        sa.or_(
            sa.and_(merged, Callback.merged_into_id.is_(None)),
            sa.and_(merged, sa.exists().where(CallbackCall.callback_id == Callback.id)),
        )
    )


def _claimed_by_nobody() -> sa.Select[UUID]:
    nobodys = sa.or_(Callback.claimed_by_id.is_(None), Callback.claimed_until.is_(None))
    return sa.select(Callback.id).where(Callback.state == CallbackState.CLAIMED, nobodys)
