"""Who has a page open: a heartbeat with an expiry, not a promise.

The server beats, not the page, whose timers a browser slows down: every process writes, every few seconds and in one
statement, whose sockets it holds. A process that dies, a cable that is pulled and a laptop that sleeps all look alike:
nobody beats for them any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import Flask, current_app

from webapp import live
from webapp.accounts.events import PresenceChanged
from webapp.accounts.models import AgentStatus, Line, Presence, User
from webapp.db import db, now, transaction
from webapp.events import publish

log = structlog.get_logger(__name__)

BEAT = 15.0  # seconds
EXPIRES = timedelta(seconds=60)
RELOADS = timedelta(seconds=BEAT + 5)  # a page is back, or another process beats for the same device
_one_beats = threading.Lock()


def seen(user_ids: Iterable[UUID], at: datetime) -> None:
    """These have a page open at this moment."""
    wanted = set(user_ids)
    came = set(db.session.scalars(sa.select(Presence.user_id).where(Presence.user_id.in_(wanted), ~Presence.here)))
    db.session.execute(sa.update(Presence).where(Presence.user_id.in_(wanted)).values(seen_at=at, here=True))
    known = set(db.session.scalars(sa.select(Presence.user_id).where(Presence.user_id.in_(wanted))))
    new = set(db.session.scalars(sa.select(User.id).where(User.id.in_(wanted - known))))
    db.session.add_all(Presence(user_id=user_id, seen_at=at, here=True) for user_id in new)
    db.session.flush()
    if came or new:
        publish(PresenceChanged(user_ids=frozenset(came | new)))


def expire(at: datetime) -> None:
    """Whoever was not seen for too long is not connected; their status stays what they declared."""
    late = list(db.session.scalars(sa.select(Presence.user_id).where(Presence.here, Presence.seen_at < at - EXPIRES)))
    if late:
        db.session.execute(sa.update(Presence).where(Presence.user_id.in_(late)).values(here=False))
        publish(PresenceChanged(user_ids=frozenset(late)))


def is_connected(user_id: UUID, at: datetime | None = None) -> bool:
    """Has a page open."""
    fresh = sa.exists().where(Presence.user_id == user_id, Presence.seen_at >= (at or now()) - EXPIRES)
    return bool(db.session.scalar(sa.select(fresh)))


def disconnected_ids(at: datetime | None = None) -> frozenset[UUID]:
    """Who is logged in, and has no page open."""
    fresh = sa.exists().where(Presence.user_id == User.id, Presence.seen_at >= (at or now()) - EXPIRES)
    query = sa.select(User.id).where(User.status != AgentStatus.LOGGED_OUT, ~fresh)
    return frozenset(db.session.scalars(query))


def devices_seen(devices: set[tuple[UUID, UUID]], at: datetime) -> None:
    """These browsers have a page open: whose phone is one of them keeps it there."""
    users = {user_id for user_id, _device in devices}
    query = sa.select(Line.id, Line.user_id, Line.device).where(Line.user_id.in_(users), Line.device.is_not(None))
    held = [line_id for line_id, user_id, device in db.session.execute(query) if (user_id, device) in devices]
    if held:
        db.session.execute(sa.update(Line).where(Line.id.in_(held)).values(device_until=at + EXPIRES))


def beat() -> None:
    """For all whose sockets this process holds."""
    if here := live.listening():
        with transaction():
            seen(here, now())
            devices_seen(live.devices(), now())


@live.on_connect
def _arrived(user_id: UUID) -> None:
    _begin_to_beat(current_app._get_current_object())  # type: ignore[attr-defined]
    here = {(of, device) for of, device in live.devices() if of == user_id}
    with transaction():
        seen([user_id], now())
        devices_seen(here, now())


@live.on_device_left
def _left(user_id: UUID, device: UUID) -> None:
    """Its phone is soon anybody's, unless the page was only loaded anew."""
    query = sa.select(Line.id).where(Line.user_id == user_id, Line.device == device)
    if db.session.scalar(query) is None:
        return
    until = now() + RELOADS
    late = sa.update(Line).where(Line.user_id == user_id, Line.device == device, Line.device_until > until)
    with transaction():
        db.session.execute(late.values(device_until=until))


def _begin_to_beat(app: Flask) -> None:
    with _one_beats:
        if not app.extensions.get("ringback.beats"):
            app.extensions["ringback.beats"] = True
            live.socketio.start_background_task(_beat_for_ever, app)


def _beat_for_ever(app: Flask) -> None:
    while True:
        live.socketio.sleep(BEAT)
        try:
            with app.app_context():
                beat()
        except Exception as error:  # the database is away: the next beat comes
            log.warning("a heartbeat was not written", problem=type(error).__name__)
