from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Model


class WrapUpRule(Model):
    """How long agents have after a call of a queue; the row named "" is for all that have none of their own.

    `seconds`: then they are ready again, whatever they wrote; 0: when they say so, and meanwhile calls come as ever.
    `more_seconds`: what one asking for more time adds; 0: there is no more.
    """

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    seconds: Mapped[int] = mapped_column(default=0)
    more_seconds: Mapped[int] = mapped_column(default=0)
