from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Model


class Handling(Model):
    """What an agent did with a call in progress by the buttons of the screen, as far as the switch does not tell it."""

    leg_id: Mapped[UUID] = mapped_column(sa.ForeignKey("leg.id", ondelete="CASCADE"), primary_key=True)
    muted: Mapped[bool] = mapped_column(default=False)
    waits: Mapped[bool] = mapped_column(default=False)  # the customer does, with music
