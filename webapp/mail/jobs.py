from __future__ import annotations

import threading
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import current_app

from webapp.db import db, now, transaction
from webapp.jobs import job
from webapp.mail.models import Mail
from webapp.mail.outgoing import Letter, Refused, send

log = structlog.get_logger(__name__)

AT_ONCE = 20
KEPT = timedelta(days=90)
HELD_FOR = timedelta(minutes=10)  # then another takes a letter over from a sender that died: it may come twice
WAITS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60, 180, 360, 720, 1440)]
_one_at_a_time = threading.Lock()  # a slow server must not occupy all threads that do jobs


@job(every=timedelta(seconds=2))
def send_mail(at: datetime | None = None) -> None:
    settings = current_app.extensions["ringback.settings"]
    if not settings.smtp_url or not _one_at_a_time.acquire(blocking=False):
        return
    try:
        letters = _taken(at or now())
        for letter, refused in send(letters, url=settings.smtp_url, sender=settings.mail_from) if letters else ():
            _write_down(letter.id, refused, at or now())
    finally:
        _one_at_a_time.release()


@job(every=timedelta(hours=1))
def forget_old(at: datetime | None = None) -> None:
    """Letters with which nothing is left to be done."""
    with transaction():
        long_ago = (at or now()) - KEPT
        db.session.execute(sa.delete(Mail).where(Mail.due_at.is_(None), Mail.written_at < long_ago))


def _taken(at: datetime) -> list[Letter]:
    """Those that are due, and now ours for a while."""
    query = sa.select(Mail.id).where(Mail.due_at <= at).order_by(Mail.attempts, Mail.due_at)  # what failed comes last
    due = db.session.scalars(query.limit(AT_ONCE)).all()
    db.session.rollback()
    return [letter for mail_id in due if (letter := _take(mail_id, at))]


def _take(mail_id: UUID, at: datetime) -> Letter | None:
    with transaction():
        taken = db.session.execute(
            sa.update(Mail)
            .where(Mail.id == mail_id, Mail.due_at <= at)
            .values(due_at=at + HELD_FOR, attempts=Mail.attempts + 1)
        )
        if not taken.rowcount:  # type: ignore[attr-defined]
            return None
        mail = db.session.get_one(Mail, mail_id)
        to = mail.recipient
        return Letter(mail.id, to.email, to.name, mail.subject, mail.text, mail.written_at)


def _write_down(mail_id: UUID, refused: Refused | None, at: datetime) -> None:
    with transaction():
        mail = db.session.get_one(Mail, mail_id)
        if refused is None:
            mail.sent_at, mail.due_at, mail.error = at, None, ""
            return
        mail.error = str(refused)[:500]
        given_up = refused.for_good or mail.attempts > len(WAITS)
        mail.due_at = None if given_up else at + WAITS[mail.attempts - 1]
    log.warning("a mail was not taken", mail=str(mail_id), reason=str(refused), given_up=given_up)
