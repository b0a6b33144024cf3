from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionChanged:
    """Somebody did not answer several rings in a row, or is there again."""

    user_id: UUID
