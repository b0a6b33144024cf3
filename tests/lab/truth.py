"""What a story says that truly happened, and where the product's rows say something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telephony.events import CallSummary
from tests.lab.desk import Desk
from webapp.calls.models import Call
from webapp.tasks.models import Callback

TOLERANCE = 1.0  # seconds: times are as scripted, and phones are not exact


@dataclass(frozen=True, slots=True)
class Leg:
    """A phone's part. `talk` is not looked at when it is None."""

    who: str
    result: str
    talk: float | None = None
    rang: bool = True


def answered(who: str, talk: float | None = None, *, rang: bool = True) -> Leg:
    return Leg(who, "answered", talk, rang)


def missed(who: str, how: str = "no_answer", *, rang: bool = True) -> Leg:
    return Leg(who, how, rang=rang)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One conversation. People and customers are named as in the story; `callback` is None, "open", or how it was closed
    (and by which customer call of the story, counted from 0: "rang_in by 1")."""

    direction: str
    result: str
    customer: str | None = None  # as the row must have it, E.164; None: not a number, or not shown
    raw: str | None = None
    name: str | None = None
    did: str | None = None
    queue: str | None = None
    by: str | None = None  # who hung up
    legs: tuple[Leg, ...] = ()
    wait: float | None = None
    talk: float = 0.0
    hold: float = 0.0
    transfers: tuple[tuple[str, str, str, str], ...] = ()
    callback: str | None = None
    withheld: bool = False
    agent: str | None = None  # outbound: who placed it
    cause: int | None = None  # looked at when given


def inbound(desk: Desk, what: int, result: str, *legs: Leg, which: int = 1, **more: Any) -> Truth:
    facts: dict[str, Any] = {
        "customer": f"+30{desk.customer(which)}", "by": "customer", "callback": None if result == "answered" else "open",
    }  # fmt: skip
    return Truth(direction="inbound", result=result, did=desk.did(what), legs=legs, **facts | more)


def outbound(desk: Desk, agent: str, result: str, *legs: Leg, which: int = 1, **more: Any) -> Truth:
    facts: dict[str, Any] = {"customer": f"+30{desk.customer(which)}", "by": "customer"}
    return Truth(direction="outbound", result=result, agent=agent, legs=legs, **facts | more)


@dataclass(slots=True)
class Told:
    """What the product has, in the order in which the calls began."""

    calls: Sequence[Call]
    summaries: Mapping[str, CallSummary]  # by Call.uid, from the journal
    callbacks: Mapping[Any, Callback] = field(default_factory=dict)  # by the id of a missed call

    def of(self, desk: Desk) -> Told:
        """What belongs to the story that was played at this desk."""
        mine = [call for call in self.calls if _belongs(call, self.summaries.get(call.uid), desk)]
        return Told(mine, self.summaries, self.callbacks)

    def differences(self, desk: Desk, truths: Sequence[Truth]) -> list[str]:
        if len(self.calls) != len(truths):
            rows = [f"{call.direction} {call.number} {call.did} {call.result} {call.uid}" for call in self.calls]
            return [f"{len(self.calls)} rows for {len(truths)} conversations: {rows}"]
        return [
            f"call {number}: {difference}"
            for number, (call, truth) in enumerate(zip(self.calls, truths, strict=True))
            for difference in self._differences(desk, call, truth)
        ]

    def _differences(self, desk: Desk, call: Call, truth: Truth) -> list[str]:
        summary = self.summaries.get(call.uid)
        is_told: dict[str, Any] = {
            "state": call.state.value,
            "direction": call.direction.value,
            "result": call.result and call.result.value,
            "customer": call.number,
            "did": call.did,
            "queue": call.queue,
            "by": call.hangup_by and call.hangup_by.value,
            "legs": sorted((desk.person_of(leg.line), leg.result and leg.result.value) for leg in call.legs),
            "answered by": _answered_by(desk, call),
            "withheld": call.withheld,
            "callback": self._callback(call),
            "transfers": [
                (each.kind, desk.person_of(each.by), _target(desk, each.to), each.result) for each in summary.transfers
            ] if summary else "not in the journal",
        }  # fmt: skip
        expected: dict[str, Any] = {
            "state": "ended",
            "direction": truth.direction,
            "result": truth.result,
            "customer": truth.customer,
            "did": truth.did,
            "queue": truth.queue,
            "by": truth.by,
            "legs": sorted((leg.who, leg.result) for leg in truth.legs),
            "answered by": list(dict.fromkeys(leg.who for leg in truth.legs if leg.result == "answered")),
            "withheld": truth.withheld,
            "callback": truth.callback,
            "transfers": list(truth.transfers),
        }
        for key, row, value in (
            ("raw", call.number_raw, truth.raw), ("name", call.name_raw, truth.name), ("cause", call.cause, truth.cause),
            ("agent", desk.person_of(summary.agent) if summary and summary.agent else None, truth.agent),
        ):  # fmt: skip
            if value is not None:
                is_told[key], expected[key] = row, value
        found = [
            f"{key} is {is_told[key]!r}, not {expected[key]!r}" for key in expected if is_told[key] != expected[key]
        ]
        return found + self._wrong_times(desk, call, truth)

    def _wrong_times(self, desk: Desk, call: Call, truth: Truth) -> list[str]:
        times = [("talk", call.talk_seconds, truth.talk), ("hold", call.hold_seconds, truth.hold)]
        if truth.wait is not None:
            times.append(("wait", call.wait_seconds, truth.wait))
        talked: dict[str, float] = {}
        for leg in call.legs:
            talked[desk.person_of(leg.line)] = talked.get(desk.person_of(leg.line), 0.0) + leg.talk_seconds
        times += [
            (f"talk of {leg.who}", talked.get(leg.who, 0.0), leg.talk) for leg in truth.legs if leg.talk is not None
        ]
        slack = _delay(call, truth)
        wrong = [
            f"{what} is {row:.2f} s, not {true} s"
            for what, row, true in times
            if not -TOLERANCE <= row - true <= TOLERANCE + slack
        ]
        if any(leg.ended_at is None for leg in call.legs):
            wrong.append("a leg is open")
        return wrong

    def _callback(self, call: Call) -> str | None:
        callback = self.callbacks.get(call.id)
        if callback is None or callback.is_open:
            return "open" if callback else None
        closer = next((n for n, other in enumerate(self.calls) if other.id == callback.closed_by_call_id), None)
        return f"{callback.closed_as} by {closer}"


def _belongs(call: Call, summary: CallSummary | None, desk: Desk) -> bool:
    numbers = {f"+30{desk.customer(which)}" for which in (1, 2, 3)}
    lines = [leg.line for leg in call.legs] + ([summary.agent] if summary and summary.agent else [])
    return (
        call.number in numbers
        or (call.did or "").startswith(f"21{desk.number:02}000")
        or any(desk.owns(line) for line in lines)
    )


def _delay(call: Call, truth: Truth) -> float:
    """How much longer than scripted all of it took, on a machine that has other things to do."""
    if call.ended_at is None:
        return 0.0
    scripted = (truth.wait or 0.0) + truth.talk + truth.hold
    return max(0.0, (call.ended_at - call.started_at).total_seconds() - scripted)


def _answered_by(desk: Desk, call: Call) -> list[str]:
    legs = sorted(call.answered_legs, key=lambda leg: leg.answered_at)  # type: ignore[arg-type, return-value]
    return list(dict.fromkeys(desk.person_of(leg.line) for leg in legs))


def _target(desk: Desk, to: str) -> str:
    return desk.person_of(to if "/" in to else f"PJSIP/{to}").removeprefix("PJSIP/")
