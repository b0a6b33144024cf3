from __future__ import annotations

from datetime import datetime, timedelta

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.jobs import job
from webapp.wrapup.actions import end, hold
from webapp.wrapup.queries import expired, held_too_long


@job(every=timedelta(seconds=1))
def end_wrap_ups(at: datetime | None = None) -> None:
    at = at or now()
    ids = expired(at)
    db.session.rollback()
    for call_id in ids:
        with transaction():
            call = db.session.get(Call, call_id)
            if call is not None:
                end(call, at)
    held = held_too_long(at)
    db.session.rollback()
    for user_id in held:
        with transaction():
            hold(db.session.get_one(User, user_id), at)
