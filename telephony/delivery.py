"""From the journal through the tracker to whoever records calls: in order, again and again until it is taken."""

from __future__ import annotations

import itertools
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

from telephony import retry
from telephony.journal import Cursor, Entry, Journal, JournalReader, Mark, Position
from telephony.playback import Playback, Told, Tracker
from telephony.status import Gauge

log = logging.getLogger(__name__)

CHECKPOINT = 1.0  # at most so many seconds of events are delivered again after a crash
PRUNE = 3600.0
ASIDE = "poison.jsonl"  # beside the journal
TRIES = 5  # of an event whose receiver cannot make sense of it
REMEMBERED_CALLS = 10_000
SOURCE = 80  # characters of a forger's channel that are told

Event = Told


class Poison(Exception):
    """Raised by a receiver: this event will never be acceptable. It is set aside, the next ones go on."""


_NEVER_TRANSIENT = (Poison, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)


class Handover:
    """One event after the other to whoever records calls: again until it is taken; what never can be is set aside."""

    def __init__(
        self,
        deliver: Callable[[Event], None],
        gauge: Gauge,
        stop: threading.Event,
        set_aside: Callable[[dict[str, object], Exception], None],
    ) -> None:
        self._deliver, self._gauge, self._stop, self._set_aside = deliver, gauge, stop, set_aside
        self.problem = ""  # why events wait

    def give(self, event: Event) -> bool:
        """False when it was time to stop before it was taken."""
        refused = 0
        for pause in retry.pauses(0.1, 5.0):
            try:
                self._deliver(event)
            except Exception as error:
                refused += isinstance(error, _NEVER_TRANSIENT)
                log.warning(
                    "%s could not be delivered: %s", type(event).__name__, retry.told(error), exc_info=refused > 0
                )
                if refused >= TRIES:
                    self.problem = ""
                    self._set_aside({"event": type(event).__name__, "content": asdict(event)}, error)
                    return True
                self.problem = f"events wait: {retry.told(error)}"
            else:
                self.problem = ""
                self._gauge.change(delivered=self._gauge.status.delivered + 1)
                return True
            if self._stop.wait(pause):
                break
        return False


def put_aside(journal: Journal, gauge: Gauge, what: dict[str, object], error: Exception) -> None:
    """Poison: kept with its reason beside the journal, for people to look at."""
    line = json.dumps({"at": datetime.now(UTC), "reason": retry.told(error), **what}, default=str, ensure_ascii=False)
    try:
        journal.note(ASIDE, line)
    except OSError:
        log.error("could not be set aside: %s", line)
    gauge.change(set_aside=gauge.status.set_aside + 1)


def forget_aside(journal: Journal, before: datetime) -> None:
    journal.keep_notes(ASIDE, partial(_is_since, before))


class Delivery:
    def __init__(
        self,
        journal: Journal,
        tracker: Tracker,
        deliver: Callable[[Event], None],
        gauge: Gauge,
        stop: threading.Event,
        *,
        on_forgery: Callable[[], None],
        keep: timedelta,
        longest_pause: float,
    ) -> None:
        self._journal, self._gauge, self._stop = journal, gauge, stop
        self._handover = Handover(deliver, gauge, stop, self._set_aside)
        self._playback, self._tracker = Playback(tracker), tracker
        self._on_forgery = on_forgery
        self._keep, self._longest_pause = keep, longest_pause
        self._forged = 0  # frames that the tracker knows of
        self.position = journal.load_cursor().delivered

    @property
    def problem(self) -> str:
        return self._handover.problem

    def run(self) -> None:
        cursor = self._journal.load_cursor()
        origins = Origins(cursor.origin)
        start = cursor.origin
        while not self._stop.is_set():
            try:
                self._deliver_from(start, cursor.delivered, origins)
            except Exception as error:  # the journal cannot be read
                self._handover.problem = retry.told(error)
                log.exception("delivery failed")
                start = self.position
                cursor = Cursor(start, start)
                self._stop.wait(self._longest_pause)

    def _deliver_from(self, start: Position, delivered: Position, origins: Origins) -> None:
        """What tells the tracker of calls that were open at the last checkpoint was delivered already, up to
        `delivered`; from there on all is."""
        reader = JournalReader(self._journal, start)
        cursor, checkpoint_at, prune_at = Cursor(start, delivered), 0.0, 0.0
        try:
            while not self._stop.is_set():
                entries = reader.read(retry.TICK)
                for entry, following in itertools.zip_longest(entries, entries[1:]):
                    if not self._play(entry, origins, deliver=entry.position >= delivered):
                        break
                    self.position = max(following.position if following else reader.position, delivered)
                if self.position != cursor.delivered and time.monotonic() >= checkpoint_at:
                    checkpoint_at = time.monotonic() + CHECKPOINT
                    cursor = self._checkpoint(origins)
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE
                    self._prune(cursor)
        finally:
            self._checkpoint(origins)
            reader.close()

    def _play(self, entry: Entry, origins: Origins, *, deliver: bool) -> bool:
        """One frame; False when it was time to stop before all that it told was delivered."""
        origins.note(entry)
        try:
            events = self._playback.feed(entry.frame)
        except Exception as error:
            log.exception("a frame could not be followed")
            self._set_aside({"frame": entry.frame.raw.decode("utf-8", "replace")}, error)
            return True
        self._count_forgeries(told=deliver)
        return not deliver or all(self._handover.give(event) for event in events)

    def _count_forgeries(self, *, told: bool) -> None:
        """`told`: what is read again to know the calls that are open was counted before."""
        forgeries = self._playback.forgeries
        new, self._forged = forgeries.frames - self._forged, forgeries.frames
        if not new or not told:
            return
        source = re.sub(r"[\x00-\x1f\x7f]", " ", forgeries.source)[:SOURCE]
        if source != self._gauge.status.tainted_call:
            log.warning("a caller forges what the switch says: %s", source)
        tainted = self._gauge.status.tainted + new
        self._gauge.change(tainted=tainted, tainted_at=forgeries.last_at, tainted_call=source)
        self._on_forgery()

    def _set_aside(self, what: dict[str, object], error: Exception) -> None:
        put_aside(self._journal, self._gauge, what, error)

    def _prune(self, cursor: Cursor) -> None:
        """Both hold names and numbers: neither is kept longer than the other."""
        oldest = datetime.now(UTC) - self._keep
        try:
            self._journal.prune(oldest.timestamp(), cursor)
            forget_aside(self._journal, oldest)
        except OSError as error:
            log.error("the journal cannot be pruned: %s", error)

    def _checkpoint(self, origins: Origins) -> Cursor:
        cursor = Cursor(min(origins.oldest(self._tracker.open_uids(), self.position), self.position), self.position)
        try:
            self._journal.save_cursor(cursor)
        except OSError as error:
            log.error("the journal's cursor cannot be written: %s", error)
        return cursor


class Origins:
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
