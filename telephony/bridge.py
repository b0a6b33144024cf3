"""One switch's events, from its connection to whoever records calls: in order, none lost, however often either fails.

Two threads meet at the journal. One keeps a connection: connects, takes a snapshot of what is alive, writes every frame
down, and begins anew when the connection dies. The other reads the journal, feeds the tracker and delivers; when
delivery fails it waits and tries again, so calls are late, not lost.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from telephony.ami.frames import Frame
from telephony.journal import Cursor, Entry, Journal, JournalReader, Mark, Position
from telephony.playback import Playback, Told, Tracker

log = logging.getLogger(__name__)

TICK = 0.25  # how soon a stop or a lost connection is noticed
CHECKPOINT = 1.0  # at most so many seconds of events are delivered again after a crash
PRUNE = 3600.0
ASIDE = "poison.jsonl"  # beside the journal
TRIES = 5  # of an event whose receiver cannot make sense of it
HELD_BYTES = 64 << 20  # events that may come while a snapshot is being taken
REMEMBERED_CALLS = 10_000
LOOKS = 2  # at the switch's list of channels after a forgery: what two of them say counts
LOOK_EVERY = 2.0
SOURCE = 80  # characters of a forger's channel that are told

Event = Told
OnFrames = Callable[[list[bytes]], None]


class Poison(Exception):
    """Raised by a receiver: this event will never be acceptable. It is set aside, the next ones go on."""


_NEVER_TRANSIENT = (Poison, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)


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


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """For health pages. `since`: of being connected, or not."""

    connected: bool
    since: datetime
    problem: str = ""  # why not connected, or why events wait
    last_frame_at: datetime | None = None
    frames: int = 0
    behind: int = 0  # bytes of the journal that were not delivered yet
    delivered: int = 0
    set_aside: int = 0
    connections: int = 0
    tainted: int = 0  # frames that callers forged or tore, since the start
    tainted_at: datetime | None = None  # the last one
    tainted_call: str = ""  # and whose: the call's uid, or a channel


class Bridge:
    """`deliver` is called from one thread, one event at a time; `on_status` from another, soon after a change."""

    def __init__(
        self,
        connect: Connect,
        tracker: Tracker,
        deliver: Callable[[Event], None],
        journal: Journal,
        stop: threading.Event,
        on_status: Callable[[BridgeStatus], None] | None = None,
        *,
        keep: timedelta = timedelta(days=14),
        resync_every: float = 300.0,
        longest_pause: float = 30.0,
    ) -> None:
        self._connect, self._deliver, self._journal, self._stop = connect, deliver, journal, stop
        self._playback, self._tracker = Playback(tracker), tracker
        self._on_status = on_status
        self._keep, self._resync_every, self._longest_pause = keep, resync_every, longest_pause
        self._status = BridgeStatus(connected=False, since=_now())
        self._status_lock = threading.Lock()
        self._position = journal.load_cursor().delivered
        self._link_problem = self._delivery_problem = ""
        self._forged = 0  # frames that the tracker knows of
        self._suspicious = threading.Event()

    @property
    def status(self) -> BridgeStatus:
        with self._status_lock:
            return replace(
                self._status,
                behind=self._journal.behind(self._position),
                problem="; ".join(filter(None, (self._link_problem, self._delivery_problem))),
            )

    def run(self) -> None:
        """Until `stop`."""
        threads = [threading.Thread(target=self._keep_delivering, name="bridge-delivery", daemon=True)]
        if self._on_status is not None:
            threads.append(
                threading.Thread(target=self._tell, args=(self._on_status,), name="bridge-status", daemon=True)
            )
        for thread in threads:
            thread.start()
        try:
            self._stay_connected()
        except BaseException:
            self._stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _tell(self, on_status: Callable[[BridgeStatus], None]) -> None:
        told = None
        while True:
            stopped = self._stop.wait(TICK)
            try:
                if (status := self.status) != told:
                    on_status(told := status)
            except Exception:
                log.exception("on_status failed")
            if stopped:
                return

    # -------------------------------------------------------------------------------------------------- connection

    def _stay_connected(self) -> None:
        pauses = _pauses(0.5, self._longest_pause)
        while not self._stop.is_set():
            connections = self._status.connections
            try:
                self._one_connection()
            except Exception as error:  # of any kind: this thread is what brings the connection back
                self._link_problem = _told(error)
                log.warning("no connection to the switch: %s", self._link_problem)
            self._disconnected()
            if self._status.connections > connections:  # it worked for a while: begin with short pauses again
                pauses = _pauses(0.5, self._longest_pause)
            self._stop.wait(next(pauses))

    def _one_connection(self) -> None:
        gate = _Gate(self._journal, self._saw)
        client = self._connect(gate.take)
        try:
            self._resync(client, gate)
            self._link_problem = ""
            connections = self._status.connections + 1
            self._changed(connected=True, since=_now(), connections=connections)
            self._watch(client, gate)
        finally:
            client.close()
            gate.close()

    def _watch(self, client: Client, gate: _Gate) -> None:
        resync_at = time.monotonic() + self._resync_every
        looks, look_at = 0, 0.0
        while not client.lost.wait(TICK) and not self._stop.is_set():
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
        if self._status.connected:
            self._changed(connected=False, since=_now())
            try:
                reason = re.sub(r"[\x00-\x1f\x7f]", " ", self._link_problem or "stopped")
                self._journal.record([(Mark.GAP, f"Reason: {reason}".encode())])
            except OSError as error:
                log.error("the journal cannot be written: %s", error)

    def _resync(self, client: Client, gate: _Gate, *, unbroken: bool = False) -> None:
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

    def _saw(self, frames: int) -> None:
        with self._status_lock:
            self._status = replace(self._status, frames=self._status.frames + frames, last_frame_at=_now())

    # ---------------------------------------------------------------------------------------------------- delivery

    def _keep_delivering(self) -> None:
        cursor = self._journal.load_cursor()
        origins = _Origins(cursor.origin)
        start = cursor.origin
        while not self._stop.is_set():
            try:
                self._deliver_from(start, cursor.delivered, origins)
            except Exception as error:  # the journal cannot be read
                self._delivery_problem = _told(error)
                log.exception("delivery failed")
                start = self._position
                cursor = Cursor(start, start)
                self._stop.wait(self._longest_pause)

    def _deliver_from(self, start: Position, delivered: Position, origins: _Origins) -> None:
        """What tells the tracker of calls that were open at the last checkpoint was delivered already, up to
        `delivered`; from there on all is."""
        reader = JournalReader(self._journal, start)
        cursor, checkpoint_at, prune_at = Cursor(start, delivered), 0.0, 0.0
        try:
            while not self._stop.is_set():
                entries = reader.read(TICK)
                for entry, following in itertools.zip_longest(entries, entries[1:]):
                    if not self._play(entry, origins, deliver=entry.position >= delivered):
                        break
                    self._position = max(following.position if following else reader.position, delivered)
                if self._position != cursor.delivered and time.monotonic() >= checkpoint_at:
                    checkpoint_at = time.monotonic() + CHECKPOINT
                    cursor = self._checkpoint(origins)
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE
                    self._prune(cursor)
        finally:
            self._checkpoint(origins)
            reader.close()

    def _play(self, entry: Entry, origins: _Origins, *, deliver: bool) -> bool:
        """One frame; False when it was time to stop before all that it told was delivered."""
        origins.note(entry)
        try:
            events = self._playback.feed(entry.frame)
        except Exception as error:
            log.exception("a frame could not be followed")
            self._set_aside({"frame": entry.frame.raw.decode("utf-8", "replace")}, error)
            return True
        self._count_forgeries(told=deliver)
        return not deliver or all(self._deliver_one(event) for event in events)

    def _count_forgeries(self, *, told: bool) -> None:
        """`told`: what is read again to know the calls that are open was counted before."""
        forgeries = self._playback.forgeries
        new, self._forged = forgeries.frames - self._forged, forgeries.frames
        if not new or not told:
            return
        source = re.sub(r"[\x00-\x1f\x7f]", " ", forgeries.source)[:SOURCE]
        if source != self._status.tainted_call:
            log.warning("a caller forges what the switch says: %s", source)
        tainted = self._status.tainted + new
        self._changed(tainted=tainted, tainted_at=forgeries.last_at, tainted_call=source)
        self._suspicious.set()

    def _deliver_one(self, event: Event) -> bool:
        refused = 0
        for pause in _pauses(0.1, 5.0):
            try:
                self._deliver(event)
            except Exception as error:
                refused += isinstance(error, _NEVER_TRANSIENT)
                log.warning("%s could not be delivered: %s", type(event).__name__, _told(error), exc_info=refused > 0)
                if refused >= TRIES:
                    self._delivery_problem = ""
                    self._set_aside({"event": type(event).__name__, "content": asdict(event)}, error)
                    return True
                self._delivery_problem = f"events wait: {_told(error)}"
            else:
                self._delivery_problem = ""
                self._changed(delivered=self._status.delivered + 1)
                return True
            if self._stop.wait(pause):
                break
        return False

    def _set_aside(self, what: dict[str, object], error: Exception) -> None:
        """Poison: kept with its reason beside the journal, for people to look at."""
        line = json.dumps({"at": _now(), "reason": _told(error), **what}, default=str, ensure_ascii=False)
        try:
            self._journal.note(ASIDE, line)
        except OSError:
            log.error("could not be set aside: %s", line)
        self._changed(set_aside=self._status.set_aside + 1)

    def _prune(self, cursor: Cursor) -> None:
        """Both hold names and numbers: neither is kept longer than the other."""
        oldest = _now() - self._keep
        try:
            self._journal.prune(oldest.timestamp(), cursor)
            self._journal.keep_notes(ASIDE, partial(_is_since, oldest))
        except OSError as error:
            log.error("the journal cannot be pruned: %s", error)

    def _checkpoint(self, origins: _Origins) -> Cursor:
        cursor = Cursor(min(origins.oldest(self._tracker.open_uids(), self._position), self._position), self._position)
        try:
            self._journal.save_cursor(cursor)
        except OSError as error:
            log.error("the journal's cursor cannot be written: %s", error)
        return cursor

    def _changed(self, **changes: Any) -> None:
        with self._status_lock:
            self._status = replace(self._status, **changes)


class _Gate:
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


class _Origins:
    """Where the journal first tells of each call, so that reading from there knows all about it."""

    def __init__(self, start: Position) -> None:
        self._first: dict[str, Position] = {}
        self._snapshot = self._oldest = start

    def note(self, entry: Entry) -> None:
        if entry.frame.mark == Mark.SNAPSHOT:
            self._snapshot = entry.position
        if (linkedid := entry.frame.get("Linkedid")) and linkedid not in self._first:
            self._first[linkedid] = self._snapshot if entry.frame.mark else entry.position

    def oldest(self, open_uids: frozenset[str], now: Position) -> Position:
        """Of these calls; `now` when there is none."""
        self._oldest = min((self._first.get(uid, self._oldest) for uid in open_uids), default=now)
        if len(self._first) > REMEMBERED_CALLS + len(open_uids):
            latest = [*self._first][-REMEMBERED_CALLS // 2 :]
            self._first = {uid: self._first[uid] for uid in {*latest, *open_uids} & self._first.keys()}
        return self._oldest


def _is_since(moment: datetime, note: bytes) -> bool:
    try:
        return datetime.fromisoformat(json.loads(note)["at"]) >= moment
    except (ValueError, LookupError, TypeError):
        return False  # torn


def _pauses(first: float, longest: float) -> Iterator[float]:
    """Twice as long each time, and never the same for two bridges."""
    while True:
        yield first * random.uniform(0.5, 1.0)
        first = min(longest, first * 2)


def _asked(client: Client, action: str) -> Answer:
    answer = client.send_action({"Action": action})
    if not answer.ok:
        raise ConnectionError(f"the switch refuses {action}: {answer.text}")
    return answer


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _told(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"


def _now() -> datetime:
    return datetime.now(UTC)
