from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesChanged:
    """Their bells ring, or have less to say."""

    user_ids: frozenset[UUID]
