from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.db import Identified, Model, now


class PushKey(Model):
    """With which this installation signs what it pushes (VAPID, RFC 8292); made when it is first asked for. One row."""

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    private_pem: Mapped[str] = mapped_column(sa.Text)
    public: Mapped[str] = mapped_column(sa.String(120))  # as browsers want it: the point, base64url


class PushSubscription(Identified, Model):
    """A browser that may be woken for a user: where its service takes messages, and the keys with which only it reads them."""

    endpoint: Mapped[str] = mapped_column(sa.String(1000), unique=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    p256dh: Mapped[str] = mapped_column(sa.String(120))
    auth: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime] = mapped_column(default=now)
    user: Mapped[User] = relationship()
