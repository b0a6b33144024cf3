from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import Model, now


class Handling(Model):
    """What an agent did with a call in progress by the buttons of the screen, as far as the switch does not tell it."""

    leg_id: Mapped[UUID] = mapped_column(sa.ForeignKey("leg.id", ondelete="CASCADE"), primary_key=True)
    muted: Mapped[bool] = mapped_column(default=False)
    waits: Mapped[bool] = mapped_column(default=False)  # the customer does, with music
    asked: Mapped[str] = mapped_column(
        sa.String(120), default=""
    )  # who is asked, or talks with both, as people read it
    asked_to: Mapped[str] = mapped_column(sa.String(60), default="")  # the same, as a switch dials it
    asked_at: Mapped[datetime | None]
    swapped: Mapped[bool] = mapped_column(default=False)  # now the colleague waits
    joined: Mapped[bool] = mapped_column(default=False)  # all three talk


class ParkedCall(Model):
    """A customer who waits where any phone can fetch them."""

    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(sa.String(10))  # what is dialled to fetch them
    by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)
    call: Mapped[Call] = relationship()
    by: Mapped[User | None] = relationship()
