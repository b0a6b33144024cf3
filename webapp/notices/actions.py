from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import force_locale

from webapp.accounts.models import User
from webapp.db import db, now
from webapp.events import publish
from webapp.mail import actions as mails
from webapp.notices import texts
from webapp.notices.events import NoticesChanged
from webapp.notices.models import Notice


def notify(
    users: Iterable[User], *, kind: str, key: str, facts: Mapping[str, Any], link: str = "", at: datetime | None = None,
    mail: bool = False,
) -> None:  # fmt: skip
    """Each of them is told, once for each key, however often this is said. With `mail` also by mail."""
    at, told = at or now(), []
    people = list(dict.fromkeys(users))
    query = sa.select(Notice.user_id).where(Notice.key == key, Notice.user_id.in_([user.id for user in people]))
    knew = set(db.session.scalars(query)) if people else set()
    for user in people:
        if user.id in knew:
            continue
        db.session.add(Notice(user_id=user.id, kind=kind, key=key, facts=dict(facts), link=link, at=at))
        told.append(user)
    db.session.flush()
    if told:
        publish(NoticesChanged(user_ids=frozenset(user.id for user in told)))
    for user in told if mail else ():
        with force_locale(user.locale or current_app.config["BABEL_DEFAULT_LOCALE"]):
            mails.write(user, key=key, subject=texts.title(kind, facts), text=texts.body(kind, facts), link=link, at=at)


def mark_read(user: User, notice_id: UUID | None = None, *, at: datetime | None = None) -> None:
    """One of theirs, or all."""
    unread = sa.update(Notice).where(Notice.user_id == user.id, Notice.read_at.is_(None))
    if notice_id is not None:
        unread = unread.where(Notice.id == notice_id)
    if db.session.execute(unread.values(read_at=at or now())).rowcount:  # type: ignore[attr-defined]
        publish(NoticesChanged(user_ids=frozenset({user.id})))
