"""`FakeAsterisk` is a socket server that speaks AMI and plays recordings."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telephony.ami.frames import Frame, read_frames
from telephony.fake.board import Board, Headers, without
from telephony.fake.play import Play
from telephony.fake.recast import Recast, Recaster, stamped
from telephony.fake.session import PRIVILEGED, Session, event

log = logging.getLogger(__name__)
T = TypeVar("T")

WRITE_TIMEOUT = 5.0  # a client that does not read is cut off, as Asterisk does
_SKIPPED = frozenset({"FullyBooted", "SuccessfulAuth", "ChallengeSent", "Shutdown"})  # of the recorder's own session


@dataclass(frozen=True, slots=True)
class FakeUser:
    """A manager.conf user. `actions`: what it may do besides looking; None: everything. `hears`: event classes."""

    secret: str
    actions: Collection[str] | None = None
    hears: Collection[str] | None = None


class FakeAsterisk:
    """AMI on a loopback port. `with FakeAsterisk({"crm": FakeUser("secret")}) as pbx: ... pbx.play(recording)`.

    What clients asked is in `actions`. Faults: `drop`, `cut`, `send_raw`, `silent`, `refuse_logins`, `refuse`,
    `down`/`up`, `restart`. Calls of recordings that are being played are alive: CoreShowChannels and QueueStatus list
    them, Hangup ends them, PJSIPNotify makes them be answered at once.
    """

    def __init__(
        self,
        users: Mapping[str, FakeUser],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        challenges: bool = True,
        on_originate: Callable[[Headers], None] | None = None,
    ) -> None:
        self.users, self.host, self.port = dict(users), host, port
        self.challenges = challenges  # may secrets be proved instead of sent?
        self.actions: list[Headers] = []
        self.refuse: dict[str, str] = {}  # action -> Asterisk's message
        self.refuse_logins = ""
        self.version = "22.10.1"
        self.timestamps = True  # on the event that Setvar makes
        self.clock_ahead = 0.0  # seconds
        self.calls = 0  # processed, as CoreStatus tells
        self.absent: set[str] = set()  # actions whose module is not loaded
        self.contexts: set[str] | None = None  # of the dialplan; None: whatever is asked for
        self.functions: dict[str, str] = {}  # what Getvar finds
        self.parked: dict[str, str] = {}  # the space of each channel that is
        self.silent = False  # connections stay up, nothing is read or answered any more
        self._tls, self._on_originate = tls, on_originate
        self._changed = threading.Condition()
        self._sessions: list[Session] = []
        self._listener: socket.socket | None = None
        self._stopped = threading.Event()
        self._recaster = Recaster()
        self._plays: list[Play] = []
        self.board = Board()
        self.started_at = time.time()

    # -------------------------------------------------------------------------------------------------- life cycle

    def __enter__(self) -> FakeAsterisk:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def up(self) -> None:
        """Listen (again, on the same port)."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.port), family=family)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="fake-asterisk", daemon=True).start()

    def down(self) -> None:
        """Stop listening and drop everybody: a switch that is off."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()
        self.drop()

    def restart(self) -> None:
        """As `core restart now`: all connections and all calls are gone, the start time is another."""
        for play in self._plays:
            play.over.set()
        self.board = Board()
        self.started_at = max(time.time(), self.started_at + 1)  # told in whole seconds
        self.drop()

    def close(self) -> None:
        self._stopped.set()
        for play in self._plays:
            play.over.set()
        self.down()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), name="fake-asterisk-session", daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        session = None
        try:
            sock.settimeout(WRITE_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            session = Session(self, sock)
            with self._changed:
                self._sessions.append(session)
            session.run()
        except (OSError, ValueError) as error:
            log.debug("AMI session ended: %s", error)
        finally:
            sock.close()
            with self._changed:
                if session in self._sessions:
                    self._sessions.remove(session)
                self._changed.notify_all()

    # ---------------------------------------------------------------------------------------------------- watching

    def wait_for(self, condition: Callable[[], T], timeout: float = 10.0) -> T:
        """Until the condition about clients or actions holds; AssertionError after `timeout` seconds."""
        with self._changed:
            if not (result := self._changed.wait_for(condition, timeout)):
                raise AssertionError(f"not within {timeout} seconds: {condition}")
            return result

    def wait_for_action(self, name: str, timeout: float = 10.0) -> Headers:
        """The first action of this name, as soon as there is one."""
        found: list[Headers] = self.wait_for(lambda: self.asked(name), timeout)
        return found[0]

    def asked(self, name: str) -> list[Headers]:
        return [action for action in self.actions if action.get("Action") == name]

    @property
    def listeners(self) -> int:
        """Clients that are logged in with events on."""
        return sum(session.listens for session in self._sessions)

    def happened(self, action: Headers | None = None) -> None:
        with self._changed:
            if action is not None:
                self.actions.append(action)
            self._changed.notify_all()

    # ----------------------------------------------------------------------------------------------------- playing

    def play(
        self,
        source: Path | str | Sequence[Frame] | Sequence[bytes],
        *,
        speed: float = 1.0,
        rebase: bool = True,
        recast: Recast | None = None,
    ) -> None:
        """Play a recording to all who listen; returns when it is over. Speed 0: all at once. Rebased: now, and as a
        call of its own, however often the recording is played; else the very bytes."""
        frames = _frames(source)
        if rebase:
            script = [*self._recaster.cast(frames, recast or Recast())]
        else:
            moments = [frame.at.timestamp() if frame.at else 0.0 for frame in frames]
            first = next((moment for moment in moments if moment), 0.0)
            script = [(max(0.0, moment - first), frame.raw) for moment, frame in zip(moments, frames, strict=True)]
        play = Play()
        self._plays.append(play)
        try:
            self._perform(play, script, speed, rebase)
        finally:
            self._plays.remove(play)

    def _perform(self, play: Play, script: list[tuple[float, bytes]], speed: float, rebase: bool) -> None:
        begun = time.time() - (script[-1][0] if script and not speed else 0.0)
        batch: list[bytes] = []
        for offset, raw in script:
            if speed:
                begun -= play.wait(begun + offset / speed - time.time())
            if play.over.is_set() or self._stopped.is_set():
                return
            if Frame(raw).name in _SKIPPED:
                continue
            sent = stamped(raw, begun + offset / (speed or 1.0)) if rebase else raw
            play.saw(Frame(sent))
            batch.append(sent)
            if speed or len(batch) >= 1000:
                self.send(*batch)
                batch.clear()
        self.send(*batch)

    def send(self, *frames: bytes) -> None:
        """Events as they are, to everybody whose mask has their class."""
        for raw in frames:
            self.board.see(Frame(raw))
        for session in [*self._sessions]:
            session.send_events(frames)

    def send_raw(self, data: bytes) -> None:
        """Any bytes, to everybody who listens."""
        for session in [*self._sessions]:
            if session.listens:
                session.write(data)

    def cut(self, raw: bytes) -> None:
        """Half of a frame, then the end."""
        self.send_raw(raw[: len(raw) // 2])
        self.drop()

    def drop(self) -> None:
        for session in [*self._sessions]:
            session.end()

    # ------------------------------------------------------------------------------------------------------ queues

    def add_member(self, queue: str, line: str, *, interface: str = "") -> None:
        member = self.board.add_member(queue, interface or line, line)
        self.send(event("QueueMemberAdded", "agent,all", **member))

    def remove_member(self, queue: str, line: str) -> None:
        self.send(event("QueueMemberRemoved", "agent,all", **self.board.members.pop((queue, line))))

    def pause_member(self, line: str, paused: bool, reason: str = "", queue: str = "") -> int:
        """As a feature code does, or somebody at the switch; in how many queues."""
        changed = self.board.pause(line, paused, reason, queue)
        self.send(*(event("QueueMemberPause", "agent,all", **member) for member in changed))
        return len(changed)

    # ----------------------------------------------------------------------------------------------------- actions

    def permits(self, user: FakeUser, action: str) -> bool:
        return user.actions is None or action in user.actions or action not in PRIVILEGED

    def hang_up(self, channel: str) -> bool:
        """Ends the whole call that this channel belongs to, and what was being played of it."""
        linkedid = self.board.linkedid(channel)
        if linkedid is None:
            return False
        for play in self._plays:
            if linkedid in play.linkedids:
                play.over.set()
        group = [frame for frame in self.board.channels.values() if frame.get("Linkedid") == linkedid]
        self.send(*(_hangup_event(frame) for frame in group))
        return True

    def answer(self, channel: str) -> bool:
        linkedid = self.board.linkedid(channel)
        for play in self._plays:
            if linkedid in play.linkedids and self.board.rings(channel):
                play.answered.set()
        return linkedid is not None

    def originate(self, action: Headers) -> None:
        if self._on_originate is not None:
            threading.Thread(target=self._on_originate, args=(action,), name="fake-originate", daemon=True).start()


def _hangup_event(channel: Headers) -> bytes:
    told = {"Cause": "16", "Cause-txt": "Normal Clearing"}
    kept = without(channel, "Event", "Privilege", "Timestamp", "BridgeId")
    return event("Hangup", "call,all", **(kept | told))


def _frames(source: Path | str | Sequence[Frame] | Sequence[bytes]) -> list[Frame]:
    if isinstance(source, Path | str):
        with Path(source).open("rb") as file:
            return [frame for frame in read_frames(file) if frame.name and not frame.mark]
    return [frame if isinstance(frame, Frame) else Frame(frame) for frame in source]
