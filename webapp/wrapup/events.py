from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftKept:
    """Whose wrap-up it is may have its form before their eyes elsewhere too."""

    call_id: UUID
    user_id: UUID
    version: str
