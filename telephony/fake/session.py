"""One client's connection to the fake Asterisk."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from telephony.ami.frames import END, Frame, FrameSplitter
from telephony.fake.board import Headers

if TYPE_CHECKING:
    from telephony.fake.asterisk import FakeAsterisk, FakeUser

_EVENT_CLASSES = re.compile(r"Privilege: ([a-z,]+)")
PRIVILEGES = {  # as ListCommands of Asterisk 22 tells them
    "Originate": "originate,all",
    "BlindTransfer": "call,all",
    "MuteAudio": "system,all",
    "Park": "call,all",
    "ParkedCalls": "call,all",
    "ConfbridgeListRooms": "reporting,all",
    "PlayDTMF": "call,all",
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
PRIVILEGED = frozenset(PRIVILEGES)


class Session:
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
                self._pbx.happened(headers)
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
        if name == "Challenge" and self._pbx.challenges:
            self._answer("Success", Challenge=self._challenge)
        elif name == "Login":
            self._login(action)
        elif self._user is None or not self._pbx.permits(self._user, name):
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
        self.send_events([event("FullyBooted", "system,all", Uptime=uptime, Status="Fully Booted")])
        self._pbx.happened()

    def _proves(self, user: FakeUser, action: Headers) -> bool:
        if action.get("AuthType", "").upper() == "MD5":
            proof = hashlib.md5(f"{self._challenge}{user.secret}".encode(), usedforsecurity=False).hexdigest()
            return secrets.compare_digest(proof, action.get("Key", ""))
        return secrets.compare_digest(user.secret.encode(), action.get("Secret", "").encode())

    def _answer(self, response: str, **headers: str) -> None:
        self.write(wire({"Response": response, "ActionID": self._id, **headers}))

    def _list(self, message: str, entries: Iterable[Headers], complete: str) -> None:
        frames = [*entries]
        self._answer("Success", EventList="start", Message=message)
        end = {"Event": complete, "EventList": "Complete", "ListItems": str(len(frames))}
        for frame in [*frames, end]:
            event = {"Event": frame["Event"], "ActionID": self._id}
            self.write(wire(event | frame))

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
        may = [name for name in PRIVILEGES if self._pbx.permits(user, name) and name not in self._pbx.absent]
        self._answer("Success", **{name: f"What it does.  (Priv: {PRIVILEGES[name]})" for name in may})

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
        """A global one is told to everybody."""
        if "Channel" in action:
            self._accept(action)
            return
        self._answer("Success", Message="Variable Set")
        what = {"Channel": "none", "Uniqueid": "none", "Variable": action.get("Variable", ""), "Value": ""}
        frame = event("VarSet", "dialplan,all", **what)
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
        self._pbx.originate(action)

    def _hangup(self, action: Headers) -> None:
        if self._pbx.hang_up(action.get("Channel", "")):
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

    def _accept(self, action: Headers) -> None:
        """Of a call only what it comes to is told, and nothing comes to it here: the answer is Asterisk's."""
        named = [action[name] for name in ("Channel", "ExtraChannel", "Channel1", "Channel2") if action.get(name)]
        if all(self._pbx.board.linkedid(channel) for channel in named):
            self._answer("Success", Message="Done")
        else:
            self._answer("Error", Message="No such channel")

    def _parked_calls(self, action: Headers) -> None:
        entries = [
            {"Event": "ParkedCall", "ParkeeChannel": channel, "ParkingSpace": space}
            for channel, space in self._pbx.parked.items()
        ]
        self._list("Parked calls will follow", entries, "ParkedCallsComplete")

    def _notify(self, action: Headers) -> None:
        if self._pbx.answer(action.get("Channel", "")):
            self._answer("Success", Message="NOTIFY sent")
        else:
            self._answer("Error", Message="Channel not found")


_ACTIONS: dict[str, Callable[[Session, Headers], None]] = {
    "Ping": Session._ping,
    "Logoff": Session._logoff,
    "ListCommands": Session._list_commands,
    "CoreSettings": Session._core_settings,
    "ShowDialPlan": Session._show_dialplan,
    "Getvar": Session._get_variable,
    "Setvar": Session._set_variable,
    "CoreStatus": Session._core_status,
    "CoreShowChannels": Session._core_show_channels,
    "QueueStatus": Session._queue_status,
    "Originate": Session._originate,
    "Hangup": Session._hangup,
    "PJSIPNotify": Session._notify,
    "QueuePause": Session._pause,
    "BlindTransfer": Session._accept,
    "MuteAudio": Session._accept,
    "Park": Session._accept,
    "ParkedCalls": Session._parked_calls,
    "PlayDTMF": Session._accept,
    "Redirect": Session._accept,
}


def event(name: str, privilege: str, **headers: str) -> bytes:
    first = {"Event": name, "Privilege": privilege, "Timestamp": f"{time.time():.6f}"}
    return wire(first | headers).removesuffix(END)


def wire(headers: Headers) -> bytes:
    return (
        "\r\n".join([f"{name}: {value}" for name, value in headers.items() if value or name != "ActionID"]).encode()
        + END
    )
