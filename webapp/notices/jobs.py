from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.db import db, now, transaction
from webapp.jobs import job
from webapp.notices.models import Notice

KEPT = timedelta(days=90)


@job(every=timedelta(hours=1))
def forget_old(at: datetime | None = None) -> None:
    """What was read long ago. The unread stays."""
    with transaction():
        db.session.execute(sa.delete(Notice).where(Notice.read_at < (at or now()) - KEPT))
