"""What contacts tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyAdded:
    """`call_id`: the call that made somebody write this party down; whether it is theirs to see, calls must ask."""

    party_id: UUID
    by_id: UUID | None
    call_id: UUID | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneAdded:
    """A party can be reached under this number from now on; `number` is E.164. Follows `PartyAdded` for a new party."""

    party_id: UUID
    number: str
    at: datetime
