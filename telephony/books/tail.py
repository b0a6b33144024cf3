"""Follows a file that another program writes: whole records only, through rotation, truncation and restarts."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

MOST_RECORD = 64 << 10  # bytes; what is longer without an end is no record, and is passed over
_FINGERPRINT = 1024  # enough to hold the time of a record

# Inside a quoted field every quote is doubled, so no text of a caller can look like this: here a record begins,
# whatever stands before it, also if that one was torn.
_BEGINS = re.compile(rb'\n(?="[A-Za-z0-9_ -]{1,80}","[0-9])')
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")


@dataclass(frozen=True, slots=True)
class Place:
    """In a file, however it is called by now: `offset` bytes of the file with this inode are done with."""

    inode: int
    offset: int


class Tail:
    """One file by name, which need not exist yet. Nothing is held open between two reads."""

    def __init__(self, path: Path, place: Place | None, *, quoted: bool = True) -> None:
        """`quoted`: a record is a CSV row, which may span lines inside quotes; else it is a line."""
        self.path = path
        self._place = place
        self._quoted = quoted
        self._before = b""  # what stood right before our place, to notice that the file was truncated and grew again
        self._resumed = place is not None and place.offset > 0
        self.gaps = 0  # times that something may have been missed: our file was gone, or had become shorter

    @property
    def place(self) -> Place | None:
        return self._place

    @property
    def behind(self) -> int:
        """Bytes that are there and were not read (of the present file, when ours is an older one: of both)."""
        total = 0
        for path in self._files():
            try:
                status = path.stat()
            except OSError:
                continue
            ours = self._place is not None and status.st_ino == self._place.inode
            total += max(0, status.st_size - (self._place.offset if ours and self._place else 0))
        return total

    def read(self, most_bytes: int) -> list[tuple[bytes, Place]]:
        """The next records, and the place right behind each. At most about `most_bytes` in all, unless one record is
        longer. Empty: nothing whole is there now."""
        files = self._files()
        for i, path in enumerate(files):
            # a program may go on writing to a renamed file; once a newer one has something in it, it does so no more
            complete = any(_size(newer) for newer in files[i + 1 :])
            found = self._read_file(path, most_bytes, complete)
            if found or not complete:
                return found
        return []

    def _files(self) -> list[Path]:
        """From the one that we were in to the present one, in the order in which they were written."""
        present = _inode(self.path)
        if self._place is None or present == self._place.inode:
            return [self.path]
        older = self._rotated()
        names = [path for _, inode, path in older if inode == self._place.inode]
        if not names:
            if present is not None:
                log.warning("%s: the file that was read last is gone; going on with the present one", self.path)
                self.gaps += 1
                self._move(Place(present, 0))
            return [self.path]
        since = next(written for written, inode, _ in older if inode == self._place.inode)
        between = [path for written, inode, path in older if inode != self._place.inode and written >= since]
        return [names[0], *between, self.path]

    def _rotated(self) -> list[tuple[int, int, Path]]:
        """Files beside ours that were once called so: when they were written last, their inodes, their names."""
        found = []
        try:
            names = tuple(self.path.name + mark for mark in ".-")
            entries = [entry for entry in os.scandir(self.path.parent) if entry.name.startswith(names)]
        except OSError:
            return []
        for entry in entries:
            if entry.name.endswith(_COMPRESSED):
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, status.st_ino, Path(entry.path)))
            except OSError:
                continue
        return sorted(found)

    def _read_file(self, path: Path, most_bytes: int, complete: bool) -> list[tuple[bytes, Place]]:
        most = max(most_bytes, MOST_RECORD + 1)
        try:
            with path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if not self._is_at(file.fileno(), status.st_ino, status.st_size):
                    return self.read(most_bytes) if self._after_truncation(status.st_ino) else []
                offset = self._place.offset if self._place else 0
                data = os.pread(file.fileno(), most, offset)
        except OSError:
            return []
        found = []
        for record in self._split(data, complete and len(data) < most):
            offset += len(record)
            found.append((record, Place(status.st_ino, offset)))
        if found:
            done = sum(len(record) for record, _ in found)
            self._before = (self._before + data[:done])[-_FINGERPRINT:]
            self._place, self._resumed = found[-1][1], False
        return found

    def _is_at(self, descriptor: int, inode: int, size: int) -> bool:
        """Are we where this file goes on? Not if it was truncated since."""
        place = self._place
        if place is None or place.inode != inode:
            self._move(Place(inode, 0))
            return True
        return place.offset <= size and self._is_behind_us(descriptor, place.offset)

    def _is_behind_us(self, descriptor: int, offset: int) -> bool:
        if self._resumed:  # of another life's place only this much is known: it is behind a line
            return os.pread(descriptor, 1, offset - 1) == b"\n"
        return os.pread(descriptor, len(self._before), offset - len(self._before)) == self._before

    def _after_truncation(self, inode: int) -> bool:
        """What was not read of the old text is in a copy beside it, if it was copied before."""
        place = self._place
        for _, other, path in reversed(self._rotated()):
            with suppress(OSError), path.open("rb", buffering=0) as copy:
                size = os.fstat(copy.fileno()).st_size
                if (
                    place
                    and other != inode
                    and size >= place.offset
                    and self._is_behind_us(copy.fileno(), place.offset)
                ):
                    self._place = Place(other, place.offset)
                    return True
        log.warning("%s was truncated; reading it from its beginning", self.path)
        self.gaps += 1
        self._move(Place(inode, 0))
        return True

    def _move(self, place: Place) -> None:
        self._place, self._before, self._resumed = place, b"", False

    def _split(self, data: bytes, at_end: bool) -> Iterator[bytes]:
        """Whole records. `at_end`: nothing follows any more, so what is left over is one too (or the torn half of one)."""
        start = 0
        begins = [found.end() for found in _BEGINS.finditer(data)] if self._quoted else []
        for limit in [*begins, len(data)]:
            closed = limit < len(data) or at_end  # a record begins there, so whatever is open was torn
            while start < limit:
                end = self._end(data, start, limit)
                if end is None:
                    if not closed and limit - start <= MOST_RECORD:
                        return
                    end = limit if closed else _cut(data, start, limit)
                yield data[start:end]
                start = end

    def _end(self, data: bytes, start: int, limit: int) -> int | None:
        """Behind the first line break that is not inside quotes."""
        line = start
        quotes = 0
        while (end := data.find(b"\n", line, limit)) >= 0:
            quotes += data.count(b'"', line, end) if self._quoted else 0
            line = end + 1
            if quotes % 2 == 0:
                return line
        return None


def _cut(data: bytes, start: int, limit: int) -> int:
    """Somewhere in what is too long to be a record: behind a line, if there is one."""
    return data.find(b"\n", start, limit) + 1 or limit


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
