from __future__ import annotations

from datetime import datetime, timedelta

from webapp.accounts.models import User
from webapp.agents import wrap_up
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.jobs import job


@job(every=timedelta(seconds=1))
def end_wrap_ups(at: datetime | None = None) -> None:
    at = at or now()
    ids = wrap_up.expired(at)
    db.session.rollback()
    for call_id in ids:
        with transaction():
            call = db.session.get(Call, call_id)
            if call is not None:
                wrap_up.end(call, at)
    held = wrap_up.held_too_long(at)
    db.session.rollback()
    for user_id in held:
        with transaction():
            wrap_up.hold(db.session.get_one(User, user_id), at)
