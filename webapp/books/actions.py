"""What the switches' own books bring about: every call is entered once, and ours are brought in line with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from telephony.events import Caller, CallSummary
from telephony.replay import as_truth
from webapp.books.events import CallRecovered, LedgerChecked
from webapp.books.ledger import Balance
from webapp.books.models import (
    BookedCall,
    BooksDamage,
    BooksPlace,
    Incomplete,
    LedgerCheck,
    Recovery,
    RecoveryKind,
    Source,
)
from webapp.calls import capture, identity
from webapp.calls.models import Call
from webapp.db import db, now
from webapp.events import publish

LONGEST_UID = 150
ALIKE = timedelta(seconds=2)  # so much sooner the books may say that a call began which we know
FIRST_LOOK = timedelta(days=1)  # how far back books are read that were never read before
MOST_OFFENDERS = 200  # of one day that are kept; more are only counted


def enter(summary: CallSummary, *, switch: str, source: Source, at: datetime | None = None) -> Recovery | None:
    """A call that is over, as the switch wrote it down; what was missing or wrong in ours is a Recovery.

    Twice the same changes nothing. Raises ValueError for a call whose beginning or end the books do not tell.
    """
    summary = _storable(summary, switch)
    assert summary.ended_at is not None
    booked = _write_down(summary, switch, source, at or now())
    settled = capture.settle(summary, switch=switch)
    booked.set_aside_at = None
    if settled is None:
        return None
    recovery = Recovery(
        switch=switch,
        call_id=settled.call_id,
        kind=_kind(settled),
        before=dict(settled.before or {}),
        after=dict(settled.after),
        source=source,
        happened_at=summary.ended_at,
        recovered_at=at or now(),
    )
    db.session.add(recovery)
    db.session.flush()
    publish(CallRecovered(call_id=settled.call_id, kind=recovery.kind.value, at=recovery.recovered_at))
    return recovery


def set_aside(summary: CallSummary, *, switch: str, source: Source, at: datetime | None = None) -> None:
    """Only the book's own row, of a call that ours could not be brought in line with: the balance names it, and it is
    tried again. Raises ValueError as `enter` does."""
    _write_down(_storable(summary, switch), switch, source, at or now()).set_aside_at = at or now()
    db.session.flush()


def open_books(switch: str, *, at: datetime | None = None) -> BooksPlace:
    """Where to read on. The first time there is a past that is not ours: what had been missed long before somebody
    connected the books is nobody's to call back."""
    place = db.session.get(BooksPlace, switch)
    if place is None:
        at = at or now()
        real = sa.and_(Call.switch == switch, Call.linkedid.is_not(None))  # a demo firm's past is no switch's
        first = db.session.scalar(sa.select(sa.func.min(Call.started_at)).where(real))
        began_at = max(first - ALIKE, at - FIRST_LOOK) if first else at
        place = BooksPlace(switch=switch, cursor={}, began_at=began_at)
        db.session.add(place)
        db.session.flush()
    return place


def keep_place(switch: str, cursor: dict[str, Any], *, last_record_at: datetime | None, unparseable: int) -> None:
    """How far the reader came. To be called after what lies before it was entered."""
    place = open_books(switch)
    place.cursor, place.unparseable = cursor, unparseable
    place.last_record_at = max(filter(None, (place.last_record_at, last_record_at)), default=None)
    db.session.flush()


def note_end(switch: str, at: datetime) -> None:
    """All that was written by then is entered. It never goes back."""
    place = open_books(switch)
    place.read_up_to = max(filter(None, (place.read_up_to, at)))
    db.session.flush()


def note_damage(switch: str, at: datetime, *, gaps: int, unparseable: int, unwritten: int) -> None:
    """What is missing was written after the books had last been read to their end."""
    place = open_books(switch)
    since = min(place.read_up_to or place.last_record_at or place.began_at, at)
    db.session.add(
        BooksDamage(switch=switch, since=since, at=at, gaps=gaps, unparseable=unparseable, unwritten=unwritten)
    )
    db.session.flush()


def keep_check(
    day: date, switch: str, balance: Balance, *, incomplete: Incomplete | None = None, at: datetime | None = None
) -> LedgerCheck:
    """The day's result; a later check of the same day takes its place."""
    check = db.session.scalar(sa.select(LedgerCheck).where(LedgerCheck.day == day, LedgerCheck.switch == switch))
    if check is None:
        check = LedgerCheck(day=day, switch=switch)
        db.session.add(check)
    check.offered, check.answered, check.closed, check.open = (
        balance.offered,
        balance.answered,
        balance.closed,
        balance.open,
    )
    check.difference, check.offences = balance.difference, len(balance.offenders)
    check.offenders = [each.as_json() for each in balance.offenders[:MOST_OFFENDERS]]
    check.incomplete = incomplete
    check.at = at or now()
    db.session.flush()
    publish(LedgerChecked(check_id=check.id, at=check.at))
    return check


def _write_down(summary: CallSummary, switch: str, source: Source, at: datetime) -> BookedCall:
    """The row is locked until the end of the transaction: two readers of the same books wait for each other."""
    told = _facts(summary, switch)
    query = sa.select(BookedCall).where(BookedCall.switch == switch, BookedCall.uid == summary.uid).with_for_update()
    booked = db.session.scalar(query)
    if booked is None:
        try:
            with db.session.begin_nested():
                booked = BookedCall(switch=switch, uid=summary.uid, source=source, read_at=at, **told)
                db.session.add(booked)
            return booked
        except IntegrityError:  # another reader was faster
            booked = db.session.scalars(query).one()
    if booked.summary != told["summary"]:
        for name, value in told.items():
            setattr(booked, name, value)
        booked.read_at = at
    return booked


def _facts(summary: CallSummary, switch: str) -> dict[str, Any]:
    return {
        "linkedid": summary.linkedid,
        "direction": summary.direction,
        "number": identity.read(summary.customer, switch).number,
        "queue": summary.queue,
        "did": summary.did,
        "result": summary.result,
        "answered": summary.answered_at is not None,
        "started_at": summary.started_at,
        "answered_at": summary.answered_at,
        "ended_at": summary.ended_at,
        "summary": as_truth(summary),
    }


def _storable(summary: CallSummary, switch: str) -> CallSummary:
    """Without what no database keeps, and without a number that its owner does not want shown."""
    if summary.ended_at is None or summary.started_at is None or not 0 < len(summary.uid) <= LONGEST_UID:
        raise ValueError(f"the books do not tell which call {summary.uid[:LONGEST_UID]!r} was, or when")
    who = identity.read(summary.customer, switch)
    customer = Caller(who.raw, who.name, who.withheld)
    # the line may have told so, where the books do not
    query = sa.select(Call.withheld).where(Call.switch == switch, Call.uid == summary.uid)
    if db.session.scalar(query):
        customer = Caller("", withheld=True)
    return replace(summary, customer=customer, did=_cut(summary.did), queue=_cut(summary.queue))


def _kind(settled: capture.Settled) -> RecoveryKind:
    if settled.before is None:
        return RecoveryKind.CREATED
    return RecoveryKind.CLOSED if settled.was_open else RecoveryKind.REPAIRED


def _cut(text: str | None) -> str | None:
    return identity.storable(text)[:80] if text else None
