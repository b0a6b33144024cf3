from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeactivated:
    """Somebody does not work here any more: nothing may lie with them."""

    user_id: UUID
    at: datetime
