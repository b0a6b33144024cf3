from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.db import Identified, Model, now


class Mail(Identified, Model):
    """A letter to one of our people. `key` says what of: each is written once, and sent until the server took it."""

    __table_args__ = (sa.UniqueConstraint("recipient_id", "key"),)
    recipient_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(sa.String(200))
    subject: Mapped[str] = mapped_column(sa.String(300))
    text: Mapped[str] = mapped_column(sa.Text)
    written_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # the next attempt; None: nothing is left to be done
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(sa.String(500), default="")  # of the last attempt
    recipient: Mapped[User] = relationship(lazy="joined")
