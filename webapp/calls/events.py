"""What calls tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telephony.events import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfCall:
    call_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfCallAt(_OfCall):
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged(_OfCall):
    """Anything that a page about this call may show. `user_ids`: everybody who has a part in it."""

    version: int
    state: str
    user_ids: frozenset[UUID]
    live_versions: tuple[tuple[UUID, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RingUnanswered(_OfCallAt):
    """An agent's phone rang for a customer who calls, for as long as it was given."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAnswered(_OfCallAt):
    """An agent talks: they are there."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReached(_OfCallAt):
    """A person of ours and the customer were connected."""

    switch: str
    direction: Direction
    number: str | None


class CustomerNotReached(_OfCallAt):
    """What was told as a conversation never was one."""


class CallRetold(_OfCallAt):
    """A call that was over already went otherwise: its story was corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyChosen(_OfCallAt):
    """Somebody said who the customer of this call is."""

    party_id: UUID


class CallNotInbound(_OfCall):
    """What was told as a call to us was one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberWithheld(_OfCall):
    """A number that we had written down turns out not to be ours to know. `number`: it, for whoever has it to forget."""

    number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteWritten(_OfCall):
    """Its author may have it before their eyes elsewhere too."""

    user_id: UUID
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDoubted(_OfCallAt):
    """The caller forges what the switch says (`uid`: its name there). Told once for each call: an alarm."""

    switch: str
    uid: str


class CallMissed(_OfCallAt):
    """An inbound call is over and nobody of ours talked to the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMerged(_OfCall):
    """Two rows turned out to be one conversation; `merged_id` is about to go."""

    merged_id: UUID


class CallFinished(_OfCallAt):
    """A call is over, whatever became of it. May be told again when more became known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAsked(_OfCallAt):
    """The caller left the queue to be called back. `number` as typed, hostile; "" for the one that calls."""

    queue: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionLogged(_OfCallAt):
    """An agent wrapped a call up; `disposition_id` is None where nothing need be said."""

    disposition_id: UUID | None
    by_id: UUID
