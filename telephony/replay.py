"""Calls out of recorded frames: a recording's, a journal's, a whole stream's or a filtered one's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from telephony.ami.causes import endpoint
from telephony.ami.frames import Frame
from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallsMerged, CallSummary, LegSummary
from telephony.playback import Playback, Told


def derive(frames: Iterable[Frame], trunks: Sequence[str] = ("PJSIP/trunk",)) -> Iterator[CallSummary]:
    """The customer calls, in the order in which they began; those that the recording does not see end are lost."""
    tracker = CallTracker(trunks)
    playback = Playback(tracker)
    calls: dict[str, CallSummary] = {}
    for frame in frames:
        _collect(playback.feed(frame), calls)
    _collect(tracker.flush(), calls)
    began = datetime.max.replace(tzinfo=UTC)
    yield from sorted(calls.values(), key=lambda call: call.started_at or began)


def _collect(events: Iterable[Told], calls: dict[str, CallSummary]) -> None:
    for event in events:
        if isinstance(event, CallEnded):
            calls[event.uid] = event.summary
        elif isinstance(event, CallsMerged):
            calls.pop(event.merged, None)


def as_truth(call: CallSummary) -> dict[str, Any]:
    """A call in the words of the truth files that lie beside recordings, and our own facts; fit for JSON."""
    return {
        "linkedid": call.linkedid,
        "direction": call.direction.value,
        "customer": call.customer.number,
        "did": call.did,
        "queue": call.queue,
        "answered_by": [endpoint(line) for line in call.answered_by],
        "rang": [endpoint(line) for line in call.rang],
        "wait": call.wait,
        "talk": call.talk,
        "hold": call.hold,
        "hangup_by": call.hangup_by.value if call.hangup_by else None,
        "transfers": [
            {"type": one.kind, "by": endpoint(one.by), "to": endpoint(one.to), "result": one.result}
            for one in call.transfers
        ],
        "result": call.result.value if call.result else None,
        "uid": call.uid,
        "started_at": _iso(call.started_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "legs": [_leg(leg) for leg in call.legs],
        "cause": call.cause,
        "agent": endpoint(call.agent) if call.agent else None,
        "caller_name": call.customer.name,
        "withheld": call.customer.withheld,
    }


def _leg(leg: LegSummary) -> dict[str, Any]:
    return {
        "uid": leg.uid,
        "line": leg.line,
        "channel": leg.channel,
        "rang_at": _iso(leg.rang_at),
        "answered_at": _iso(leg.answered_at),
        "ended_at": _iso(leg.ended_at),
        "result": leg.result.value if leg.result else None,
        "talk": leg.talk,
    }


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if at else None
