from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.db import db, now
from webapp.mail.models import Mail

LATE = timedelta(minutes=10)


def stuck(at: datetime | None = None) -> list[Mail]:
    """Written a while ago and not taken yet, the oldest first."""
    late = sa.select(Mail).where(Mail.due_at.is_not(None), Mail.written_at < (at or now()) - LATE)
    return list(db.session.scalars(late.order_by(Mail.written_at).limit(100)).unique())
