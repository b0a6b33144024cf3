"""Switches that are none. `FakeAsterisk` is a socket server that speaks AMI and plays recordings: the demonstration
where no Asterisk can be installed, and the tests' worst enemy. `FakeSwitch` remembers commands in memory."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from telephony.ami.frames import END, Frame, FrameSplitter, read_frames
from telephony.board import Board, Headers, without
from telephony.commands import Answer, Hangup, Originate, Pause
from telephony.errors import SwitchError, SwitchRefused
from telephony.recast import Recast, Recaster, stamped

log = logging.getLogger(__name__)
T = TypeVar("T")

WRITE_TIMEOUT = 5.0  # a client that does not read is cut off, as Asterisk does
_EVENT_CLASSES = re.compile(r"Privilege: ([a-z,]+)")
_SKIPPED = frozenset({"FullyBooted", "SuccessfulAuth", "ChallengeSent", "Shutdown"})  # of the recorder's own session


class FakeSwitch:
    """A `Switch` in memory. `refuse_with` is raised, once for each command, by whatever is asked next."""

    def __init__(self, name: str = "fake", *, can_answer: bool = True) -> None:
        self.name, self.can_answer = name, can_answer
        self.commands: list[Originate | Hangup | Answer | Pause] = []
        self.refuse_with: SwitchError | None = None
        self.closed = False

    def originate(self, command: Originate) -> None:
        self._take(command)

    def hangup(self, command: Hangup) -> None:
        self._take(command)

    def answer(self, command: Answer) -> None:
        if not self.can_answer:
            raise SwitchRefused("This telephone system cannot answer for a phone")
        self._take(command)

    def pause(self, command: Pause) -> None:
        self._take(command)

    def close(self) -> None:
        self.closed = True

    def _take(self, command: Originate | Hangup | Answer | Pause) -> None:
        if self.refuse_with is not None:
            raise self.refuse_with
        self.commands.append(command)


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
        self.silent = False  # connections stay up, nothing is read or answered any more
        self._tls, self._challenges, self._on_originate = tls, challenges, on_originate
        self._changed = threading.Condition()
        self._sessions: list[_Session] = []
        self._listener: socket.socket | None = None
        self._stopped = threading.Event()
        self._recaster = Recaster()
        self._plays: list[_Play] = []
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
            session = _Session(self, sock)
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

    def _happened(self, action: Headers | None = None) -> None:
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
        play = _Play()
        self._plays.append(play)
        try:
            self._perform(play, script, speed, rebase)
        finally:
            self._plays.remove(play)

    def _perform(self, play: _Play, script: list[tuple[float, bytes]], speed: float, rebase: bool) -> None:
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
        self.board.add_member(queue, interface or line, line)

    def pause_member(self, line: str, paused: bool, reason: str = "", queue: str = "") -> int:
        """As a feature code does, or somebody at the switch; in how many queues."""
        changed = self.board.pause(line, paused, reason, queue)
        self.send(*(_event("QueueMemberPause", "agent,all", **member) for member in changed))
        return len(changed)

    # ----------------------------------------------------------------------------------------------------- actions

    def _permitted(self, user: FakeUser, action: str) -> bool:
        return user.actions is None or action in user.actions or action not in _PRIVILEGED

    def _hang_up(self, channel: str) -> bool:
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

    def _answer(self, channel: str) -> bool:
        linkedid = self.board.linkedid(channel)
        for play in self._plays:
            if linkedid in play.linkedids and self.board.rings(channel):
                play.answered.set()
        return linkedid is not None

    def _originate(self, action: Headers) -> None:
        if self._on_originate is not None:
            threading.Thread(target=self._on_originate, args=(action,), name="fake-originate", daemon=True).start()


_PRIVILEGES = {  # as ListCommands of Asterisk 22 tells them
    "Originate": "originate,all",
    "Hangup": "system,call,all",
    "Redirect": "call,all",
    "Setvar": "call,all",
    "Getvar": "call,reporting,all",
    "PJSIPNotify": "system,all",
    "PJSIPQualify": "system,reporting,all",
    "QueuePause": "agent,all",
    "QueueStatus": "<none>",
    "CoreShowChannels": "system,reporting,all",
    "CoreStatus": "system,reporting,all",
    "CoreSettings": "system,reporting,all",
    "ShowDialPlan": "config,reporting,all",
    "ModuleLoad": "system,all",
    "Command": "command,all",
    "UpdateConfig": "config,all",
    "UserEvent": "user,all",
}
_PRIVILEGED = frozenset(_PRIVILEGES)


class _Session:
    """One client's connection."""

    def __init__(self, pbx: FakeAsterisk, sock: socket.socket) -> None:
        self._pbx, self._sock = pbx, sock
        self._writing = threading.RLock()
        self._challenge = secrets.token_hex(5)
        self._user: FakeUser | None = None
        self._mask: frozenset[str] | None = frozenset()  # None: every class
        self._id = ""
        self._goodbye = False

    @property
    def listens(self) -> bool:
        with self._writing:
            return self._user is not None and self._mask != frozenset()

    def run(self) -> None:
        self.write(b"Asterisk Call Manager/11.0.0\r\n")
        splitter = FrameSplitter()
        while data := self._receive():
            for raw in splitter.feed(data):
                if self._pbx.silent:
                    continue
                headers = dict(Frame(raw.lstrip(b"\r\n")))
                self._id = headers.get("ActionID", "")
                self._pbx._happened(headers)
                self._act(headers)
                if self._goodbye:
                    return

    def _receive(self) -> bytes:
        while True:
            try:
                return self._sock.recv(1 << 16)
            except TimeoutError:
                continue

    def _act(self, action: Headers) -> None:
        name = action.get("Action", "")
        if name == "Challenge" and self._pbx._challenges:
            self._answer("Success", Challenge=self._challenge)
        elif name == "Login":
            self._login(action)
        elif self._user is None or not self._pbx._permitted(self._user, name):
            self._answer("Error", Message="Permission denied")
        elif name in self._pbx.refuse:
            self._answer("Error", Message=self._pbx.refuse[name])
        elif name not in _ACTIONS or name in self._pbx.absent:
            self._answer("Error", Message=f"Invalid/unknown command: {name}.")
        else:
            _ACTIONS[name](self, action)

    def _login(self, action: Headers) -> None:
        user = self._pbx.users.get(action.get("Username", ""))
        if user is None or self._pbx.refuse_logins or not self._proves(user, action):
            self._answer("Error", Message=self._pbx.refuse_logins or "Authentication failed")
            self._goodbye = True
            return
        events = action.get("Events", "on").lower()
        with self._writing:  # who has the answer hears everything from then on
            self._answer("Success", Message="Authentication accepted")
            self._mask = None if events in ("on", "all") else frozenset(events.split(",")) - {"off"}
            if user.hears is not None:
                self._mask = frozenset(user.hears) if self._mask is None else self._mask & frozenset(user.hears)
            self._user = user
        uptime = str(int(time.time() - self._pbx.started_at))
        self.send_events([_event("FullyBooted", "system,all", Uptime=uptime, Status="Fully Booted")])
        self._pbx._happened()

    def _proves(self, user: FakeUser, action: Headers) -> bool:
        if action.get("AuthType", "").upper() == "MD5":
            proof = hashlib.md5(f"{self._challenge}{user.secret}".encode(), usedforsecurity=False).hexdigest()
            return secrets.compare_digest(proof, action.get("Key", ""))
        return secrets.compare_digest(user.secret.encode(), action.get("Secret", "").encode())

    def _answer(self, response: str, **headers: str) -> None:
        self.write(_wire({"Response": response, "ActionID": self._id, **headers}))

    def _list(self, message: str, entries: Iterable[Headers], complete: str) -> None:
        frames = [*entries]
        self._answer("Success", EventList="start", Message=message)
        end = {"Event": complete, "EventList": "Complete", "ListItems": str(len(frames))}
        for frame in [*frames, end]:
            event = {"Event": frame["Event"], "ActionID": self._id}
            self.write(_wire(event | frame))

    def send_events(self, frames: Iterable[bytes]) -> None:
        if self.listens:
            self.write(b"".join([raw + END for raw in frames if self._is_for(raw)]))

    def _is_for(self, raw: bytes) -> bool:
        if self._mask is None:
            return True
        classes = _EVENT_CLASSES.search(raw[:400].decode("utf-8", "replace"))
        return classes is None or not self._mask.isdisjoint(classes[1].split(","))

    def write(self, data: bytes) -> None:
        if self._pbx.silent or not data:
            return
        try:
            with self._writing:
                self._sock.sendall(data)
        except OSError:
            self.end()

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    # each action that is understood

    def _ping(self, action: Headers) -> None:
        self._answer("Success", Ping="Pong", Timestamp=f"{time.time() + self._pbx.clock_ahead:.6f}")

    def _list_commands(self, action: Headers) -> None:
        user = self._user
        assert user is not None
        may = [name for name in _PRIVILEGES if self._pbx._permitted(user, name) and name not in self._pbx.absent]
        self._answer("Success", **{name: f"What it does.  (Priv: {_PRIVILEGES[name]})" for name in may})

    def _core_settings(self, action: Headers) -> None:
        self._answer("Success", AsteriskVersion=self._pbx.version)

    def _show_dialplan(self, action: Headers) -> None:
        context = action.get("Context", "")
        if self._pbx.contexts is not None and context not in self._pbx.contexts:
            self._answer("Error", Message=f"Did not find context {context}")
        else:
            self._list("DialPlan list will follow", [], "ShowDialPlanComplete")

    def _get_variable(self, action: Headers) -> None:
        name = action.get("Variable", "")
        self._answer("Success", Variable=name, Value=self._pbx.functions.get(name, ""))

    def _set_variable(self, action: Headers) -> None:
        """A global one."""
        self._answer("Success", Message="Variable Set")
        what = {"Channel": "none", "Uniqueid": "none", "Variable": action.get("Variable", ""), "Value": ""}
        frame = _event("VarSet", "dialplan,all", **what)
        self._pbx.send(frame if self._pbx.timestamps else re.sub(rb"\r\nTimestamp: [0-9.]+", b"", frame))

    def _logoff(self, action: Headers) -> None:
        self._answer("Goodbye", Message="Thanks for all the fish.")
        self._goodbye = True

    def _core_status(self, action: Headers) -> None:
        began = time.localtime(self._pbx.started_at)
        self._answer(
            "Success",
            CoreStartupDate=time.strftime("%Y-%m-%d", began),
            CoreStartupTime=time.strftime("%H:%M:%S", began),
            CoreCurrentCalls=str(len(self._pbx.board.channels)),
            CoreProcessedCalls=str(self._pbx.calls),
        )

    def _core_show_channels(self, action: Headers) -> None:
        self._list("Channels will follow", self._pbx.board.channel_list(), "CoreShowChannelsComplete")

    def _queue_status(self, action: Headers) -> None:
        self._list("Queue status will follow", self._pbx.board.queue_list(), "QueueStatusComplete")

    def _originate(self, action: Headers) -> None:
        self._answer("Success", Message="Originate successfully queued")
        self._pbx._originate(action)

    def _hangup(self, action: Headers) -> None:
        if self._pbx._hang_up(action.get("Channel", "")):
            self._answer("Success", Message="Channel Hungup")
        else:
            self._answer("Error", Message="No such channel")

    def _pause(self, action: Headers) -> None:
        """Whoever is in a recording's queue is in it whatever is said: of those only the answer is Asterisk's."""
        line, paused = action.get("Interface", ""), action.get("Paused", "").lower() in ("true", "1", "yes")
        changed = self._pbx.pause_member(line, paused, action.get("Reason", ""), action.get("Queue", ""))
        if self._pbx.board.members and not changed:
            self._answer("Error", Message="Interface not found")
        else:
            self._answer("Success", Message=f"Interface {'paused' if paused else 'unpaused'} successfully")

    def _notify(self, action: Headers) -> None:
        if self._pbx._answer(action.get("Channel", "")):
            self._answer("Success", Message="NOTIFY sent")
        else:
            self._answer("Error", Message="Channel not found")


_ACTIONS: dict[str, Callable[[_Session, Headers], None]] = {
    "Ping": _Session._ping,
    "Logoff": _Session._logoff,
    "ListCommands": _Session._list_commands,
    "CoreSettings": _Session._core_settings,
    "ShowDialPlan": _Session._show_dialplan,
    "Getvar": _Session._get_variable,
    "Setvar": _Session._set_variable,
    "CoreStatus": _Session._core_status,
    "CoreShowChannels": _Session._core_show_channels,
    "QueueStatus": _Session._queue_status,
    "Originate": _Session._originate,
    "Hangup": _Session._hangup,
    "PJSIPNotify": _Session._notify,
    "QueuePause": _Session._pause,
}


@dataclass(slots=True)
class _Play:
    """A recording that is being played."""

    over: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)  # by PJSIPNotify: do not let it ring any longer
    linkedids: set[str] = field(default_factory=set)

    def wait(self, seconds: float) -> float:
        """Wait, unless it is over or to be answered at once; returns the seconds that were saved."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            if self.answered.is_set():
                return rest
            if self.over.wait(min(rest, 0.05)):
                return 0.0
        return 0.0

    def saw(self, frame: Frame) -> None:
        if linkedid := frame.get("Linkedid"):
            self.linkedids.add(linkedid)
        if frame.name == "DialEnd":
            self.answered.clear()


def _hangup_event(channel: Headers) -> bytes:
    told = {"Cause": "16", "Cause-txt": "Normal Clearing"}
    kept = without(channel, "Event", "Privilege", "Timestamp", "BridgeId")
    return _event("Hangup", "call,all", **(kept | told))


def _event(name: str, privilege: str, **headers: str) -> bytes:
    first = {"Event": name, "Privilege": privilege, "Timestamp": f"{time.time():.6f}"}
    return _wire(first | headers).removesuffix(END)


def _wire(headers: Headers) -> bytes:
    return (
        "\r\n".join([f"{name}: {value}" for name, value in headers.items() if value or name != "ActionID"]).encode()
        + END
    )


def _frames(source: Path | str | Sequence[Frame] | Sequence[bytes]) -> list[Frame]:
    if isinstance(source, Path | str):
        with Path(source).open("rb") as file:
            return [frame for frame in read_frames(file) if frame.name and not frame.mark]
    return [frame if isinstance(frame, Frame) else Frame(frame) for frame in source]
