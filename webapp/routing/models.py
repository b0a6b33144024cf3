from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Model


class WaitingCaller(Model):
    """Somebody who waits in a queue of ours, as their switch told last. `uid`: as in Call."""

    switch: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    uid: Mapped[str] = mapped_column(sa.String(150), primary_key=True)
    queue: Mapped[str] = mapped_column(sa.String(80))
    since: Mapped[datetime]


class Ring(Model):
    """A lease: this agent's phone is being rung for this caller, and for nobody else on any switch until then."""

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    switch: Mapped[str] = mapped_column(sa.String(40))
    uid: Mapped[str] = mapped_column(sa.String(150))
    line: Mapped[str] = mapped_column(sa.String(80))
    began_at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)


class QueueRouting(Model):
    """How a queue's callers are given to agents. `needs`: which skills, and at least how good at them (1 to 9)."""

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    priority: Mapped[int] = mapped_column(default=0)  # callers of a higher one are first, however long others wait
    needs: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AgentSkill(Model):
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    skill: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    level: Mapped[int]  # 1 to 9
