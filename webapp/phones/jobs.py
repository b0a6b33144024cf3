from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import current_app

from config.settings import Settings
from telephony.errors import SwitchError
from webapp import switches
from webapp.accounts.models import AgentStatus, Line, User
from webapp.calls.models import Leg
from webapp.db import db, now, transaction
from webapp.errors import RingbackError
from webapp.jobs import job
from webapp.phones import queries
from webapp.phones.actions import name_of, put_away, rescue

LOOK = timedelta(seconds=1)
log = structlog.get_logger(__name__)


@job(every=timedelta(seconds=30))
def put_away_accounts(at: datetime | None = None) -> None:
    """Of who has logged out, and those that no page has renewed. Who logged out on one device may have a page on another
    one, which has asked for an account since."""
    at = at or now()
    unheld = sa.or_(Line.device_until.is_(None), Line.device_until <= at)
    over = sa.or_(Line.account_until < at, sa.and_(User.status == AgentStatus.LOGGED_OUT, unheld))
    lines = db.session.scalars(sa.select(Line).join(User).where(Line.account_until.is_not(None), over)).unique().all()
    for line in lines:
        try:
            put_away(line)
        except SwitchError as error:
            log.warning("the account of a browser phone is still there", line=line.endpoint, reason=error.reason)


@job(every=LOOK)
def look_after_calls(at: datetime | None = None) -> None:
    """A page may die without a word. While something goes on at browser phones, each switch is asked in one question which
    of them are there; one that is out of reach for longer than its lease loses its call to somebody else."""
    at = at or now()
    busy = [(leg.id, line.id, line.switch, name_of(line), line.gone_at) for leg, line in queries.on_browser_phones()]
    db.session.rollback()
    for switch in {each[2] for each in busy}:
        try:
            there = switches.phones_of(switch).reachable()
        except SwitchError as error:
            log.warning("nobody knows which browser phones are there", switch=switch, reason=error.reason)
            continue
        for leg_id, line_id, own, name, gone_at in busy:
            if own == switch:
                _judge(leg_id, line_id, gone_at, at, is_there=name in there)


def _judge(leg_id: UUID, line_id: UUID, gone_at: datetime | None, at: datetime, *, is_there: bool) -> None:
    settings: Settings = current_app.extensions["ringback.settings"]
    wanted = None if is_there else gone_at or at
    if wanted != gone_at:
        with transaction():
            db.session.get_one(Line, line_id).gone_at = wanted
    if wanted is None or at - wanted < timedelta(seconds=settings.phone_lease_seconds):
        return
    leg = db.session.get(Leg, leg_id)
    if leg is not None and leg.ended_at is None:
        try:
            rescue(leg, db.session.get_one(Line, line_id))
        except RingbackError as error:
            log.warning("a call of a page that is gone could not be moved", leg=str(leg_id), reason=error.message)
