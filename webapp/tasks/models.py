from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.contacts.models import Party
from webapp.db import Identified, Model, enum_type, now


class CallbackState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    CLOSED = "closed"


class ClosedAs(StrEnum):
    REACHED = "reached"  # we called them and they answered
    RANG_IN = "rang_in"  # they called again and were answered
    DISMISSED = "dismissed"  # a person decided so, and said why


class Callback(Identified, Model):
    """Somebody called and nobody talked to them. One is open per number: `open_key` is unique, and NULL once closed."""

    __table_args__ = (sa.Index(None, "state", "due_at"),)
    open_key: Mapped[str | None] = mapped_column(sa.String(190), unique=True)
    number: Mapped[str | None] = mapped_column(sa.String(40), index=True)  # as Call.number; None: withheld
    number_raw: Mapped[str] = mapped_column(sa.Text, default="")
    name_raw: Mapped[str] = mapped_column(sa.Text, default="")
    party_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("party.id", ondelete="SET NULL"))
    switch: Mapped[str] = mapped_column(sa.String(40))
    queue: Mapped[str | None] = mapped_column(sa.String(80))
    did: Mapped[str | None] = mapped_column(sa.String(80))
    state: Mapped[CallbackState] = mapped_column(enum_type(CallbackState), default=CallbackState.OPEN)
    missed: Mapped[int] = mapped_column(default=1)  # how often they called without being talked to
    first_missed_at: Mapped[datetime]
    last_missed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    overdue_told_at: Mapped[datetime | None]
    claimed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    claimed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    closed_as: Mapped[ClosedAs | None] = mapped_column(enum_type(ClosedAs))
    closed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    closed_by_call_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("call.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(sa.String(500), default="")

    party: Mapped[Party | None] = relationship(lazy="joined")
    claimed_by: Mapped[User | None] = relationship(foreign_keys=[claimed_by_id], lazy="joined")
    closed_by: Mapped[User | None] = relationship(foreign_keys=[closed_by_id], lazy="joined")
    closed_by_call: Mapped[Call | None] = relationship(foreign_keys=[closed_by_call_id])

    @property
    def is_open(self) -> bool:
        return self.state is not CallbackState.CLOSED

    @property
    def priority(self) -> int:
        """1 to 3; whoever calls again and again is more urgent."""
        return min(self.missed, 3)

    def is_overdue(self, at: datetime | None = None) -> bool:
        return self.is_open and self.due_at < (at or now())


class CallbackCall(Model):
    """The missed calls of a callback. A call counts once, however often its end is reported."""

    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True)
    callback_id: Mapped[UUID] = mapped_column(sa.ForeignKey("callback.id", ondelete="CASCADE"), index=True)
