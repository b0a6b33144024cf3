"""What phones tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneTaken:
    """Another device of the same agent is the phone now."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingChanged:
    """A customer was parked, fetched, or has hung up."""

    switch: str
