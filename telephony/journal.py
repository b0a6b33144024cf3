"""The flight recorder: every frame that the switch sent, as it was sent, appended to files before anyone looks at it.

It is also the queue between the thread that reads the switch and the one that delivers: the reader waits for this disk
and for nothing else, and what cannot be delivered now lies here until it can. A position is a segment and an offset.

Beside the switch's frames it holds marked ones of our own (`Mark`): who plays it again sees what the bridge saw.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from telephony.ami.frames import END, MAX_FRAME, Frame, journalled, parse

log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 << 20
CHUNK = 1 << 18
_RECEIVED = b"Received: "
_AFRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Mark(StrEnum):
    """What stands on the `Received:` line of a frame that is not an event which the switch sent by itself."""

    GAP = "gap"  # the connection was lost: what happened from here to the next snapshot nobody saw
    SNAPSHOT = "snapshot"  # the connection is back, or looked at again; what is alive follows ...
    CHANNEL = "channel"  # ... entries of CoreShowChannels
    QUEUE = "queue"  # ... entries of QueueStatus
    RESYNC = "resync"  # ... and is complete. `At`: the switch's clock; `Restarted: yes`: it was itself restarted;
    # `Unbroken: yes`: the connection stood since the last one


class Position(NamedTuple):
    segment: int
    offset: int


class Entry(NamedTuple):
    position: Position  # where it begins
    frame: Frame


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far delivery is, and from where to read again so that all calls which are still open are known."""

    origin: Position
    delivered: Position


class JournalBusy(Exception):
    """Another process (or object) has this journal open."""


class Journal:
    """One directory, one writer. Every start begins a new segment, so a torn end needs no repair: it is passed over."""

    def __init__(self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self._segment_bytes = segment_bytes
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = _locked(directory / "lock")
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._file = -1
        self._end = Position(max(self.segments(), default=0), 0)
        self._roll()

    # ---------------------------------------------------------------------------------------------------- writing

    def append(self, frames: Sequence[bytes], *, at: float | None = None) -> None:
        """The switch's own frames, in one write. Raises OSError; then none of them counts as written."""
        received = time.time() if at is None else at
        self._write(b"".join([journalled(raw, received) for raw in frames]))

    def record(self, entries: Iterable[tuple[Mark, bytes]], *, at: float | None = None) -> None:
        """Frames with a mark of ours, in one write."""
        received = time.time() if at is None else at
        self._write(b"".join([journalled(raw, received, mark) for mark, raw in entries]))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with self._writing:
            if self._end.offset >= self._segment_bytes or self._file < 0:
                self._roll()
            try:
                _write_all(self._file, data)
            except OSError:
                os.close(self._file)
                self._file = -1  # a part may have been written: the next write begins a new segment
                raise
            with self._changed:
                self._end = Position(self._end.segment, self._end.offset + len(data))
                self._changed.notify_all()

    def _roll(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        number = self._end.segment + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path(number), flags, 0o600)
        with self._changed:
            self._end = Position(number, 0)
            self._changed.notify_all()

    def close(self) -> None:
        with self._writing:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1
        with self._changed:
            self._changed.notify_all()

    # ---------------------------------------------------------------------------------------------------- reading

    @property
    def end(self) -> Position:
        return self._end

    def segments(self) -> list[int]:
        return sorted(int(path.stem) for path in self.directory.glob("*.ami") if path.stem.isdigit())

    def path(self, segment: int) -> Path:
        return self.directory / f"{segment:012d}.ami"

    def start(self) -> Position:
        return Position(min(self.segments(), default=self._end.segment), 0)

    def wait_beyond(self, position: Position, timeout: float) -> bool:
        """Until there is something after `position`, at most `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._end > position and self._end.offset > 0, timeout)

    def behind(self, position: Position) -> int:
        """Bytes that a reader at `position` has still to read."""
        end = self._end
        if position.segment == end.segment:
            return max(0, end.offset - position.offset)
        closed = [number for number in self.segments() if position.segment <= number < end.segment]
        return max(0, sum(self._size(number) for number in closed) + end.offset - position.offset)

    def _size(self, segment: int) -> int:
        if segment == self._end.segment:
            return self._end.offset
        try:
            return self.path(segment).stat().st_size
        except FileNotFoundError:
            return 0

    # -------------------------------------------------------------------------------------------- keeping, pruning

    def load_cursor(self) -> Cursor:
        """Where to go on; the very beginning when nothing (readable) is stored."""
        try:
            stored = json.loads((self.directory / "cursor").read_text())
            return Cursor(Position(*map(int, stored["origin"])), Position(*map(int, stored["delivered"])))
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            log.error("the journal's cursor is unreadable (%s): everything is delivered again", error)
        return Cursor(self.start(), self.start())

    def save_cursor(self, cursor: Cursor) -> None:
        self.save("cursor", json.dumps({"origin": cursor.origin, "delivered": cursor.delivered}))

    def save(self, name: str, text: str) -> None:
        """A small file beside the segments: either the old text or the new one is there, whatever happens."""
        temporary = self.directory / f"{name}.new"
        file = os.open(temporary, _AFRESH, 0o600)
        try:
            _write_all(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(self.directory / name)

    def note(self, name: str, line: str) -> None:
        """One more line in a file beside the segments."""
        file = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, line.encode("utf-8", "replace") + b"\n")
        finally:
            os.close(file)

    def keep_notes(self, name: str, wanted: Callable[[bytes], bool]) -> None:
        """Only these lines of the file that `note` writes; without any it is deleted."""
        path, kept = self.directory / name, self.directory / f"{name}.new"
        if not path.exists():
            return
        with path.open("rb") as notes, os.fdopen(os.open(kept, _AFRESH, 0o600), "wb") as output:
            output.writelines(line for line in notes if wanted(line))
            output.flush()
            os.fsync(output.fileno())
        kept.replace(path)
        if not path.stat().st_size:
            path.unlink()

    def saved(self, name: str) -> str | None:
        try:
            return (self.directory / name).read_text()
        except FileNotFoundError:
            return None

    def prune(self, older_than: float, cursor: Cursor) -> int:
        """Delete segments last written before `older_than` (epoch seconds), never one that is still needed."""
        needed = min(cursor.origin.segment, cursor.delivered.segment, self._end.segment)
        pruned = 0
        for segment in self.segments():
            if segment < needed and self.path(segment).stat().st_mtime < older_than:
                self.path(segment).unlink()
                pruned += 1
        return pruned


class JournalReader:
    """Follows a journal from a position on, over all segments, to its end and beyond."""

    def __init__(self, journal: Journal, position: Position) -> None:
        self.position = position  # the first entry that was not read yet
        self._journal = journal
        self._file = -1
        self._opened = -1

    def read(self, timeout: float) -> list[Entry]:
        """The next entries: at most a chunk of them, at least one unless `timeout` seconds pass without."""
        deadline = time.monotonic() + timeout
        while True:
            end = self._journal.end  # taken first: a segment that was closed by now gets nothing more
            if entries := self._next_entries():
                return entries
            if self.position.segment < end.segment and self._next_segment():
                continue
            if not self._journal.wait_beyond(self.position, deadline - time.monotonic()):
                return []

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = self._opened = -1

    def _next_entries(self) -> list[Entry]:
        segment, offset = self.position
        limit = self._journal._size(segment) - offset  # what is written after this moment is for the next time
        size = CHUNK
        while limit > 0 and self._open(segment):
            data = os.pread(self._file, min(size, limit), offset)
            parts = data.split(END)
            parts.pop()
            if parts:
                return self._entries(parts)
            if size >= limit or size > MAX_FRAME + CHUNK:
                return []
            size *= 4
        return []

    def _entries(self, parts: list[bytes]) -> list[Entry]:
        segment, offset = self.position
        entries = []
        for raw in parts:
            if raw.startswith(_RECEIVED):  # anything else is no writing of ours
                entries.append(Entry(Position(segment, offset), parse(raw)))
            offset += len(raw) + len(END)
        self.position = Position(segment, offset)
        return entries or self._next_entries()

    def _next_segment(self) -> bool:
        later = [number for number in self._journal.segments() if number > self.position.segment]
        if not later:
            return False
        if torn := self._journal._size(self.position.segment) - self.position.offset:
            log.warning("journal segment %d has a torn end of %d bytes", self.position.segment, torn)
        self.position = Position(later[0], 0)
        return True

    def _open(self, segment: int) -> bool:
        if self._opened != segment:
            self.close()
            try:
                self._file = os.open(self._journal.path(segment), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            self._opened = segment
        return True


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise JournalBusy(f"{path.parent} is in use by another bridge") from None
    return file
