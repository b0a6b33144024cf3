from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.contacts.models import Party
from webapp.db import Identified, Model, enum_type, now


class CallbackKind(StrEnum):
    MISSED = "missed"  # nobody talked to the caller
    TICKET = "ticket"  # the caller left the queue to be called, and keeps the place in it
    PROMISE = "promise"  # somebody of ours said that we would call


class CallbackState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"  # somebody is on it, until `claimed_until`
    WAITING = "waiting"  # not before `retry_at`
    CLOSED = "closed"


class ClosedAs(StrEnum):
    REACHED = "reached"  # a call of ours that was not made for this callback
    CALLED_BACK = "called_back"  # a call of ours that was
    RANG_IN = "rang_in"  # they called again and were answered
    EXHAUSTED = "exhausted"  # called as often as the plan says, and never reached
    DISMISSED = "dismissed"  # a person decided so, and said why
    SHORT = "short"  # hung up so soon that, by the queue's policy, nobody calls back
    MERGED = "merged"  # it turned out to be of the same caller as another one


class AssignedBy(StrEnum):
    """Why it is this person's."""

    OWNER = "owner"  # the contact is theirs
    LAST_AGENT = "last_agent"  # they were the last to talk with the customer
    TURN = "turn"  # it was their turn among those who serve the queue
    PERSON = "person"  # somebody decided so


class Callback(Identified, Model):
    """Somebody called and nobody talked to them. One is open per number: `open_key` is unique, and NULL once closed.

    What has to happen by itself has a moment of its own here: `remind_at`, `due_at`, `second_step_at`, `retry_at`,
    `claimed_until`. A sweep finds what is past, and a conditional update says whose doing it is.
    """

    __table_args__ = (sa.Index(None, "state", "due_at"),)
    open_key: Mapped[str | None] = mapped_column(sa.String(190), unique=True)
    number: Mapped[str | None] = mapped_column(sa.String(40), index=True)  # as Call.number; None: withheld
    number_raw: Mapped[str] = mapped_column(sa.Text, default="")
    name_raw: Mapped[str] = mapped_column(sa.Text, default="")
    party_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("party.id", ondelete="SET NULL"))
    switch: Mapped[str] = mapped_column(sa.String(40))
    queue: Mapped[str | None] = mapped_column(sa.String(80), index=True)
    did: Mapped[str | None] = mapped_column(sa.String(80))
    kind: Mapped[CallbackKind] = mapped_column(enum_type(CallbackKind), default=CallbackKind.MISSED)
    state: Mapped[CallbackState] = mapped_column(enum_type(CallbackState), default=CallbackState.OPEN)
    missed: Mapped[int] = mapped_column(default=1)  # how often they called without being talked to
    first_missed_at: Mapped[datetime]
    last_missed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]  # a ticket: since when its place in the queue is kept
    overdue_told_at: Mapped[datetime | None]  # when the heads were told
    second_step_due_at: Mapped[datetime | None] = mapped_column(index=True)  # when those above them are to be told
    second_step_at: Mapped[datetime | None]  # when they were
    remind_at: Mapped[datetime | None] = mapped_column(index=True)  # the next reminder
    reminded: Mapped[int] = mapped_column(default=0)  # how many of the policy's reminders are past
    assigned_to_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"), index=True)
    assigned_by: Mapped[str] = mapped_column(sa.String(20), default="")  # AssignedBy, or ""
    assigned_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)  # calls of ours that did not reach them
    retry_at: Mapped[datetime | None] = mapped_column(index=True)
    promised_for: Mapped[datetime | None]  # the moment that was promised to the callee
    promised_zone: Mapped[str] = mapped_column(sa.String(60), default="")  # the callee's clock
    promised_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    merged_into_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("callback.id", ondelete="SET NULL"))
    claimed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    claimed_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None] = mapped_column(index=True)  # a claim is a lease
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    closed_as: Mapped[ClosedAs | None] = mapped_column(enum_type(ClosedAs))
    closed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    closed_by_call_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("call.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(sa.String(500), default="")

    party: Mapped[Party | None] = relationship(lazy="joined")
    claimed_by: Mapped[User | None] = relationship(foreign_keys=[claimed_by_id], lazy="joined")
    assigned_to: Mapped[User | None] = relationship(foreign_keys=[assigned_to_id], lazy="joined")
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


class CallbackAttempt(Model):
    """A call of ours that was made for a callback."""

    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True)
    callback_id: Mapped[UUID] = mapped_column(sa.ForeignKey("callback.id", ondelete="CASCADE"), index=True)
    by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)
    failed_at: Mapped[datetime | None]  # when it was over without a conversation
    counts: Mapped[bool] = mapped_column(default=False)  # it failed on their side, not on ours: one of the plan's


class QueuePolicy(Model):
    """What is promised to the callers of a queue; the row named "" is for all that have none of their own.

    `hours`: for each day "0" (Monday) to "6" a list of ["09:00", "18:00"]; empty: always open. Minutes are working
    minutes on that calendar, seconds are seconds.
    """

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    zone: Mapped[str] = mapped_column(sa.String(60))
    hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    holidays: Mapped[str] = mapped_column(sa.String(20), default="")  # country, or country-subdivision; "" for none
    closed_days: Mapped[list[str]] = mapped_column(default=list)  # further ones, ISO dates
    callback_minutes: Mapped[int] = mapped_column(default=30)
    reminder_minutes: Mapped[list[int]] = mapped_column(sa.JSON, default=lambda: [15, 20, 30])
    second_step_minutes: Mapped[int] = mapped_column(default=30)  # after it is overdue
    retry_minutes: Mapped[list[int]] = mapped_column(sa.JSON, default=lambda: [5, 30, 120])  # one more attempt each
    short_seconds: Mapped[int] = mapped_column(default=0)  # who hangs up sooner is not called back
    ticket_minutes: Mapped[int] = mapped_column(default=5)  # to call a ticket, from the moment that its turn has come
