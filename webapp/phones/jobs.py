from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from telephony.errors import SwitchError
from webapp.accounts.models import AgentStatus, Line, User
from webapp.db import db, now
from webapp.jobs import job
from webapp.phones.actions import put_away

log = structlog.get_logger(__name__)


@job(every=timedelta(seconds=30))
def put_away_accounts(at: datetime | None = None) -> None:
    """Of who has logged out, and those that no page has renewed."""
    over = sa.or_(Line.account_until < (at or now()), User.status == AgentStatus.LOGGED_OUT)
    lines = db.session.scalars(sa.select(Line).join(User).where(Line.account_until.is_not(None), over)).unique().all()
    for line in lines:
        try:
            put_away(line)
        except SwitchError as error:
            log.warning("the account of a browser phone is still there", line=line.endpoint, reason=error.reason)
