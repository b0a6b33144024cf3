"""A bridge's connection to its switch: made, watched and made anew, and every frame written into the journal."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from telephony import retry
from telephony.ami.frames import Frame
from telephony.journal import Journal, Mark
from telephony.status import Gauge

log = logging.getLogger(__name__)

HELD_BYTES = 64 << 20  # events that may come while a snapshot is being taken
LOOKS = 2  # at the switch's list of channels after a forgery: what two of them say counts
LOOK_EVERY = 2.0

OnFrames = Callable[[list[bytes]], None]


class Answer(Protocol):
    @property
    def frame(self) -> Frame: ...
    @property
    def events(self) -> Sequence[Frame]: ...
    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str: ...


class Client(Protocol):
    """A connection that is logged in (`telephony.ami.client.AmiClient`)."""

    lost: threading.Event
    lost_reason: str

    def send_action(self, cdict: dict[str, str], /) -> Answer: ...
    def close(self) -> None: ...


Connect = Callable[[OnFrames], Client]


class Link:
    def __init__(
        self,
        connect: Connect,
        journal: Journal,
        gauge: Gauge,
        stop: threading.Event,
        *,
        resync_every: float,
        longest_pause: float,
    ) -> None:
        self._connect, self._journal, self._gauge, self._stop = connect, journal, gauge, stop
        self._resync_every, self._longest_pause = resync_every, longest_pause
        self._suspicious = threading.Event()
        self.problem = ""  # why there is no connection

    def look_twice(self) -> None:
        """Somebody forges events: what the switch lists is to be asked for, soon and again."""
        self._suspicious.set()

    def run(self) -> None:
        pauses = retry.pauses(0.5, self._longest_pause)
        while not self._stop.is_set():
            connections = self._gauge.status.connections
            try:
                self._one_connection()
            except Exception as error:  # of any kind: this thread is what brings the connection back
                self.problem = retry.told(error)
                log.warning("no connection to the switch: %s", self.problem)
            self._disconnected()
            if self._gauge.status.connections > connections:  # it worked for a while: begin with short pauses again
                pauses = retry.pauses(0.5, self._longest_pause)
            self._stop.wait(next(pauses))

    def _one_connection(self) -> None:
        gate = Gate(self._journal, self._gauge.saw)
        client = self._connect(gate.take)
        try:
            self._resync(client, gate)
            self.problem = ""
            connections = self._gauge.status.connections + 1
            self._gauge.change(connected=True, since=datetime.now(UTC), connections=connections)
            self._watch(client, gate)
        finally:
            client.close()
            gate.close()

    def _watch(self, client: Client, gate: Gate) -> None:
        resync_at = time.monotonic() + self._resync_every
        looks, look_at = 0, 0.0
        while not client.lost.wait(retry.TICK) and not self._stop.is_set():
            if gate.problem:
                raise gate.problem
            if time.monotonic() >= resync_at:
                resync_at = time.monotonic() + self._resync_every
                self._resync(client, gate, unbroken=True)
            if self._suspicious.is_set() and not looks:
                self._suspicious.clear()
                looks, look_at = LOOKS, time.monotonic() + LOOK_EVERY
            if looks and time.monotonic() >= look_at:
                looks, look_at = looks - 1, time.monotonic() + LOOK_EVERY
                self._resync(client, gate, unbroken=True)
        if not self._stop.is_set():
            raise ConnectionError(client.lost_reason)

    def _disconnected(self) -> None:
        if self._gauge.status.connected:
            self._gauge.change(connected=False, since=datetime.now(UTC))
            try:
                reason = re.sub(r"[\x00-\x1f\x7f]", " ", self.problem or "stopped")
                self._journal.record([(Mark.GAP, f"Reason: {reason}".encode())])
            except OSError as error:
                log.error("the journal cannot be written: %s", error)

    def _resync(self, client: Client, gate: Gate, *, unbroken: bool = False) -> None:
        """What is alive now goes into the journal, before all events that come after asking for it."""
        core = _asked(client, "CoreStatus")
        startup = f"{core.frame.get('CoreStartupDate', '')} {core.frame.get('CoreStartupTime', '')}".strip()
        clock = _asked(client, "Ping").frame.get("Timestamp", "")
        with gate.held() as write:
            channels = _asked(client, "CoreShowChannels").events
            queues = client.send_action({"Action": "QueueStatus"}).events  # none where there is no queue module
            restarted = self._journal.saved("startup") not in (None, startup)
            said = {"At": clock, "Startup": startup, "Restarted": _yes(restarted), "Unbroken": _yes(unbroken)}
            facts = Frame.of(said).raw
            write(
                [
                    (Mark.SNAPSHOT, facts),
                    *((Mark.CHANNEL, frame.raw) for frame in channels),
                    *((Mark.QUEUE, frame.raw) for frame in queues),
                    (Mark.RESYNC, facts),
                ]
            )
        self._journal.save("startup", startup)


class Gate:
    """Between the reader of the switch and the journal: events pass, or wait while a snapshot is being taken."""

    def __init__(self, journal: Journal, saw: Callable[[int], None]) -> None:
        self.problem: Exception | None = None  # events could not be written: the connection must be made anew
        self._journal, self._saw = journal, saw
        self._lock = threading.Lock()
        self._held: list[tuple[float, list[bytes]]] | None = None
        self._held_bytes = 0
        self._closed = False

    def take(self, frames: list[bytes]) -> None:
        self._saw(len(frames))
        with self._lock:
            if self._closed or self.problem is not None:
                return
            if self._held is None:
                self._append(time.time(), frames)
                return
            self._held.append((time.time(), frames))
            self._held_bytes += sum(map(len, frames))
            if self._held_bytes > HELD_BYTES:
                self.problem = ConnectionError("too many events while the list of channels was fetched")

    @contextlib.contextmanager
    def held(self) -> Iterator[Callable[[Sequence[tuple[Mark, bytes]]], None]]:
        """Inside, events wait; what is written with the function that it gives comes before them."""
        with self._lock:
            self._held, self._held_bytes = [], 0
        try:
            yield self._journal.record
        finally:
            with self._lock:
                held, self._held = self._held, None
                for at, frames in held:
                    self._append(at, frames)

    def _append(self, at: float, frames: list[bytes]) -> None:
        try:
            self._journal.append(frames, at=at)
        except OSError as error:
            self.problem = error

    def close(self) -> None:
        with self._lock:
            self._closed = True


def _asked(client: Client, action: str) -> Answer:
    answer = client.send_action({"Action": action})
    if not answer.ok:
        raise ConnectionError(f"the switch refuses {action}: {answer.text}")
    return answer


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
