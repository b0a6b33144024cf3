"""What phones tell the rest of the product."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingChanged:
    """A customer was parked, fetched, or has hung up."""

    switch: str
