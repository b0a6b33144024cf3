"""What agents are to reach in a day."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identified, Model, enum_type


class Measure(StrEnum):
    """What is counted of an agent's day."""

    CONVERSATIONS = "conversations"
    CALLS_PLACED = "calls_placed"
    TALK_MINUTES = "talk_minutes"
    CALLBACKS = "callbacks"  # callers who waited, and whom they talked to


class Target(Identified, Model):
    """What is to be reached in a day: by one person, or by each of a team who has no target of their own."""

    __table_args__ = (sa.UniqueConstraint("user_id", "measure"), sa.UniqueConstraint("team_id", "measure"))
    user_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    team_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("team.id", ondelete="CASCADE"))
    measure: Mapped[Measure] = mapped_column(enum_type(Measure))
    amount: Mapped[int]
