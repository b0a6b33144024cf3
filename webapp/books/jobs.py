from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from telephony.replay import from_truth
from webapp.books import actions, queries
from webapp.books.checking import check_what_is_due
from webapp.books.models import BookedCall
from webapp.db import AWAY, db, now, transaction
from webapp.jobs import job

log = structlog.get_logger(__name__)


@job(every=timedelta(minutes=10))
def check_ledgers() -> None:
    """By night, soon after the firm's midnight; and what nights were missed, when there is somebody again."""
    check_what_is_due(now())


@job(every=timedelta(minutes=5))
def try_again(at: datetime | None = None) -> None:
    """Calls of the books that could not be entered: what was in their way may be mended."""
    at = at or now()
    found = queries.set_aside(at)
    db.session.rollback()
    for booked_id, uid in found:
        try:
            _enter(booked_id, at)
        except AWAY:
            raise
        except Exception:
            log.exception("a call of the books still cannot be entered", uid=uid)
            with transaction():
                db.session.get_one(BookedCall, booked_id).set_aside_at = at  # the others are first next time


def _enter(booked_id: UUID, at: datetime) -> None:
    with transaction():
        booked = db.session.get_one(BookedCall, booked_id)
        if booked.set_aside_at:
            actions.enter(from_truth(booked.summary), switch=booked.switch, source=booked.source, at=at)
