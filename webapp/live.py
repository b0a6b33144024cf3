"""The socket that says *that* something changed; what it is, the page asks over HTTP.

Rooms are chosen by the server alone: a socket is put into `user:<id>` of whoever is logged in, and there is no event by
which a page could ask for another. Every user has a version, raised in the transaction that changed something for them:
a page that was away compares it (`/live/since`) and converges; a lost message costs latency, never truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import Flask, request
from flask_login import current_user
from flask_socketio import SocketIO, join_room
from sqlalchemy.orm import Mapped, mapped_column

from config.settings import Settings
from webapp.db import Model, db

socketio = SocketIO()
log = structlog.get_logger(__name__)
AGENTS = "agents"  # a topic: what becomes of agents, for those who look after them
_on_connect: list[Callable[[UUID], None]] = []
_on_device_left: list[Callable[[UUID, UUID], None]] = []


class LiveVersion(Model):
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)


def init(app: Flask, settings: Settings, *, async_mode: str | None = None) -> None:
    """`async_mode` is pinned: left open, whatever package happens to be installed would choose the server."""
    socketio.server_options.clear()  # of an application that was made before in this process, and its Redis
    socketio.init_app(
        app,
        async_mode=async_mode or "threading",
        message_queue=settings.redis_url,
        transports=["websocket"],
        cors_allowed_origins=list(settings.allowed_origins) or None,
        cookie=None,
        max_http_buffer_size=100_000,
        ping_interval=10,
        ping_timeout=10,
        manage_session=False,
    )


@socketio.on("connect")  # type: ignore[untyped-decorator]
def _connect(auth: Any = None) -> bool | None:
    if not current_user.is_authenticated:
        return False
    user_id = current_user.id
    join_room(room(user_id))
    if device := _device(auth):
        join_room(_device_room(user_id, device))
    for listener in _on_connect:
        try:
            listener(user_id)
        except Exception:
            log.exception("a listener failed", listener=listener.__qualname__)
    return None


def _device(auth: Any) -> UUID | None:
    """As a browser calls itself; what else it may have sent is no device."""
    try:
        return UUID(auth["device"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _device_room(user_id: UUID, device: UUID) -> str:
    return f"device:{user_id}:{device}"


@socketio.on("disconnect")  # type: ignore[untyped-decorator]
def _disconnect(_reason: Any = None) -> None:
    sid, manager = request.sid, socketio.server.manager  # type: ignore[attr-defined]
    for name in socketio.server.rooms(sid):
        if not str(name).startswith("device:"):
            continue
        if any(other != sid for other, _transport in manager.get_participants("/", name)):
            continue  # another tab of the same browser
        user_id, device = map(UUID, name.split(":")[1:])
        for listener in _on_device_left:
            try:
                listener(user_id, device)
            except Exception:
                log.exception("a listener failed", listener=listener.__qualname__)


def on_connect(listener: Callable[[UUID], None]) -> Callable[[UUID], None]:
    """Called with whose socket it is. It may fail: the socket stays."""
    _on_connect.append(listener)
    return listener


def on_device_left(listener: Callable[[UUID, UUID], None]) -> Callable[[UUID, UUID], None]:
    """Called with the user and the device whose last socket in this process has closed. A reload looks the same."""
    _on_device_left.append(listener)
    return listener


def room(user_id: UUID) -> str:
    return f"user:{user_id}"


def push(message: str, payload: dict[str, Any], *, to: Iterable[UUID]) -> None:
    """After the commit. Payloads are ids, versions and words of state: no name and no number crosses the queue."""
    for user_id in to:
        socketio.emit(message, payload, to=room(user_id))


def join(topic: str) -> None:
    """Of a listener of `on_connect`: this socket also hears what all hear who may see it."""
    join_room(topic)


def push_topic(topic: str, message: str, payload: dict[str, Any]) -> None:
    """As `push`, in one word for all, however many events there are in a second and whoever listens."""
    socketio.emit(message, payload, to=topic)


def touch(user_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Inside a transaction: raise the version of each of these users; returns the new ones."""
    versions = {}
    for user_id in sorted(set(user_ids)):
        row = db.session.get(LiveVersion, user_id, with_for_update=True)
        if row is None:
            row = LiveVersion(user_id=user_id, version=0)
            db.session.add(row)
        row.version += 1
        versions[user_id] = row.version
    db.session.flush()
    return versions


def version_of(user_id: UUID) -> int:
    return db.session.scalar(sa.select(LiveVersion.version).where(LiveVersion.user_id == user_id)) or 0


def listening() -> list[UUID]:
    """Whose sockets are in this process."""
    rooms = socketio.server.manager.rooms.get("/", {})
    return [UUID(name.removeprefix("user:")) for name in list(rooms) if str(name).startswith("user:")]


def devices() -> set[tuple[UUID, UUID]]:
    """The users and the devices whose sockets are in this process."""
    rooms = socketio.server.manager.rooms.get("/", {})
    names = [str(name).split(":") for name in list(rooms) if str(name).startswith("device:")]
    return {(UUID(user_id), UUID(device)) for _, user_id, device in names}


def end_sessions(user_id: UUID) -> None:
    """At log-out: this user's sockets are closed. A page whose session is still good comes back by itself; one in
    another process is asked to look whether its session is."""
    server = socketio.server
    for sid, _transport in list(server.manager.get_participants("/", room(user_id))):
        server.disconnect(sid)
    push("check", {}, to=[user_id])


def shut_out(user_id: UUID) -> None:
    """Whoever may not be here any more hears nothing more, in whichever process the socket is."""
    end_sessions(user_id)
    socketio.close_room(room(user_id))
