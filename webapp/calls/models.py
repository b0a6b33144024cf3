from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from telephony.commands import First
from telephony.events import Direction, HungUpBy, LegResult, Result
from webapp.accounts.models import User
from webapp.contacts.models import Party
from webapp.db import Identified, Model, enum_type, now

UNHEARD = "unheard"  # a call's failure: the switch never spoke of what it was asked


class CallState(StrEnum):
    REQUESTED = "requested"  # we asked the switch for it
    RINGING = "ringing"  # it exists; nobody of ours talks to the customer
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"


_RANK = {
    CallState.REQUESTED: 0,
    CallState.RINGING: 1,
    CallState.ANSWERED: 2,
    CallState.HELD: 2,
    CallState.ENDED: 3,
}


# of a call to a customer who was rung first and picked up
IN_VAIN = frozenset(
    {Result.ABANDONED, Result.AGENT_NO_ANSWER, Result.AGENT_DECLINED, Result.AGENT_UNAVAILABLE},
)


class Call(Identified, Model):
    """One conversation with a customer, however many phones took part: legs lie inside.

    `uid` is its name on the switch (the oldest Linkedid, or our id where we asked for the call). `number` is the
    customer's, E.164 where it can be parsed; `number_raw` and `name_raw` are what the line said, verbatim and hostile.
    """

    __table_args__ = (
        sa.UniqueConstraint("switch", "uid"),
        sa.Index(None, "number", "started_at"),
        sa.Index(None, "party_id", "started_at"),
    )
    switch: Mapped[str] = mapped_column(sa.String(40))
    uid: Mapped[str] = mapped_column(sa.String(150))
    linkedid: Mapped[str | None] = mapped_column(sa.String(150))
    direction: Mapped[Direction] = mapped_column(enum_type(Direction))
    state: Mapped[CallState] = mapped_column(enum_type(CallState), default=CallState.RINGING)
    result: Mapped[Result | None] = mapped_column(enum_type(Result))
    cause: Mapped[int | None]
    hangup_by: Mapped[HungUpBy | None] = mapped_column(enum_type(HungUpBy))
    number: Mapped[str | None] = mapped_column(sa.String(40))
    number_raw: Mapped[str] = mapped_column(sa.Text, default="")
    name_raw: Mapped[str] = mapped_column(sa.Text, default="")
    withheld: Mapped[bool] = mapped_column(default=False)
    did: Mapped[str | None] = mapped_column(sa.String(80))
    queue: Mapped[str | None] = mapped_column(sa.String(80), index=True)
    party_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("party.id", ondelete="SET NULL"))
    requested_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    request_key: Mapped[str | None] = mapped_column(sa.String(80), unique=True)
    dialled_at: Mapped[datetime | None]  # when the switch was asked; by one request only
    shown_number: Mapped[str | None] = mapped_column(sa.String(40))  # which of our numbers the customer sees
    rings_first: Mapped[First] = mapped_column(enum_type(First), default=First.AGENT)  # of a call that we asked for
    failure: Mapped[str] = mapped_column(sa.String(200), default="")  # the switch's reason, or UNHEARD
    started_at: Mapped[datetime] = mapped_column(default=now, index=True)
    queued_at: Mapped[datetime | None]  # when it first entered a queue
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    wait_seconds: Mapped[float] = mapped_column(default=0.0)
    talk_seconds: Mapped[float] = mapped_column(default=0.0)
    hold_seconds: Mapped[float] = mapped_column(default=0.0)
    disposition_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("disposition.id", ondelete="RESTRICT"))
    booked_at: Mapped[datetime | None]  # when the switch's own books confirmed or corrected it; from then on they hold
    doubtful: Mapped[bool] = mapped_column(default=False)  # its caller forges events; see `webapp.calls.doubt`
    doubted_at: Mapped[datetime | None] = mapped_column(index=True)  # when that was first seen
    version: Mapped[int] = mapped_column(default=0)

    party: Mapped[Party | None] = relationship(lazy="joined")
    requested_by: Mapped[User | None] = relationship(lazy="joined")
    disposition: Mapped[Disposition | None] = relationship(lazy="joined")
    legs: Mapped[list[Leg]] = relationship(
        back_populates="call", cascade="all, delete-orphan", order_by="Leg.rang_at", lazy="selectin"
    )
    notes: Mapped[list[CallNote]] = relationship(
        back_populates="call", cascade="all, delete-orphan", lazy="selectin", order_by="CallNote.updated_at"
    )

    def may_become(self, state: CallState) -> bool:
        """State moves forward only; holding and resuming are sideways."""
        return _RANK[state] > _RANK[self.state] or {state, self.state} == {CallState.ANSWERED, CallState.HELD}

    @property
    def is_over(self) -> bool:
        return self.state is CallState.ENDED

    @property
    def is_customer_first(self) -> bool:
        """We asked for it, and the customer's phone rang before the agent's."""
        return self.rings_first is First.CUSTOMER

    @property
    def was_picked_up_in_vain(self) -> bool:
        """A customer whom we called first picked up, and nobody of ours was there."""
        return self.is_over and self.is_customer_first and self.answered_at is None and self.result in IN_VAIN

    @property
    def is_missed(self) -> bool:
        """An inbound customer whom nobody of ours talked to."""
        return self.is_over and self.direction is Direction.INBOUND and self.answered_at is None

    @property
    def answered_legs(self) -> list[Leg]:
        return [leg for leg in self.legs if leg.answered_at is not None]

    def was_talked_by(self, user_id: UUID) -> bool:
        """This user was in the call and is not any more: it is theirs to wrap up, or to correct what they said of it."""
        own = [leg for leg in self.answered_legs if leg.user_id == user_id]
        return bool(own) and all(leg.ended_at is not None for leg in own)

    def leg_of(self, user_id: UUID) -> Leg | None:
        """The leg of this user that matters now: both of their phones may have rung, and a queue rings one again."""
        own = [leg for leg in reversed(self.legs) if leg.user_id == user_id]
        return min(own, key=lambda leg: leg.distance, default=None)


class Leg(Identified, Model):
    """One phone's part. `user_id` is whose phone it was then; a line that changes hands later changes nothing here."""

    __table_args__ = (
        sa.UniqueConstraint("call_id", "uid"),
        sa.Index(None, "user_id", "ended_at"),
        sa.Index(None, "queue", "user_id", "rang_at"),
    )
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"))
    uid: Mapped[str] = mapped_column(sa.String(150))
    line: Mapped[str] = mapped_column(sa.String(80))
    channel: Mapped[str] = mapped_column(sa.String(160), default="")
    queue: Mapped[str | None] = mapped_column(sa.String(80))
    user_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    rang_at: Mapped[datetime] = mapped_column(default=now)
    asked_at: Mapped[datetime | None]  # picked up for a colleague who asks about the call, while the customer waits
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[LegResult | None] = mapped_column(enum_type(LegResult))
    cause: Mapped[int | None]
    talk_seconds: Mapped[float] = mapped_column(default=0.0)
    wrapped_up_at: Mapped[datetime | None]
    wrap_up_until: Mapped[datetime | None] = mapped_column(index=True)  # then it ends by itself; None: never
    call: Mapped[Call] = relationship(back_populates="legs")
    user: Mapped[User | None] = relationship(lazy="joined")

    @property
    def distance(self) -> int:
        """From what its agent is doing now: talking, ringing, wrapping up, anything that is past."""
        if self.answered_at and self.ended_at is None:
            return 0
        return 1 if self.is_ringing or self.is_asked else 2 if self.wants_wrap_up else 3

    @property
    def is_ringing(self) -> bool:
        return self.answered_at is None and self.ended_at is None and self.asked_at is None

    @property
    def is_asked(self) -> bool:
        """Its agent talks to a colleague about the call."""
        return self.asked_at is not None and self.answered_at is None and self.ended_at is None

    @property
    def wants_wrap_up(self) -> bool:
        return self.answered_at is not None and self.ended_at is not None and self.wrapped_up_at is None

    def ring_seconds(self) -> float:
        end = self.answered_at or self.ended_at
        return (end - self.rang_at) / timedelta(seconds=1) if end else 0.0


class CallNote(Identified, Model):
    """What one agent wrote during or after a call. Each has an own one, so nobody overwrites another's."""

    __table_args__ = (sa.UniqueConstraint("call_id", "user_id"),)
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(sa.Text, default="")
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    call: Mapped[Call] = relationship(back_populates="notes")
    user: Mapped[User] = relationship(lazy="joined")

    @property
    def version(self) -> str:
        return self.updated_at.isoformat()


class StepKind(StrEnum):
    TOLD = "told"  # what the switch said
    NUMBER = "number"  # how the caller's number was read
    MATCH = "match"  # whose it is
    PHONE = "phone"  # a phone takes part, and whose it is
    SENT = "sent"  # whose pages were told to look
    PAINTED = "painted"  # a page showed it


class Step(Identified, Model):
    """A link of the chain from what the switch said of a call to what somebody saw: why it popped, or did not.

    `at` is our clock, `said_at` the switch's. `facts` hold ids and words of ours, and what the line said verbatim.
    """

    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"), index=True)
    kind: Mapped[StepKind] = mapped_column(enum_type(StepKind))
    at: Mapped[datetime] = mapped_column(default=now)
    said_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    call: Mapped[Call] = relationship()


class Pop(Identified, Model):
    """A phone rang, and its owner was to see it: when the switch said so, when their pages were told, when one showed it.

    Moments are kept apart from the call's own, so that they can be forgotten sooner. See `webapp.calls.pops`.
    """

    __table_args__ = (sa.Index(None, "call_id", "user_id"),)
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"))
    leg_id: Mapped[UUID] = mapped_column(sa.ForeignKey("leg.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(index=True)  # of the firm
    heard_at: Mapped[datetime]  # as the switch said it
    told_at: Mapped[datetime]
    visible_from: Mapped[datetime]  # a ring that ended before was nobody's to see
    connected: Mapped[bool]  # a page was open
    hidden_at: Mapped[datetime | None]  # a page in the background said that it rings
    pushed_at: Mapped[datetime | None]  # when its owner's browsers were woken for it
    painted_at: Mapped[datetime | None]
    page_ms: Mapped[float | None]  # from the socket's message to the painted card, by the page's clock
    total_ms: Mapped[float | None]
    call: Mapped[Call] = relationship()
    leg: Mapped[Leg] = relationship()


class Disposition(Identified, Model):
    """What the agent says of a call when wrapping it up. `position` orders them; `heading` puts some together.

    `asks_callback`: whoever says it also says when the customer is called again.
    """

    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    label: Mapped[str] = mapped_column(sa.String(80))
    heading: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=0)
    asks_callback: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)


class CallingRule(Model):
    """When customers may be called, on their own clocks, which of our numbers they see, and whose phone rings first: for
    calls that are made for a queue; the row named "" is for all others. No hours: at any time."""

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    hours: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as `webapp.clock.Calendar.of` takes them
    holidays: Mapped[str] = mapped_column(sa.String(12), default="")
    shown_number: Mapped[str | None] = mapped_column(sa.ForeignKey("own_number.value", ondelete="SET NULL"))
    rings_first: Mapped[First | None] = mapped_column(enum_type(First))  # None: as it is said elsewhere


class NumberChoice(Model):
    """Which of several parties that share a number was meant last time."""

    number: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(sa.ForeignKey("party.id", ondelete="CASCADE"))
    chosen_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    chosen_at: Mapped[datetime] = mapped_column(default=now)
