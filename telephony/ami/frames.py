"""AMI frames as mappings, and how they are got from bytes: a socket's, a journal's or a recording's.

The wire form is lines `Name: value` ended by CR LF; an empty line ends the frame. Values are hostile: callers write
them.

A journal carries one line of ours before each frame: `Received: <epoch seconds>`, followed by a mark when the frame is
not an event that the switch sent by itself. That line counts only as the very first of a frame in a journal, where we
always write one: whatever a caller manages to put into a frame comes after it, so neither time nor mark can be forged.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO, TypeVar, cast, overload

T = TypeVar("T")

END = b"\r\n\r\n"
MAX_FRAME = 1 << 20  # bytes; what is longer is no frame of Asterisk's
_RECEIVED = b"Received: "
_BANNER = b"Asterisk Call Manager"


class Frame(Mapping[str, str]):
    """One AMI message. Header names keep their spelling; a repeated header's first value is the mapping's value.

    Headers are parsed on first touch, never raise, and bytes that are not UTF-8 become U+FFFD.
    `mark` is ours, never the switch's: what a journal says of this frame (see `telephony.journal.Mark`).
    """

    __slots__ = ("_first", "_repeated", "mark", "raw", "received")

    def __init__(self, raw: bytes, received: float | None = None, mark: str = "") -> None:
        self.raw = raw
        self.received = received
        self.mark = mark
        self._first: dict[str, str] | None = None
        self._repeated: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Frame:
        """A frame from headers, for tests and for snapshots."""
        return cls("\r\n".join(f"{name}: {value}" for name, value in headers.items()).encode())

    def _parse(self) -> dict[str, str]:
        lines = self.raw.decode("utf-8", "replace").split("\r\n")
        try:  # nearly all frames: every line is "Name: value" and no name comes twice
            first = dict([line.split(": ", 1) for line in lines])
        except ValueError:
            first = {}
        if len(first) != len(lines):
            first = self._parse_odd(lines)
        self._first = first
        return first

    def _parse_odd(self, lines: list[str]) -> dict[str, str]:
        values: dict[str, list[str]] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if colon:
                values.setdefault(name, []).append(value.removeprefix(" "))
        self._repeated = {name: several for name, several in values.items() if len(several) > 1}
        return {name: several[0] for name, several in values.items()}

    @property
    def name(self) -> str:
        """The event's name; empty for a response."""
        return self.get("Event", "")

    @property
    def at(self) -> datetime | None:
        """The switch's own clock (`timestampevents = yes`), else the time of arrival, else None."""
        for stamp in (self.get("Timestamp"), self.received):
            try:
                if stamp is not None:
                    return datetime.fromtimestamp(float(stamp), UTC)
            except (ValueError, OverflowError, OSError):
                continue
        return None

    @property
    def tainted(self) -> bool:
        """Does it look as no Asterisk writes (a line that is no header, a header twice)? Then its caller forged line
        breaks, and nothing irreversible may be concluded from it."""
        first = self._first if self._first is not None else self._parse()
        if not self.raw.startswith((b"Event: ", b"Response: ")):
            return True
        if self.raw.count(b"\n") != self.raw.count(b"\r\n"):
            return True
        if self._repeated is None:
            return False  # parsed the short way: every line is a header, and none comes twice
        if any(b":" not in line for line in self.raw.split(b"\r\n")):
            return True
        if not self._repeated or first.get("Event") in ("UserEvent", "TestEvent"):
            return False
        return any(not name.endswith(("Variable", "Output")) for name in self._repeated)

    def getlist(self, name: str) -> list[str]:
        """Every value of a header that may be repeated, in order."""
        first = self._first if self._first is not None else self._parse()
        if self._repeated and name in self._repeated:
            return self._repeated[name]
        return [first[name]] if name in first else []

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: T) -> str | T: ...
    def get(self, name: str, /, default: object = None) -> object:  # Mapping's raises and catches for each absence
        return (self._first if self._first is not None else self._parse()).get(name, default)

    def __getitem__(self, name: str) -> str:
        return (self._first if self._first is not None else self._parse())[name]

    def __contains__(self, name: object) -> bool:
        return name in (self._first if self._first is not None else self._parse())

    def __iter__(self) -> Iterator[str]:
        return iter(self._first if self._first is not None else self._parse())

    def __len__(self) -> int:
        return len(self._first if self._first is not None else self._parse())

    def __repr__(self) -> str:
        return f"<Frame {self.mark or self.name or 'Response'} {self.get('Uniqueid', '')}>"


def looks_torn(raw: bytes) -> bool:
    """Quickly, of any event: does it end between a caller's number and the channel's id?"""
    return b"\r\nLinkedid: " not in raw and b"\r\nChannelStateDesc: " in raw and b"\r\nCallerIDNum: " in raw


class FrameSplitter:
    """Bytes in, whole frames out; what is not whole yet is kept. A frame over `MAX_FRAME` is dropped and counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self._tail = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._tail:
            data = self._tail + data
        parts = data.split(END)
        self._tail = parts.pop()
        if self._skipping and parts:
            parts.pop(0)
            self._skipping = False
        if len(data) > MAX_FRAME:
            parts = self._within_limit(parts)
        return [part for part in parts if part]

    def _within_limit(self, parts: list[bytes]) -> list[bytes]:
        if len(self._tail) > MAX_FRAME:
            self.dropped += not self._skipping
            self._skipping, self._tail = True, self._tail[-3:]  # the end of frame may itself be cut in two
        kept = [part for part in parts if len(part) <= MAX_FRAME]
        self.dropped += len(parts) - len(kept)
        return kept


def parse(raw: bytes) -> Frame:
    """One frame as it stands in a journal, or (without a line of ours) in a recording."""
    if raw.startswith(_RECEIVED):
        line, _, rest = raw.partition(b"\r\n")
        stamp, _, mark = line[len(_RECEIVED) :].decode("ascii", "replace").partition(" ")
        try:
            return Frame(rest, float(stamp), mark)
        except ValueError:
            return Frame(rest, None, mark)
    return Frame(raw.removeprefix(b"\r\n"))


def journalled(raw: bytes, received: float, mark: str = "") -> bytes:
    """How a frame is written to a journal. Line ends at either side are cut off: with ours they would make an end of
    frame, and what follows one could pretend to be a line of ours."""
    raw = raw.strip(b"\r\n").replace(END, b"\r\n")
    line = f"{received:.6f} {mark}" if mark else f"{received:.6f}"
    return b"%s%s\r\n%s%s" % (_RECEIVED, line.encode(), raw or b"Empty: yes", END)


def read_frames(source: BinaryIO) -> Iterator[Frame]:
    """Frames of a recording or journal, plain or gzip; a banner line and a torn last frame are passed over.

    It is a journal when its first frame says so; only there are lines of ours believed, and frames without one are not.
    """
    head = source.read(2)
    stream: _Rejoined | gzip.GzipFile = _Rejoined(head, source)
    if head == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=cast(BinaryIO, stream))
    splitter = FrameSplitter()
    frames = (raw for chunk in _chunks(stream) for raw in splitter.feed(chunk))
    first = next(frames, b"")
    if first.startswith(_RECEIVED):
        yield parse(first)
        yield from (parse(raw) for raw in frames if raw.startswith(_RECEIVED))
    elif first:
        if first.startswith(_BANNER):
            first = first.partition(b"\r\n")[2]
        if first:
            yield Frame(first)
        yield from (Frame(raw.removeprefix(b"\r\n")) for raw in frames)


class _Rejoined:
    """A stream whose first bytes were already read (standard input cannot be rewound)."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        if self._head and size != 0:
            head, self._head = self._head, b""
            if size < 0:
                return head + self._rest.read()
            if len(head) >= size:
                self._head = head[size:]
                return head[:size]
            return head + self._rest.read(size - len(head))
        return self._rest.read(size)


def _chunks(stream: _Rejoined | gzip.GzipFile) -> Iterable[bytes]:
    """What can be read of it: a recording that was cut off in the middle of compression ends there."""
    try:
        while chunk := stream.read(1 << 18):
            yield chunk
    except EOFError:
        return
