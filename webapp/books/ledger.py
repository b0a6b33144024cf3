"""The ledger's balance: each customer whom the switch offered was answered, or is an entry, closed or open.

`judged` is pure. Around it: where the books come from (our rows, or files), and what we have of each call in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import orm

from telephony.events import CallSummary, Direction, Result
from webapp.books.models import BookedCall, BooksDamage, BooksPlace, Incomplete
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, CallbackState

MARGIN = timedelta(minutes=1)  # books are read some seconds behind the calls
NEWS = timedelta(minutes=5)  # a remote switch says at least so often that there is nothing more to read
AT_ONCE = 500
OUR_SIDE = (Result.AGENT_NO_ANSWER, Result.AGENT_DECLINED, Result.AGENT_UNAVAILABLE)  # perhaps nothing of the customer


class Fault(StrEnum):
    NO_CALL = "no_call"  # the switch had it, we have not
    NO_BOOK = "no_book"  # we have it, the switch had not
    NOT_OVER = "not_over"  # it is over, and ours goes on
    RESULT = "result"  # was it answered, and how did it end?
    NO_ENTRY = "no_entry"  # nobody talked to the caller, and nobody is to call back
    TWO_ENTRIES = "two_entries"  # one caller, and several are to call back
    RULE = "rule"  # what must be true of the callbacks at any moment is not
    LISTED = "listed"  # talked to, and still to be called back


@dataclass(frozen=True, slots=True)
class Book:
    """A call of the books, as far as the balance needs it."""

    switch: str
    uid: str
    direction: Direction
    result: Result | None
    answered: bool
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Ours:
    """The same call in our rows, with what became of its caller."""

    call_id: UUID
    over: bool
    result: Result | None
    answered: bool
    entry: CallbackState | None  # that the call itself counts in
    listed: bool  # an open entry of this number is older than the conversation


@dataclass(frozen=True, slots=True)
class Offender:
    fault: Fault
    switch: str
    uid: str
    started_at: datetime | None
    call_id: UUID | None
    callback_id: UUID | None = None
    said: str = ""  # of the books, and of us

    def as_json(self) -> dict[str, Any]:
        return {name: str(value) if value is not None else None for name, value in asdict(self).items()} | {
            "started_at": self.started_at.isoformat() if self.started_at else None
        }


@dataclass(slots=True)
class Balance:
    offered: int = 0
    answered: int = 0
    closed: int = 0
    open: int = 0
    offenders: list[Offender] = field(default_factory=list)

    @property
    def difference(self) -> int:
        return self.offered - self.answered - self.closed - self.open

    @property
    def balances(self) -> bool:
        return not self.difference and not self.offenders

    def add(self, book: Book, ours: Ours | None) -> None:
        if book.direction is Direction.INBOUND:
            self.offered += 1
            if ours and ours.over and ours.answered:
                self.answered += 1
            elif ours and ours.over and ours.entry:
                self.closed += ours.entry is CallbackState.CLOSED
                self.open += ours.entry is not CallbackState.CLOSED
        if fault := judged(book, ours):
            said = f"{_said(book.answered, book.result)} / {_said(ours.answered, ours.result)}" if ours else ""
            call_id = ours.call_id if ours else None
            self.offenders.append(Offender(fault, book.switch, book.uid, book.started_at, call_id, said=said))


def judged(book: Book, ours: Ours | None) -> Fault | None:
    """The first thing that is wrong with our row of a call that the books know."""
    if ours is None:
        return Fault.NO_CALL
    if not ours.over:
        return Fault.NOT_OVER
    breaks_off = book.result in (None, Result.LOST)  # then ours may know better
    if ours.answered is not book.answered or (ours.result is not book.result and not breaks_off):
        return Fault.RESULT
    if book.direction is not Direction.INBOUND:
        return None
    if not ours.answered and ours.entry is None:
        return Fault.NO_ENTRY
    if ours.answered and (ours.listed or (ours.entry and ours.entry is not CallbackState.CLOSED)):
        return Fault.LISTED
    return None


def _said(answered: bool, result: Result | None) -> str:
    return result.value if result else "answered" if answered else "?"


# ------------------------------------------------------------------------------------------------------- gathering


def balance(begin: datetime, end: datetime, *, switch: str | None = None) -> Balance:
    """Of the calls that began in this time, by the books that were read so far."""
    found = Balance()
    _add(found, _booked(begin, end, switch))
    found.offenders += _unbooked(begin, end, switch)
    found.offenders += _doubled(begin, end, switch)
    return found


def incomplete(begin: datetime, end: datetime, *, switch: str, at: datetime) -> Incomplete | None:
    """Why the books of this time prove nothing, as far as it is over at `at`. What was written before they were
    connected is not read at all."""
    place = db.session.get(BooksPlace, switch)
    if place is None or place.read_up_to is None or place.read_up_to < min(end, at - NEWS) or end <= place.began_at:
        return Incomplete.UNREAD
    damage = sa.select(BooksDamage.id).where(
        BooksDamage.switch == switch, BooksDamage.since < end, BooksDamage.at >= begin
    )
    aside = sa.select(BookedCall.id).where(
        BookedCall.switch == switch,
        BookedCall.started_at >= begin,
        BookedCall.started_at < end,
        BookedCall.set_aside_at.is_not(None),
    )
    damaged = any(db.session.scalar(query.limit(1)) for query in (damage, aside))
    return Incomplete.DAMAGED if damaged else None


def told_up_to(place: BooksPlace | None) -> datetime | None:
    """A call that was over by then must be in the books. A switch that stopped to write them writes no records."""
    return max(filter(None, (place.last_record_at, place.read_up_to)), default=None) if place else None


def balance_of(
    summaries: Sequence[CallSummary], begin: datetime, end: datetime, *, switch: str, over_before: datetime
) -> Balance:
    """The same against books that were just read, whatever was read before: of calls that were over at that time."""
    summaries = [each for each in summaries if each.ended_at and each.ended_at < over_before]
    booked = [
        Book(switch, each.uid, each.direction, each.result, each.answered_at is not None, each.started_at)
        for each in summaries
        if each.started_at and begin <= each.started_at < end
    ]
    found = Balance()
    _add(found, booked)
    if booked:
        first, last = min(each.started_at for each in booked), max(each.started_at for each in booked)
        known = {each.uid for each in summaries}
        query = _of_time(max(begin, first), min(end, last), switch).where(Call.ended_at < over_before - MARGIN)
        found.offenders += [_without_book(row) for row in db.session.execute(query) if row.uid not in known]
    found.offenders += _doubled(begin, end, switch)
    return found


def _add(found: Balance, booked: Iterable[Book]) -> None:
    booked = iter(booked)
    while some := list(islice(booked, AT_ONCE)):
        ours = _ours(some)
        for book in some:
            found.add(book, ours.get((book.switch, book.uid)))


def _booked(begin: datetime, end: datetime, switch: str | None) -> Iterator[Book]:
    query = sa.select(
        BookedCall.switch,
        BookedCall.uid,
        BookedCall.direction,
        BookedCall.result,
        BookedCall.answered,
        BookedCall.started_at,
    ).where(BookedCall.started_at >= begin, BookedCall.started_at < end)
    query = query.where(BookedCall.switch == switch) if switch else query
    return (Book(*row) for row in db.session.execute(query.order_by(BookedCall.started_at)).all())


def _ours(booked: Sequence[Book]) -> dict[tuple[str, str], Ours]:
    earlier = orm.aliased(Callback)
    listed = (
        sa.select(earlier.id)
        .where(
            earlier.number == Call.number,
            earlier.kind == CallbackKind.MISSED,
            earlier.state != CallbackState.CLOSED,
            earlier.last_missed_at <= Call.answered_at,
        )
        .correlate(Call)
        .exists()
    )
    query = (
        sa.select(Call.switch, Call.uid, Call.id, Call.state, Call.result, Call.answered_at, Callback.state, listed)
        .outerjoin(CallbackCall, CallbackCall.call_id == Call.id)
        .outerjoin(Callback, Callback.id == CallbackCall.callback_id)
        .where(Call.uid.in_([book.uid for book in booked]), Call.switch.in_({book.switch for book in booked}))
    )
    return {
        (switch, uid): Ours(call_id, state is CallState.ENDED, result, answered_at is not None, entry, bool(is_listed))
        for switch, uid, call_id, state, result, answered_at, entry, is_listed in db.session.execute(query)
    }


def _of_time(begin: datetime, end: datetime, switch: str | None) -> Any:
    """Calls of ours that must be in the books: they are over, and a channel was made for the customer."""
    query = (
        sa.select(Call.id, Call.switch, Call.uid, Call.started_at, Call.result)
        .where(
            Call.started_at >= begin, Call.started_at < end, Call.state == CallState.ENDED, Call.linkedid.is_not(None)
        )
        .where(Call.result.not_in(OUR_SIDE))
    )
    return query.where(Call.switch == switch) if switch else query


def _unbooked(begin: datetime, end: datetime, switch: str | None) -> Iterator[Offender]:
    """Nothing is deleted for that; somebody has to look."""
    for place in db.session.scalars(sa.select(BooksPlace)).all():
        up_to = told_up_to(place)
        if up_to is None or switch not in (None, place.switch):
            continue
        query = _of_time(max(begin, place.began_at), end, place.switch)
        query = query.where(Call.booked_at.is_(None), Call.ended_at < up_to - MARGIN)
        yield from (_without_book(row) for row in db.session.execute(query.order_by(Call.started_at)))


def broken(
    rules: Mapping[UUID, str], begin: datetime, end: datetime, *, switch: str | None, but: Iterable[UUID | None] = ()
) -> Iterator[Offender]:
    """What the audit of all callbacks found in the calls and entries of this time; `but`: calls that are named already."""
    calls = sa.select(Call.id, Call.switch, Call.uid, Call.started_at).where(
        Call.id.in_(rules), Call.started_at >= begin, Call.started_at < end
    )
    calls = calls.where(Call.switch == switch) if switch else calls
    calls = calls.where(Call.id.not_in([named for named in but if named]))
    for call_id, its_switch, uid, began in db.session.execute(calls):
        yield Offender(Fault.RULE, its_switch, uid, began, call_id, said=rules[call_id])
    entries = sa.select(Callback.id, Callback.switch, Callback.first_missed_at).where(
        Callback.id.in_(rules), Callback.last_missed_at >= begin, Callback.last_missed_at < end
    )
    entries = entries.where(Callback.switch == switch) if switch else entries
    for callback_id, its_switch, missed_at in db.session.execute(entries):
        yield Offender(Fault.RULE, its_switch, "", missed_at, None, callback_id, said=rules[callback_id])


def _without_book(row: Any) -> Offender:
    return Offender(Fault.NO_BOOK, row.switch, row.uid, row.started_at, row.id, said=row.result.value)


def _doubled(begin: datetime, end: datetime, switch: str | None) -> Iterator[Offender]:
    """Numbers that called in this time and have more than one open entry."""
    query = (
        sa.select(Callback.number, sa.func.min(Callback.switch), sa.func.min(Callback.first_missed_at))
        .where(
            Callback.kind == CallbackKind.MISSED,
            Callback.state != CallbackState.CLOSED,
            Callback.number.is_not(None),
            Callback.last_missed_at >= begin,
            Callback.last_missed_at < end,
        )
        .group_by(Callback.number)
        .having(sa.func.count() > 1)
    )
    query = query.where(Callback.switch == switch) if switch else query
    for number, its_switch, first in db.session.execute(query):
        yield Offender(Fault.TWO_ENTRIES, its_switch, "", first, None, said=number or "")
