from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbacksChanged:
    """The list of callbacks is another one: badges and lists ask again."""

    callback_id: UUID
    at: datetime
