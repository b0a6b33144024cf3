"""How time is counted, alike for every switch."""

from __future__ import annotations

from datetime import datetime
from enum import Enum


def seconds(start: datetime | None, end: datetime | None) -> float:
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def latest(at: datetime, *before: datetime | None) -> datetime:
    """`at`, but not before what came before it: frames may be late, and clocks are set back."""
    return max(moment for moment in (at, *before) if moment is not None)


class Clock(Enum):
    """What the customer is doing."""

    OFF = "off"
    TALK = "talk"
    HOLD = "hold"
