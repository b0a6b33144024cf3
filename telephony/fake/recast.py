"""A recorded call as another call: other identities, people and times. For playing recordings again and again."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from telephony.ami.frames import Frame

TRUNK = "PJSIP/trunk"
_CHANNEL = re.compile(r"(?P<endpoint>[A-Za-z0-9]+/.+)-[0-9a-f]{8}(?P<half>;[12])?")
_PEOPLE = ("CallerID", "ConnectedLine", "DestCallerID", "DestConnectedLine")  # + Num, + Name
_UNSET = ("", "<unknown>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recast:
    """What is to be different; None keeps what was recorded. `uid` becomes the call's id (of a click-to-call)."""

    caller: str | None = None
    caller_name: str | None = None
    did: str | None = None
    queue: str | None = None
    lines: Mapping[str, str] = field(default_factory=dict)  # {"PJSIP/1001": "PJSIP/alice"}
    uid: str | None = None
    trunk: str = TRUNK


@dataclass(frozen=True, slots=True)
class Recorded:
    """Who and what a recording is about, as far as it can be seen in it."""

    number: str | None = None
    did: str | None = None
    queue: str | None = None


def recorded(frames: Iterable[Frame], trunk: str = TRUNK) -> Recorded:
    number = did = queue = None
    for frame in frames:
        if number is None and frame.name == "Newchannel" and frame.get("Channel", "").startswith(f"{trunk}-"):
            if frame.get("CallerIDNum", "") not in _UNSET and frame.get("Uniqueid") == frame.get("Linkedid"):
                number, did = frame.get("CallerIDNum"), frame.get("Exten")
        elif number is None and frame.name == "DialBegin" and frame.get("DialString", "").endswith(f"@{_peer(trunk)}"):
            number = frame["DialString"].partition("@")[0]
        elif queue is None and frame.name == "QueueCallerJoin":
            queue = frame.get("Queue")
    return Recorded(number, did, queue)


class Recaster:
    """Makes recordings into new calls; one for all that play at the same switch, so that no two share an identity."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def cast(self, frames: Sequence[Frame], recast: Recast) -> Iterator[tuple[float, bytes]]:
        """Each event with the seconds since the recording's first one. Timestamps are for the player to set."""
        was = recorded(frames, recast.trunk)
        tokens = self._identities(frames, recast)
        for old, new in ((was.number, recast.caller), (was.did, recast.did), *recast.lines.items()):
            if old and new is not None:
                tokens[old] = new
        pattern = _any_of(tokens)
        first: float | None = None
        for frame in frames:
            moment = _moment(frame)
            if moment is None or not frame.name:
                continue
            first = moment if first is None else first
            yield moment - first, _rewritten(frame, was, recast, tokens, pattern)

    def _identities(self, frames: Sequence[Frame], recast: Recast) -> dict[str, str]:
        """Old to new, for Uniqueids and Linkedids, bridges and channel names."""
        new: dict[str, str] = {}
        epoch = int(time.time())
        for frame in frames:
            for name, value in frame.items():
                if value in new or value in _UNSET:
                    continue
                if name.endswith(("Uniqueid", "UniqueID", "Linkedid")):
                    new[value] = str(uuid4()) if "Bridge" in name else f"{epoch}.{next(self._numbers)}"
                elif name.endswith("Channel") and (channel := _CHANNEL.fullmatch(value)):
                    self._channel(new, channel, recast.lines)
        if recast.uid is not None and (oldest := _oldest(frames)):
            new[oldest] = recast.uid
        return new

    def _channel(self, new: dict[str, str], channel: re.Match[str], lines: Mapping[str, str]) -> None:
        endpoint, half = channel["endpoint"], channel["half"] or ""
        name = f"{lines.get(endpoint, endpoint)}-{next(self._numbers):08x}"
        whole = channel[0].removesuffix(half)
        for part in (";1", ";2") if half else ("",):  # both halves of a Local channel share the name
            new[whole + part] = name + part


def _rewritten(
    frame: Frame, was: Recorded, recast: Recast, tokens: Mapping[str, str], pattern: re.Pattern[str] | None
) -> bytes:
    customer = {
        f"{person}Name"
        for person in _PEOPLE
        if recast.caller_name is not None and was.number and frame.get(f"{person}Num") == was.number
    }
    lines = []
    for name in frame:
        for value in frame.getlist(name):
            if name in customer:
                value = recast.caller_name or ""
            elif name == "Queue" and value == was.queue and recast.queue is not None:
                value = recast.queue
            elif pattern is not None and name not in ("Event", "Privilege", "Timestamp"):
                value = pattern.sub(lambda found: tokens[found[0]], value)
            lines.append(f"{name}: {value}")
    return "\r\n".join(lines).encode()


def stamped(raw: bytes, moment: float) -> bytes:
    """The same frame at another time."""
    return re.sub(rb"\r\nTimestamp: [0-9.]*", b"\r\nTimestamp: %.6f" % moment, raw, count=1)


def _any_of(tokens: Mapping[str, str]) -> re.Pattern[str] | None:
    if not tokens:
        return None
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile(rf"(?<![0-9A-Za-z_])(?:{'|'.join(map(re.escape, longest_first))})(?![0-9A-Za-z_])")


def _oldest(frames: Iterable[Frame]) -> str | None:
    return next((frame["Linkedid"] for frame in frames if frame.name == "Newchannel" and "Linkedid" in frame), None)


def _moment(frame: Frame) -> float | None:
    at = frame.at
    return None if at is None else at.timestamp()


def _peer(endpoint: str) -> str:
    return endpoint.partition("/")[2]
