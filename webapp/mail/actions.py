from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.db import db, now
from webapp.mail.models import Mail

NOWHERE = "@ringback.invalid"  # the address of whoever gave none


def write(user: User, *, key: str, subject: str, text: str, link: str = "", at: datetime | None = None) -> None:
    """One letter for each key. Nothing is written where no mail can be sent, or to who has no address."""
    settings = current_app.extensions["ringback.settings"]
    if not settings.smtp_url or user.email.endswith(NOWHERE):
        return
    if db.session.scalar(sa.select(Mail.id).where(Mail.recipient_id == user.id, Mail.key == key)):
        return
    at = at or now()
    letter = _letter(user, text, link, settings.url)
    db.session.add(
        Mail(recipient_id=user.id, key=key, subject=_one_line(subject), text=letter, written_at=at, due_at=at)
    )
    db.session.flush()


def _one_line(text: str) -> str:
    """Names that a caller chose stand in it; no line break of theirs may begin a header."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())[:300]


def _letter(user: User, text: str, link: str, url: str) -> str:
    parts = [_("Good day %(name)s,", name=user.name), text.replace("\x00", "")]
    if link and url:
        parts.append(url.rstrip("/") + link)
    parts.append(_("This mail was written by Ringback."))
    return "\n\n".join(parts) + "\n"
