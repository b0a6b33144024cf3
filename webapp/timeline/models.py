from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identified, Model, now


class Activity(Identified, Model):
    """`kind` is `<noun>.<past verb>`, e.g. call.ended; `data` is what the page needs to say it."""

    __table_args__ = (
        sa.Index(None, "party_id", "at"),
        sa.UniqueConstraint("party_id", "kind", "subject_id", name="uq_activity_once"),
    )
    party_id: Mapped[UUID] = mapped_column(sa.ForeignKey("party.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(40))
    subject_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(default=now)
    actor_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
