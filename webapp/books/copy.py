"""The copy of a remote switch's books: each file of the switch is a file here, byte for byte, kept durably.

A generation is one file there, from its making until it is rotated away. What arrives is (generation, offset, bytes);
the same bytes twice change nothing, and what is acknowledged is on the disk.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from webapp.books.place import mark_of

KINDS = ("cel", "queue_log")
KEPT = 14  # generations of each kind, the present one included


class Gap(Exception):
    """Something is missing before what arrived; `wanted` is where to go on."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"go on at {wanted}")
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Copy:
    folder: Path
    kind: str

    @property
    def path(self) -> Path:
        """The present generation; earlier ones lie beside it as `cel.1`, `cel.2` and so on, as a log's do. Nothing else
        there has a name that begins so: whoever follows the file looks for them."""
        return self.folder / self.kind

    def accept(self, generation: str, offset: int, data: bytes) -> int:
        """Returns up to where this generation is here. Raises `Gap`; OSError when it cannot be kept.

        No data, right behind all that is here: there is no more of it now."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            names = self._names()
            path = self._of(generation, names)
            if path is not None and not _agrees(path, offset, data):
                path = None  # another file that was given the same number, or one that was emptied
            size = path.stat().st_size if path else 0
            if offset > size:
                raise Gap(size)
            fresh = data[size - offset :]
            if path is None:
                path = self._begin(generation, names)
            if fresh:
                _append(path, size, fresh)
            if not data and path == self.path:
                mark_of(self.path).touch(mode=0o600)
            return size + len(fresh)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Several web processes may receive; one at a time writes."""
        with (self.folder / f".{self.kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _of(self, generation: str, names: dict[str, str]) -> Path | None:
        """The newest file of this generation."""
        for path in [self.path, *self._earlier()]:
            if path.exists() and names.get(str(path.stat().st_ino)) == generation:
                return path
        return None

    def _begin(self, generation: str, names: dict[str, str]) -> Path:
        """A new present file. Whatever moment this is cut off at, the next try goes on from there."""
        made = self.folder / f".{self.kind}.new"
        made.unlink(missing_ok=True)
        made.touch(mode=0o600)
        present = [path for path in [self.path, *self._earlier()] if path.exists()]
        inodes = {str(path.stat().st_ino) for path in present[: KEPT - 1]}
        self._write_names(
            {inode: name for inode, name in names.items() if inode in inodes} | {str(made.stat().st_ino): generation}
        )
        for path in reversed(present):
            number = int(path.name.rpartition(".")[2]) if path != self.path else 0
            if number + 1 >= KEPT:
                path.unlink()
            else:
                path.rename(self.folder / f"{self.kind}.{number + 1}")
        made.rename(self.path)
        _sync(self.folder)
        return self.path

    def _earlier(self) -> list[Path]:
        return [self.folder / f"{self.kind}.{number}" for number in range(1, KEPT)]

    def _names(self) -> dict[str, str]:
        """Which generation each file here is, by its inode: that stays when a file is renamed."""
        try:
            found: dict[str, str] = json.loads((self.folder / f".{self.kind}.json").read_text(encoding="utf-8"))
            return found
        except FileNotFoundError:
            return {}

    def _write_names(self, names: dict[str, str]) -> None:
        draft = self.folder / f".{self.kind}.json.new"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(names, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.folder / f".{self.kind}.json")


def _agrees(path: Path, offset: int, data: bytes) -> bool:
    """As far as it is here already, what arrived is the same."""
    with path.open("rb") as file:
        file.seek(offset)
        return data.startswith(file.read(len(data)))


def _append(path: Path, size: int, data: bytes) -> None:
    """All of it, on the disk, or nothing."""
    with path.open("r+b") as file:
        try:
            file.seek(size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), size)
            raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
