"""Calls out of recorded frames: a recording's, a journal's, a whole stream's or a filtered one's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from telephony.ami.causes import endpoint
from telephony.ami.frames import Frame
from telephony.ami.tracker import CallTracker
from telephony.events import (
    CallEnded,
    Caller,
    CallsMerged,
    CallSummary,
    Direction,
    HungUpBy,
    LegResult,
    LegSummary,
    Result,
    Transfer,
)
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


def from_truth(told: Mapping[str, Any]) -> CallSummary:
    """The call of which `as_truth` told. A line that is no leg's is known without its technology."""
    legs = tuple(_leg_of(leg) for leg in told["legs"])
    lines = {endpoint(leg.line): leg.line for leg in legs}

    def line(name: str) -> str:
        return lines.get(name, name)

    return CallSummary(
        uid=told["uid"],
        linkedid=told["linkedid"],
        direction=Direction(told["direction"]),
        customer=Caller(told["customer"], told["caller_name"], told["withheld"]),
        did=told["did"],
        queue=told["queue"],
        agent=line(told["agent"]) if told["agent"] else None,
        result=Result(told["result"]) if told["result"] else None,
        hangup_by=HungUpBy(told["hangup_by"]) if told["hangup_by"] else None,
        cause=told["cause"],
        started_at=_moment(told["started_at"]),
        answered_at=_moment(told["answered_at"]),
        ended_at=_moment(told["ended_at"]),
        answered_by=tuple(map(line, told["answered_by"])),
        rang=tuple(map(line, told["rang"])),
        wait=told["wait"],
        talk=told["talk"],
        hold=told["hold"],
        transfers=tuple(
            Transfer(one["type"], line(one["by"]), line(one["to"]), one["result"]) for one in told["transfers"]
        ),
        legs=legs,
    )


def _leg_of(told: Mapping[str, Any]) -> LegSummary:
    return LegSummary(
        uid=told["uid"],
        line=told["line"],
        channel=told["channel"],
        rang_at=_moment(told["rang_at"]),
        answered_at=_moment(told["answered_at"]),
        ended_at=_moment(told["ended_at"]),
        result=LegResult(told["result"]) if told["result"] else None,
        talk=told["talk"],
    )


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


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
