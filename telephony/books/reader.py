"""Both files of the books together, as calls; what was read is remembered by a cursor that survives restarts."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from telephony.books.accountant import Accountant
from telephony.books.records import CelRecord, QueueRecord, cel_record, queue_record, suspects
from telephony.books.tail import Place, Tail
from telephony.events import CallSummary

log = logging.getLogger(__name__)

CHUNK = 1 << 20
PIECES = 8  # at most so many chunks in one read
_UIDS = 2_000
_SUSPECTS_REMEMBERED = 100

Record = CelRecord | QueueRecord


@dataclass(frozen=True, slots=True)
class Books:
    """Where the two files are. Either may be missing for now."""

    cel: Path
    queue_log: Path

    @classmethod
    def of(cls, folder: Path) -> Books:
        """As Asterisk names them in its log directory (config/asterisk/cel_custom.conf, logger.conf)."""
        return cls(folder / "cel-custom" / "ringback.csv", folder / "queue_log")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to begin again, so that all calls which are still open are derived from their beginning."""

    cel: Place | None = None
    queue_log: Place | None = None

    def to_json(self) -> str:
        return json.dumps({"cel": _as_list(self.cel), "queue_log": _as_list(self.queue_log)})

    @classmethod
    def from_json(cls, text: str) -> Cursor:
        """Raises ValueError for anything that `to_json` does not write."""
        told = json.loads(text)
        if not isinstance(told, dict):
            raise ValueError("A cursor is an object with cel and queue_log.")
        return cls(_as_place(told.get("cel")), _as_place(told.get("queue_log")))


@dataclass(slots=True)
class Statistics:
    """Since this reader began."""

    records: int = 0
    unparseable: int = 0
    gaps: int = 0  # times that a part of a file may have been missed (rotated away and compressed, truncated unread)
    last_at: datetime | None = None  # of the newest record
    behind: int = 0  # bytes that are written and not read yet
    suspects: tuple[str, ...] = ()  # Linkedids that broken records name, newest last: look at them in other ways


@dataclass(slots=True)
class _Source:
    """One file, and the places from which its calls must be read again."""

    tail: Tail
    parse: Callable[[bytes], Record | None]
    waiting: deque[tuple[Record, Place]] = field(default_factory=deque)  # parsed, not fed; where each begins
    since: dict[str, Place] = field(default_factory=dict)  # where the first record of each call begins
    kept: int = 0
    dry: bool = False  # nothing more is there now

    @property
    def behind(self) -> int:
        """A record of which only a part is there does not count."""
        return 0 if self.dry else self.tail.behind + len(self.waiting)

    def note(self, uid: str, begins: Place, accountant: Accountant) -> None:
        self.since.setdefault(uid, begins)
        if len(self.since) > 2 * self.kept + _UIDS:
            self.since = {uid: place for uid, place in self.since.items() if place == begins or accountant.follows(uid)}
            self.kept = len(self.since)

    def restart(self, accountant: Accountant) -> Place | None:
        for uid, place in self.since.items():
            if accountant.follows(uid):
                return place
        return self.waiting[0][1] if self.waiting else self.tail.place


class BooksReader:
    """Reads on where the cursor says. One reader per switch; it keeps no file open and never waits."""

    def __init__(self, folder: Books, trunks: Sequence[str], cursor: Cursor | None) -> None:
        cursor = cursor or Cursor()
        self._accountant = Accountant(trunks)
        self._cel = _Source(Tail(folder.cel, cursor.cel), cel_record)
        self._queue = _Source(Tail(folder.queue_log, cursor.queue_log, quoted=False), queue_record)
        self._sources = (self._cel, self._queue)
        self.statistics = Statistics()

    def read(self) -> list[CallSummary]:
        """What became complete, of the next few megabytes. `statistics.behind` says whether there is more to read at
        once."""
        told: dict[str, CallSummary] = {}
        for source in self._sources:
            source.dry = False
        pieces = PIECES
        while True:
            thirsty = [source for source in self._sources if not source.waiting and not source.dry]
            if thirsty and not pieces:
                break
            for source in thirsty:
                source.dry = not self._fill(source)
                pieces = max(0, pieces - 1)
            heads = [source for source in self._sources if source.waiting]
            if not heads and all(source.dry for source in self._sources):
                break
            if heads and all(source.waiting or source.dry for source in self._sources):
                self._feed(min(heads, key=lambda source: _turn(source.waiting[0][0])), told)
        self._count()
        return list(told.values())

    def _feed(self, source: _Source, told: dict[str, CallSummary]) -> None:
        record, begins = source.waiting.popleft()
        for uid in {record.uniqueid, record.linkedid} if isinstance(record, CelRecord) else {record.uniqueid}:
            source.note(uid, begins, self._accountant)
        for call in self._accountant.feed(record):
            told[call.uid] = call

    def _count(self) -> None:
        self.statistics.behind = sum(source.behind for source in self._sources)
        self.statistics.gaps = sum(source.tail.gaps for source in self._sources)

    def switch_restarted(self, at: datetime) -> list[CallSummary]:
        """The switch began anew at `at`: what was open before is over."""
        return self._accountant.switch_restarted(at)

    def open_uids(self) -> frozenset[str]:
        return self._accountant.open_uids()

    @property
    def cursor(self) -> Cursor:
        return Cursor(self._cel.restart(self._accountant), self._queue.restart(self._accountant))

    def _fill(self, source: _Source) -> bool:
        """Was there anything, be it unreadable?"""
        pieces = source.tail.read(CHUNK)
        for raw, behind in pieces:
            record = source.parse(raw)
            if record is None:
                self._unparseable(source, raw)
                continue
            self.statistics.records += 1
            self.statistics.last_at = max(self.statistics.last_at or record.at, record.at)
            source.waiting.append((record, Place(behind.inode, behind.offset - len(raw))))
        return bool(pieces)

    def _unparseable(self, source: _Source, raw: bytes) -> None:
        if not raw.strip():
            return
        self.statistics.unparseable += 1
        named = suspects(raw) if source is self._cel else ()
        told = dict.fromkeys([*self.statistics.suspects, *named])
        self.statistics.suspects = tuple(told)[-_SUSPECTS_REMEMBERED:]
        log.warning("%s: %d bytes that are no record; of %s", source.tail.path.name, len(raw), named or "nobody known")


def _turn(record: Record) -> datetime:
    """When it is fed. Of the second in which the switch started, what CEL has of the time before comes first."""
    is_start = isinstance(record, QueueRecord) and record.event == "QUEUESTART"
    return record.at + timedelta(seconds=1) if is_start else record.at


def _as_list(place: Place | None) -> list[int] | None:
    return [place.inode, place.offset] if place else None


def _as_place(told: object) -> Place | None:
    if told is None:
        return None
    if not isinstance(told, list) or len(told) != 2 or not all(type(n) is int and n >= 0 for n in told):
        raise ValueError("A place is an inode and an offset.")
    return Place(told[0], told[1])
