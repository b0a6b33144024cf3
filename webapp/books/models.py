from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from telephony.events import Direction, Result
from webapp.calls.models import Call
from webapp.db import Identified, Model, enum_type, now


class Source(StrEnum):
    """Where the books were read."""

    FILE = "file"  # on the switch's own disk
    SPOOLED = "spooled"  # the copy that the switch's spooler sends
    ASKED = "asked"  # a list of the switch's, for which we ask


class RecoveryKind(StrEnum):
    CREATED = "created"  # nobody had heard of the call
    CLOSED = "closed"  # nobody had heard of its end
    REPAIRED = "repaired"  # it had been told otherwise


class Incomplete(StrEnum):
    """Why a day's check proves nothing yet."""

    UNREAD = "unread"  # its books were not read to the end of the day
    DAMAGED = "damaged"  # some of what they told could not be read or entered


class BookedCall(Identified, Model):
    """A customer call as the switch itself wrote it down. `uid` is the call's name there, as in Call."""

    __table_args__ = (
        sa.UniqueConstraint("switch", "uid"),
        sa.Index(None, "started_at", "direction"),
    )
    switch: Mapped[str] = mapped_column(sa.String(40))
    uid: Mapped[str] = mapped_column(sa.String(150))
    linkedid: Mapped[str | None] = mapped_column(sa.String(150))
    direction: Mapped[Direction] = mapped_column(enum_type(Direction))
    number: Mapped[str | None] = mapped_column(sa.String(40))  # E.164; None: withheld, or no number
    queue: Mapped[str | None] = mapped_column(sa.String(80))
    did: Mapped[str | None] = mapped_column(sa.String(80))
    result: Mapped[Result | None] = mapped_column(enum_type(Result))
    answered: Mapped[bool]
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    summary: Mapped[dict[str, Any]]  # all of it, in the words of `ringback replay`
    read_at: Mapped[datetime] = mapped_column(default=now)
    source: Mapped[Source] = mapped_column(enum_type(Source))
    set_aside_at: Mapped[datetime | None] = mapped_column(index=True)  # ours could not be brought in line with it yet


class Recovery(Identified, Model):
    """What the books knew and we did not. `before` and `after` have the fields that were changed, and no others."""

    __table_args__ = (sa.Index(None, "recovered_at", "id"),)
    switch: Mapped[str] = mapped_column(sa.String(40))
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"), index=True)
    kind: Mapped[RecoveryKind] = mapped_column(enum_type(RecoveryKind))
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[Source] = mapped_column(enum_type(Source))
    happened_at: Mapped[datetime]  # when the call ended
    recovered_at: Mapped[datetime] = mapped_column(default=now)
    call: Mapped[Call] = relationship()


class BooksPlace(Model):
    """How far the books of a switch have been read. What lies before `cursor` is in our rows."""

    switch: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    began_at: Mapped[datetime]  # what began before is not asked of the books
    last_record_at: Mapped[datetime | None]
    # all that had been written by then is in our rows; a quiet night has no records, and is read all the same
    read_up_to: Mapped[datetime | None]
    unparseable: Mapped[int] = mapped_column(default=0)


class BooksDamage(Identified, Model):
    """Something of the books that was written between these moments did not come to us."""

    __table_args__ = (sa.Index(None, "switch", "at"),)
    switch: Mapped[str] = mapped_column(sa.String(40))
    since: Mapped[datetime]
    at: Mapped[datetime]
    gaps: Mapped[int] = mapped_column(default=0)  # times that a part of a file may have been missed
    unparseable: Mapped[int] = mapped_column(default=0)  # records
    unwritten: Mapped[int] = mapped_column(default=0)  # calls of which not even the book's own row could be kept


class LedgerCheck(Identified, Model):
    """Did the day balance? `day` is the firm's; offered = answered + closed + open, and nothing is left over.

    Books that were not read have nothing left over either: then it is `incomplete`, and proves nothing."""

    __table_args__ = (sa.UniqueConstraint("day", "switch"),)
    day: Mapped[date]
    switch: Mapped[str] = mapped_column(sa.String(40))
    offered: Mapped[int]
    answered: Mapped[int]
    closed: Mapped[int]
    open: Mapped[int]
    difference: Mapped[int]
    offenders: Mapped[list[Any]] = mapped_column(sa.JSON, default=list)
    offences: Mapped[int] = mapped_column(default=0)  # how many there are; `offenders` may be the first of them
    incomplete: Mapped[Incomplete | None] = mapped_column(enum_type(Incomplete))
    at: Mapped[datetime] = mapped_column(default=now)

    @property
    def is_wrong(self) -> bool:
        return bool(self.difference or self.offences)

    @property
    def balances(self) -> bool:
        return not self.is_wrong and self.incomplete is None
