"""AmiClient: pyst2's Manager with everything under its action methods replaced. The only module that imports pyst2.

Kept of pyst2: the action methods (originate, redirect, hangup, command ...: all of them go through `send_action`), the
way to register for events, the exceptions. What is different, and why, stands test by test in
tests/telephony/test_harden_the_ami_client.py.

One object is one connection. Threads: a reader (never waits for anybody but the socket and `on_frames`), a keep-alive,
and, once a handler is registered, a dispatcher.
"""

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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asterisk import manager as pyst2

from telephony.ami.answers import Waiter, Waiters
from telephony.ami.backlog import Backlog
from telephony.ami.frames import Frame, FrameSplitter, looks_torn
from telephony.ami.wire import Wire, encoded, open_wire

log = logging.getLogger(__name__)

READ_SIZE = 1 << 18
CLOSING = 2.0  # seconds that close() waits for each thread

_EVENT = b"Event: "
_RESPONSE = b"Response: "

Wanted = Mapping[str, "re.Pattern[bytes] | None"]
AmiError = pyst2.ManagerException
AuthRefused = pyst2.ManagerAuthException
OnFrames = Callable[[list[bytes]], None]


class ConnectionLost(pyst2.ManagerSocketException):  # type: ignore[misc]
    """No connection, or not any more. Whether an action that was under way took effect is not known."""

    def __str__(self) -> str:
        return str(self.args[-1])


class AnswerTimeout(ConnectionLost):
    """The connection stands, but the answer did not come in time."""


class Message(pyst2.ManagerMsg):  # type: ignore[misc]
    """An answer, with pyst2's face. Headers that came several times are lists; a list action's entries are `events`."""

    def __init__(self, frame: Frame, events: Sequence[Frame] = ()) -> None:
        self.frame = frame
        self.response = frame.raw
        self.headers: dict[str, Any] = _headers(frame)
        self.data = "\n".join(frame.getlist("Output"))
        self.events = tuple(events)

    @property
    def ok(self) -> bool:
        return self.frame.get("Response") != "Error"

    @property
    def text(self) -> str:
        return self.frame.get("Message", "")


class Event(pyst2.Event):  # type: ignore[misc]
    """An event as registered handlers get it, parsed when it is first looked into."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.name = frame.name
        self.message = self
        self.data = ""
        self._headers: dict[str, Any] | None = None

    @property
    def headers(self) -> dict[str, Any]:
        if self._headers is None:
            self._headers = _headers(self.frame)
        return self._headers


Handler = Callable[[Event, "AmiClient"], object]


class AmiClient(pyst2.Manager):  # type: ignore[misc]
    """`on_frames` gets, on the reader's thread, the raw event frames of each read that are `wanted` (by name, and by
    what must be found in them; None: all), and what is left of frames that a caller broke in two; nothing of that is
    decoded. `on_disconnect(client, reason)` is called once when the connection is lost, not by close()."""

    def __init__(
        self,
        *,
        on_frames: OnFrames | None = None,
        wanted: Wanted | None = None,
        on_disconnect: Callable[[AmiClient, str], None] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 5.0,
        list_timeout: float = 30.0,
        ping_interval: float = 5.0,
    ) -> None:
        # Not Manager.__init__: it makes three threads and three unbounded queues.
        self.title: str | None = None
        self.version: str | None = None
        self.hostname = secrets.token_hex(8)  # begins our ActionIDs: nobody on a phone line can guess one and answer it
        self.timeout, self.list_timeout, self.ping_interval = timeout, list_timeout, ping_interval
        self.lost = threading.Event()  # set when this connection is over, for whatever reason
        self.lost_reason = ""
        self._closing = False  # on purpose: the switch hangs up after a Logoff, and that is no loss
        self.handler_errors = 0
        self.malformed = 0  # messages that are neither event nor answer (a caller can make such)
        self._splitter = FrameSplitter()
        self._on_frames, self._on_disconnect = on_frames, on_disconnect
        self._wanted = None if wanted is None else {name.encode(): pattern for name, pattern in wanted.items()}
        self._tls = tls
        self._sock: Wire | None = None
        self._connected, self._running = threading.Event(), threading.Event()
        self._seq, self._seqlock = 0, threading.Lock()
        self._write_lock, self._state_lock = threading.Lock(), threading.Lock()
        self._waiters = Waiters()
        self._event_callbacks: dict[str, list[Handler]] = {}
        self._handled: frozenset[bytes] | None = frozenset()  # names with a handler; None: every name
        self._backlog = Backlog()
        self._threads: list[threading.Thread] = []
        self._last_heard = 0.0

    def __del__(self) -> None:
        """Nothing: the garbage collector is no place to wait for a network."""

    def connected(self) -> bool:
        return self._connected.is_set()

    @property
    def oversize(self) -> int:
        """Messages that were longer than the limit and were thrown away."""
        return self._splitter.dropped

    @property
    def overflowed(self) -> int:
        """Events that slow handlers made us drop."""
        return self._backlog.overflowed

    # ------------------------------------------------------------------------------------------------- connection

    def connect(self, host: str, port: int = 5038) -> Message:
        """Connect and read the greeting. An object connects once; for another connection make another object."""
        with self._state_lock:
            if self._running.is_set():
                raise AmiError("An AmiClient connects once: make a new one")
            self._running.set()
        deadline = time.monotonic() + self.timeout
        try:
            sock, self.title, self.version, rest = open_wire(host, int(port), self._tls, deadline)
        except OSError as error:
            self._over(f"cannot connect: {error}")
            raise ConnectionLost(error.errno or 0, f"cannot connect to {host}:{port}: {error}") from error
        self._sock, self._last_heard = sock, time.monotonic()
        sock.settimeout(self.timeout)
        self._connected.set()
        self._start("ami-reader", self._receive_data, rest)
        self._start("ami-keepalive", self._keep_alive)
        if self._event_callbacks:
            self._start("ami-dispatch", self.event_dispatch)
        return Message(Frame(f"Response: Generated Header\r\nMessage: {self.title}/{self.version}".encode()))

    def _start(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def login(self, username: str, secret: str, events: str = "on") -> Message:
        """`events`: on, off, or the classes wanted ("call,agent"). The secret itself is sent only to a switch that does
        not offer the MD5 challenge."""
        login = {"Action": "Login", "Username": username, "Events": events}
        challenge = self.send_action({"Action": "Challenge", "AuthType": "MD5"})
        if challenge.ok and challenge.get_header("Challenge"):
            proof = f"{challenge.get_header('Challenge')}{secret}".encode()
            key = hashlib.md5(proof, usedforsecurity=False).hexdigest()
            response = self.send_action(login | {"AuthType": "MD5", "Key": key})
        else:
            response = self.send_action(login | {"Secret": secret})
        if not response.ok:
            raise AuthRefused(response.text)
        return response

    def close(self) -> None:
        """Log off and end all threads; may be called at any time, from any thread, and again."""
        self._closing = True
        if self._connected.is_set() and threading.current_thread() not in self._threads:
            with contextlib.suppress(AmiError):
                self.send_action({"Action": "Logoff"}, timeout=min(1.0, self.timeout))
        self._over("closed")
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(CLOSING)

    def _over(self, reason: str) -> bool:
        """The one way out: wakes all who wait. True for the first caller."""
        with self._state_lock:
            if self.lost.is_set():
                return False
            self.lost_reason = reason
            self._running.set()
            self._connected.clear()
            self.lost.set()
        self._waiters.wake_all()
        self._backlog.end()
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes the reader, which closes it
        return True

    def _disconnected(self, reason: str) -> None:
        if not self._over("closed" if self._closing else reason) or self._closing:
            return
        log.warning("AMI connection lost: %s", reason)
        if self._on_disconnect is not None:
            try:
                self._on_disconnect(self, reason)
            except Exception:
                self.handler_errors += 1
                log.exception("on_disconnect failed")

    def _keep_alive(self) -> None:
        """Silence is not proof of life: ask, and when no answer comes the connection is over."""
        while not self.lost.wait(self.ping_interval):
            if time.monotonic() - self._last_heard < self.ping_interval:
                continue
            try:
                self.send_action({"Action": "Ping"})
            except AmiError as error:
                self._disconnected(f"no answer to ping: {error}")

    # ---------------------------------------------------------------------------------------------------- reading

    def _receive_data(self, rest: bytes = b"") -> None:
        """The reader. Whatever goes wrong in here ends the connection, visibly."""
        reason = "closed by the switch"
        try:
            if rest:
                self._sort(rest)
            self._read()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if not isinstance(error, OSError):
                log.exception("AMI reader failed")
        self._disconnected(reason)
        with self._write_lock:
            if self._sock is not None:
                self._sock.close()

    def _read(self) -> None:
        sock, buffer = self._sock, bytearray(READ_SIZE)
        assert sock is not None
        view = memoryview(buffer)
        while not self.lost.is_set():
            try:
                size = sock.recv_into(buffer)
            except TimeoutError:
                continue
            if not size:
                return
            self._last_heard = time.monotonic()
            self._sort(bytes(view[:size]))
            time.sleep(0)  # a socket that always has data must not starve the others (greenlets above all)

    def _sort(self, data: bytes) -> None:
        """Each whole message to whom it concerns. Of an event only the name is looked at, as bytes."""
        journal: list[bytes] = []
        handled: list[bytes] = []
        wanted, handler_names = self._wanted, self._handled
        for raw in self._splitter.feed(data):
            if raw.startswith(_EVENT):
                if self._waiters.listing and self._waiters.collect(raw):
                    continue
                end = raw.find(b"\r\n", 7)
                name = raw[7:end] if end >= 0 else raw[7:]
                if wanted is None:
                    journal.append(raw)
                elif name in wanted:
                    pattern = wanted[name]
                    if pattern is None or pattern.search(raw) or looks_torn(raw):
                        journal.append(raw)
                elif looks_torn(raw):  # what follows it is a caller's own work: whoever reads on has to know
                    journal.append(raw)
                if handler_names is None or name in handler_names:
                    handled.append(raw)
            elif raw.startswith(_RESPONSE):
                self._waiters.answer(raw)
            else:
                self._malformed(raw)
                journal.append(raw)
        if journal and self._on_frames is not None:
            self._guarded_on_frames(self._on_frames, journal)
        if handled:
            self._backlog.put(handled)

    def _guarded_on_frames(self, on_frames: OnFrames, batch: list[bytes]) -> None:
        try:
            on_frames(batch)
        except Exception:
            self.handler_errors += 1
            log.exception("on_frames failed, %d events lost", len(batch))

    def _malformed(self, raw: bytes) -> None:
        self.malformed += 1
        if self.malformed & (self.malformed - 1) == 0:  # the 1st, 2nd, 4th ...: a flood must not fill the log
            log.warning("%d AMI messages were neither event nor answer, such as %r", self.malformed, raw[:200])

    # ----------------------------------------------------------------------------------------------------- events

    def register_event(self, event: str, function: Handler) -> None:
        """As in pyst2: `function(event, client)` for events of this name, or "*" for all; one that returns a true value
        ends the round. Handlers run on a thread of their own and may send actions."""
        self._event_callbacks.setdefault(event, []).append(function)
        self._handlers_changed()
        dispatching = any(thread.name == "ami-dispatch" for thread in self._threads)
        if self._connected.is_set() and not dispatching:
            self._start("ami-dispatch", self.event_dispatch)

    def unregister_event(self, event: str, function: Handler) -> None:
        self._event_callbacks[event].remove(function)
        self._handlers_changed()

    def _handlers_changed(self) -> None:
        names = {name for name, functions in self._event_callbacks.items() if functions}
        self._handled = None if "*" in names else frozenset(name.encode() for name in names)

    def message_loop(self) -> None:
        """pyst2's middle thread: there is none here."""

    def event_dispatch(self) -> None:
        for batch in self._backlog:
            for raw in batch:
                self._dispatch(Event(Frame(raw)))
            if self.lost.is_set():
                return

    def _dispatch(self, event: Event) -> None:
        for function in (*self._event_callbacks.get(event.name, ()), *self._event_callbacks.get("*", ())):
            try:
                if function(event, self):
                    return
            except Exception:
                self.handler_errors += 1
                log.exception("a handler of %s failed", event.name)

    # ---------------------------------------------------------------------------------------------------- actions

    def send_action(
        self, cdict: Mapping[str, object] | None = None, timeout: float | None = None, **kwargs: object
    ) -> Message:
        """Send one action and wait for its answer (a list action: for its whole list). A list as value repeats the
        header. Raises `BadValue` before anything is sent, `AnswerTimeout`, `ConnectionLost`."""
        headers = {**(cdict or {}), **kwargs}
        action_id = str(headers.setdefault("ActionID", f"{self.hostname}-{self.next_seq():08x}"))
        data = encoded(headers)
        if threading.current_thread().name == "ami-reader" and threading.current_thread() in self._threads:
            raise AmiError("on_frames and on_disconnect run on the reader's thread and cannot wait for an answer")
        if not self._connected.is_set():
            raise ConnectionLost(0, f"not connected: {self.lost_reason or 'connect first'}")
        waiter = self._waiters.add(action_id.encode())
        if waiter is None:
            raise AmiError("an action with this ActionID is under way")
        try:
            self._write(data)
            return self._wait(waiter, self.timeout if timeout is None else timeout)
        finally:
            self._waiters.remove(action_id.encode())

    def _write(self, data: bytes) -> None:
        sock = self._sock
        assert sock is not None
        if not self._write_lock.acquire(timeout=self.timeout):
            raise AnswerTimeout(0, "another action is still being sent")
        try:
            sock.sendall(data)
        except (OSError, ValueError) as error:  # half a line may be on its way: nothing more can be said on this wire
            self._disconnected(f"cannot send: {error}")
            raise ConnectionLost(getattr(error, "errno", None) or 0, f"cannot send: {error}") from error
        finally:
            self._write_lock.release()

    def _wait(self, waiter: Waiter, timeout: float) -> Message:
        if not waiter.done.wait(timeout) and waiter.listing:
            waiter.done.wait(max(0.0, self.list_timeout - timeout))
        if waiter.complete and waiter.answer is not None:
            return Message(waiter.answer, waiter.events)
        if self.lost.is_set():
            raise ConnectionLost(0, f"connection lost: {self.lost_reason}")
        raise AnswerTimeout(0, "no answer in time")


def _headers(frame: Frame) -> dict[str, Any]:
    return {name: several if len(several := frame.getlist(name)) > 1 else several[0] for name in frame}
