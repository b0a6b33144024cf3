from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Identified, Model, now


class Notice(Identified, Model):
    """Something that one user is told. `key` says what of, so that nobody is told the same twice.

    It holds facts and no sentence: the words are those of its kind (see `texts`), in the language of who reads it.
    """

    __table_args__ = (sa.UniqueConstraint("user_id", "key"), sa.Index(None, "user_id", "read_at", "at"))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(60))
    key: Mapped[str] = mapped_column(sa.String(200))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    link: Mapped[str] = mapped_column(sa.String(300), default="")  # a path of ours
    at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]  # when their browsers were woken for it
