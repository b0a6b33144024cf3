from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import current_app

from webapp.calls import pops
from webapp.calls.actions import fail_call
from webapp.calls.capture import REQUEST_PATIENCE
from webapp.calls.models import UNHEARD, Call, CallState
from webapp.db import db, now, transaction
from webapp.jobs import job


@job(every=timedelta(hours=6))
def forget_pops() -> None:
    """What was measured is kept for a while."""
    days = current_app.config["RINGBACK_POP_DAYS"]
    with transaction():
        pops.forget(pops.first_day(days))


@job(every=timedelta(seconds=15))
def end_unheard_requests() -> None:
    """A call that we asked for and that the switch never spoke of: the agent must not be kept waiting for it."""
    ids = db.session.scalars(
        sa.select(Call.id).where(Call.state == CallState.REQUESTED, Call.started_at < now() - REQUEST_PATIENCE)
    ).all()
    for call_id in ids:
        with transaction():
            fail_call(db.session.get_one(Call, call_id), UNHEARD)
