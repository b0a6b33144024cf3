"""What accounts tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """Somebody declared something else, on the screen or on a phone."""

    user_id: UUID
    status: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged:
    """These have a page open now, or not any more."""

    user_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfStep:
    """A switch does otherwise than somebody declared, and has to be told again."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeactivated:
    """Somebody does not work here any more: nothing may lie with them."""

    user_id: UUID
    at: datetime
