"""The times that a caller spent in queues: begun in CEL (by the microsecond), explained by queue_log (by the second)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from telephony.books.records import CelRecord, QueueRecord

_SECOND = timedelta(seconds=1)
_AT_ONCE = timedelta(seconds=0.5)  # a queue that nobody may join lets the caller go within this
_REASONS = {"EXITWITHTIMEOUT": "TIMEOUT", "EXITEMPTY": "LEAVEEMPTY", "EXITWITHKEY": "EXITWITHKEY"}
_ENDS = frozenset({"CONNECT", "ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY"})


@dataclass(frozen=True, slots=True)
class Stint:
    """`status` is why the caller left unanswered, as QUEUESTATUS would say it; none if answered. `entered` is false of a
    queue that lets nobody in."""

    uniqueid: str
    queue: str
    joined: datetime
    left: datetime | None
    status: str
    entered: bool = True


def stints(own: Mapping[str, Sequence[CelRecord]], queue: Iterable[QueueRecord]) -> Iterator[Stint]:
    """`own`: the records of each channel, in the order of their times."""
    told: dict[str, list[QueueRecord]] = {}
    for entry in queue:
        told.setdefault(entry.uniqueid, []).append(entry)
    starts = sorted(record.at for records in own.values() for record in records if record.event == "CHAN_START")
    for uniqueid, records in own.items():
        entries = sorted(told.get(uniqueid, ()), key=lambda entry: entry.at)
        yield from _of_caller(records, entries, starts)


def _joins(record: CelRecord) -> bool:
    return record.event == "APP_START" and record.app.lower() == "queue"


def _of_caller(own: Sequence[CelRecord], told: Sequence[QueueRecord], channels: Sequence[datetime]) -> Iterator[Stint]:
    starts: list[datetime] = []
    for i, record in enumerate(own):
        if _joins(record):
            starts.append(record.at)
            yield _stint(record, own[i + 1 :], told, channels)
    for entry in told:
        if entry.event == "ENTERQUEUE" and not any(abs(start - entry.at) <= 2 * _SECOND for start in starts):
            yield _untimed(entry, own, told)


def _stint(
    start: CelRecord, after: Iterable[CelRecord], told: Sequence[QueueRecord], channels: Sequence[datetime]
) -> Stint:
    queue = start.app_data.partition(",")[0]
    end = next((record for record in after if _leaves(record)), None)
    left = end.at if end else None
    near = [record for record in told if _during(record.at, start.at, left) and record.queue == queue]
    status = next((_REASONS[record.event] for record in near if record.event in _REASONS), "TIMEOUT")
    if end is not None and end.event == "BRIDGE_ENTER":
        status = ""
    rejected = (
        end is not None
        and end.event in ("APP_END", "APP_START")
        and end.at - start.at < _AT_ONCE
        and not any(record.event == "ENTERQUEUE" for record in near)
        and bisect_left(channels, start.at) == bisect_right(channels, end.at)
    )
    return Stint(start.uniqueid, queue, start.at, left, "JOINEMPTY" if rejected else status, entered=not rejected)


def _leaves(record: CelRecord) -> bool:
    if record.event == "APP_END":
        return record.app.lower() == "queue"
    return record.event in ("APP_START", "BRIDGE_ENTER", "HANGUP", "CHAN_END")


def _during(second: datetime, start: datetime, end: datetime | None) -> bool:
    return start - _SECOND <= second and (end is None or second <= end + _SECOND)


def _untimed(entry: QueueRecord, own: Sequence[CelRecord], told: Sequence[QueueRecord]) -> Stint:
    """CEL was not told to write of queues."""
    joined = max(entry.at, own[0].at)
    end = next((r for r in told if r.event in _ENDS and r.at >= entry.at and r.queue == entry.queue), None)
    left = max(joined, end.at) if end else None
    status = _REASONS.get(end.event, "" if end.event == "CONNECT" else "TIMEOUT") if end else ""
    return Stint(entry.uniqueid, entry.queue, joined, left, status)
