from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identified, Model, enum_type


class WrapUpRule(Model):
    """How long agents have after a call of a queue; the row named "" is for all that have none of their own.

    `seconds`: then they are ready again, whatever they wrote; 0: when they say so, and meanwhile calls come as ever.
    `more_seconds`: what one asking for more time adds; 0: there is no more.
    """

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    seconds: Mapped[int] = mapped_column(default=0)
    more_seconds: Mapped[int] = mapped_column(default=0)


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
