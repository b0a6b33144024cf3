"""What calls tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telephony.events import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """Anything that a page about this call may show. `user_ids`: everybody who has a part in it."""

    call_id: UUID
    version: int
    state: str
    user_ids: frozenset[UUID]
    live_versions: tuple[tuple[UUID, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RingUnanswered:
    """An agent's phone rang for a customer who calls, for as long as it was given."""

    call_id: UUID
    user_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAnswered:
    """An agent talks: they are there."""

    call_id: UUID
    user_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReached:
    """A person of ours and the customer were connected."""

    call_id: UUID
    switch: str
    direction: Direction
    number: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerNotReached:
    """What was told as a conversation never was one."""

    call_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetold:
    """A call that was over already went otherwise: its story was corrected."""

    call_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberWithheld:
    """A number that we had written down turns out not to be ours to know."""

    call_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDoubted:
    """The caller forges what the switch says (`uid`: its name there). Told once for each call: an alarm."""

    call_id: UUID
    switch: str
    uid: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMissed:
    """An inbound call is over and nobody of ours talked to the customer."""

    call_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMerged:
    """Two rows turned out to be one conversation; `merged_id` is about to go."""

    call_id: UUID
    merged_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """A call is over, whatever became of it. May be told again when more became known."""

    call_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAsked:
    """The caller left the queue to be called back. `number` as typed, hostile; "" for the one that calls."""

    call_id: UUID
    queue: str
    number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionLogged:
    call_id: UUID
    disposition_id: UUID
    by_id: UUID
    at: datetime
