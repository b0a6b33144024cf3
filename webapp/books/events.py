from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecovered:
    """The switch's books knew what we did not: a call, its end, or how it truly went."""

    call_id: UUID
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChecked:
    """A day was held against the switch's books."""

    check_id: UUID
    at: datetime
