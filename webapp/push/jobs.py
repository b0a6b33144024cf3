"""Who is woken for what, once: what is pushed is claimed by its row. What is not heard is not repeated: a push is a bell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.calls.models import Call, Leg, Pop
from webapp.db import db, now, transaction
from webapp.jobs import job
from webapp.notices.models import Notice
from webapp.push import actions, outgoing
from webapp.push.models import PushSubscription
from webapp.push.outgoing import Address, Message
from webapp.tasks import oversight

RINGS = 30  # seconds for which a push service keeps the news of a call
DUE = 4 * 3600  # and of a callback
FRESH = timedelta(minutes=10)  # an older notice is for the bell
KINDS = (oversight.REMINDER, oversight.PROMISE, oversight.OVERDUE, oversight.TURN)


@job()
def push_call(call_id: str, user_id: str) -> None:
    """Once for each call, however often its row changes while it rings."""
    mine = sa.and_(Leg.call_id == UUID(call_id), Leg.user_id == UUID(user_id))
    leg = db.session.scalar(sa.select(Leg).where(mine, Leg.answered_at.is_(None), Leg.ended_at.is_(None)))
    if leg is None:
        return
    queue = leg.queue or db.session.get_one(Call, leg.call_id).queue
    pop = sa.and_(Pop.call_id == UUID(call_id), Pop.user_id == UUID(user_id), Pop.pushed_at.is_(None))
    with transaction():
        claimed = db.session.execute(sa.update(Pop).where(pop).values(pushed_at=now())).rowcount  # type: ignore[attr-defined]
    if claimed:
        _send(UUID(user_id), lambda: _of_call(call_id, queue), RINGS)


@job()
def push_notices(user_id: str) -> None:
    """Each once, whoever asks."""
    due = sa.select(Notice.id, Notice.kind).where(
        Notice.user_id == UUID(user_id), Notice.kind.in_(KINDS), Notice.pushed_at.is_(None), Notice.read_at.is_(None),
        Notice.at > now() - FRESH,
    )  # fmt: skip
    for notice_id, kind in db.session.execute(due).all():
        with transaction():
            claim = sa.update(Notice).where(Notice.id == notice_id, Notice.pushed_at.is_(None)).values(pushed_at=now())
            claimed = db.session.execute(claim).rowcount  # type: ignore[attr-defined]
        if claimed:
            _send(UUID(user_id), lambda kind=kind, at=notice_id: _of_notice(kind, str(at)), DUE)  # type: ignore[misc]


def _send(user_id: UUID, write: Callable[[], Message], ttl: int) -> None:
    user = db.session.get_one(User, user_id)
    query = sa.select(PushSubscription).where(PushSubscription.user_id == user_id)
    addresses = [Address(each.endpoint, each.p256dh, each.auth) for each in db.session.scalars(query)]
    if not addresses:
        return
    with force_locale(user.locale or current_app.config["BABEL_DEFAULT_LOCALE"]):
        message = write()
    with transaction():
        private_pem = actions.key().private_pem
    db.session.rollback()
    gone = [address.endpoint for address in addresses if not outgoing.send(address, message, private_pem, ttl=ttl)]
    if gone:
        with transaction():
            db.session.execute(sa.delete(PushSubscription).where(PushSubscription.endpoint.in_(gone)))


def _of_call(call_id: str, queue: str | None) -> Message:
    body = _("Queue: %(queue)s", queue=queue) if queue else _("At your phone.")
    return Message(_("A call rings"), body, "/desk", f"call:{call_id}")


def _of_notice(kind: str, notice_id: str) -> Message:
    titles = {
        oversight.REMINDER: _("A callback is due soon"),
        oversight.PROMISE: _("You promised a call"),
        oversight.OVERDUE: _("A callback is overdue"),
        oversight.TURN: _("A kept place has its turn"),
    }
    return Message(titles[kind], _("Open Ringback to see whom to call."), "/day", f"notice:{notice_id}")
