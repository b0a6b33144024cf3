"""Every real call is one true row, every caller whom nobody talked to is one entry: compared, and all offenders named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.chaos.truth import TrueCall
from webapp.calls.models import Call, CallState
from webapp.tasks.models import Callback, CallbackCall, CallbackKind

NEAR = 1.0  # seconds: AMI and CEL tell the same moment within milliseconds, a list of channels to the second


@dataclass(frozen=True, slots=True)
class Offence:
    kind: str
    who: str
    what: str


@dataclass(slots=True)
class Verdict:
    """`counts`: what was compared. `furthest`: the greatest difference of each time, in seconds."""

    counts: dict[str, int] = field(default_factory=dict)
    furthest: dict[str, float] = field(default_factory=dict)
    offences: list[Offence] = field(default_factory=list)

    @property
    def kinds(self) -> Mapping[str, int]:
        return Counter(offence.kind for offence in self.offences)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the product wrote."""

    calls: Sequence[Call]
    callbacks: Sequence[Callback]
    links: Sequence[CallbackCall]

    @classmethod
    def read(cls, database_url: str) -> Rows:
        engine = sa.create_engine(database_url)
        try:
            with Session(engine, expire_on_commit=False) as session:
                return cls(
                    *(session.scalars(sa.select(model)).unique().all() for model in (Call, Callback, CallbackCall))
                )
        finally:
            engine.dispose()


def check(truth: Sequence[TrueCall], rows: Rows, *, withheld: Iterable[str] = ()) -> Verdict:
    """`withheld`: uids of the callers who did not want their number shown."""
    verdict = Verdict()
    withheld = frozenset(withheld)
    ours: dict[str, Call] = {call.uid: call for call in rows.calls}
    verdict.counts = {
        "calls by CEL": len(truth),
        "calls in the database": len(rows.calls),
        "inbound": sum(call.direction == "inbound" for call in truth),
        "outbound": sum(call.direction == "outbound" for call in truth),
        "answered": sum(call.answered is not None for call in truth),
        "missed": sum(call.missed for call in truth),
        "withheld": len(withheld),
        "callbacks": len(rows.callbacks),
        "callbacks open": sum(callback.is_open for callback in rows.callbacks),
        "callbacks closed and empty": _closed_and_empty(rows),
        "links": len(rows.links),
    }
    verdict.offences += _of_calls(truth, ours, withheld, verdict)
    verdict.offences += _needless(truth, rows.calls)
    verdict.offences += _of_links(truth, ours, rows)
    verdict.offences += _of_callbacks(truth, ours, rows)
    return verdict


def _of_calls(
    truth: Sequence[TrueCall], ours: Mapping[str, Call], withheld: frozenset[str], verdict: Verdict
) -> Iterator[Offence]:
    for true in truth:
        who = _name(true)
        call = ours.get(true.uid)
        if call is None:
            yield Offence("lost", who, "no row")
            continue
        if call.state is not CallState.ENDED:
            yield Offence("not over", who, f"state {call.state.value}")
        if call.direction.value != true.direction:
            yield Offence("direction", who, call.direction.value)
        number = None if true.uid in withheld else normal(true.number)
        if true.number and call.number != number:
            yield Offence("number", who, f"{call.number!r}, not {number!r}")
        if (call.answered_at is None) is not (true.answered is None):
            yield Offence("answered", who, "as missed" if call.answered_at is None else f"at {call.answered_at}")
        lines = {leg.line for leg in call.legs if leg.answered_at}
        if lines != true.talked:
            yield Offence("agents", who, f"{sorted(lines)}, not {sorted(true.talked)}")
        yield from _of_times(true, call, verdict)


def _of_times(true: TrueCall, call: Call, verdict: Verdict) -> Iterator[Offence]:
    began_with_a_wish = call.requested_by_id is not None  # then it is ours, and earlier
    pairs = [
        ("start", None if began_with_a_wish else true.started, call.started_at),
        ("answer", true.answered, call.answered_at),
        ("end", true.ended, call.ended_at),
    ]
    for name, right, told in pairs:
        if right is None or told is None:
            continue
        difference = told.timestamp() - right
        verdict.furthest[name] = max(verdict.furthest.get(name, 0.0), abs(difference))
        if abs(difference) > NEAR:
            yield Offence(name, _name(true), f"{difference:+.3f} s")
    if true.ended is None and (call.ended_at is None or abs(call.ended_at.timestamp() - true.last) > NEAR):
        yield Offence("end", _name(true), f"broken off at {true.last}, ended_at {call.ended_at}")
    if began_with_a_wish and call.started_at.timestamp() > true.started + NEAR:
        yield Offence("start", _name(true), "it was asked for after it began")


def _needless(truth: Sequence[TrueCall], calls: Sequence[Call]) -> Iterator[Offence]:
    true_uids = {true.uid for true in truth}
    parts = {other: true for true in truth for other in true.other_ids}
    for call in calls:
        if call.uid in true_uids:
            continue
        if call.uid in parts:
            yield Offence("doubled", call.uid, f"is a part of {_name(parts[call.uid])}")
        elif call.requested_by_id is None or call.answered_at or call.state is not CallState.ENDED:
            yield Offence("invented", call.uid, f"{call.direction.value} {call.number_raw!r} {call.started_at}")


def _of_links(truth: Sequence[TrueCall], ours: Mapping[str, Call], rows: Rows) -> Iterator[Offence]:
    linked = {link.call_id: link.callback_id for link in rows.links}
    callbacks = {callback.id: callback for callback in rows.callbacks}
    for true in truth:
        call = ours.get(true.uid)
        if call is None:
            if true.missed:
                yield Offence("no entry", _name(true), "the call itself is lost")
            continue
        callback = callbacks.get(linked.pop(call.id, None))  # type: ignore[arg-type]
        if true.missed and callback is None:
            yield Offence("no entry", _name(true), f"call {call.id}")
        if not true.missed and callback is not None:
            yield Offence("needless entry", _name(true), f"callback {callback.id}")
        if callback is not None and callback.number != call.number:
            yield Offence("entry of another", _name(true), f"callback of {callback.number}")
    for call_id in linked:
        yield Offence("needless entry", str(call_id), "of a call that never was")


def _of_callbacks(truth: Sequence[TrueCall], ours: Mapping[str, Call], rows: Rows) -> Iterator[Offence]:
    yield from _that_hold_nothing(rows)
    open_ones: dict[str, list[Callback]] = {}
    for callback in rows.callbacks:
        if callback.is_open and callback.number:
            open_ones.setdefault(callback.number, []).append(callback)
    by_number: dict[str, list[TrueCall]] = {}
    for true in truth:
        call = ours.get(true.uid)
        if call is not None and call.number:
            by_number.setdefault(call.number, []).append(true)
    for number in {*open_ones, *by_number}:
        yield from _of_number(number, by_number.get(number, []), open_ones.get(number, []))


def _that_hold_nothing(rows: Rows) -> Iterator[Offence]:
    held = Counter(link.callback_id for link in rows.links)
    for callback in rows.callbacks:
        if callback.kind is not CallbackKind.MISSED:
            continue
        if callback.is_open and not held[callback.id]:
            yield Offence("empty entry", str(callback.id), f"{callback.number}: no call is in it")
        if callback.missed != max(1, held[callback.id]):
            yield Offence("entry counts", str(callback.id), f"missed {callback.missed}, calls {held[callback.id]}")


def _closed_and_empty(rows: Rows) -> int:
    """Duplicates that something closed again: counted, so that a reader sees how many there were."""
    held = {link.callback_id for link in rows.links}
    missed = (callback for callback in rows.callbacks if callback.kind is CallbackKind.MISSED)
    return sum(not callback.is_open and callback.id not in held for callback in missed)


def _of_number(number: str, calls: Sequence[TrueCall], open_ones: Sequence[Callback]) -> Iterator[Offence]:
    """One is open if the last that happened with this number was that nobody talked to them."""
    if len(open_ones) > 1:
        yield Offence("doubled entry", number, f"{len(open_ones)} are open")
    missed = max((call.ended or call.last for call in calls if call.missed), default=None)
    talked = max((call.answered for call in calls if call.answered is not None), default=None)
    if missed is None:
        wanted: bool | None = False
    elif talked is None or talked < missed - NEAR:
        wanted = True
    else:
        wanted = False if talked > missed + NEAR else None  # too close to say
    if wanted is True and not open_ones:
        yield Offence("entry not open", number, f"missed last at {missed}, talked to last at {talked}")
    if wanted is False and open_ones:
        yield Offence("entry not closed", number, f"missed last at {missed}, talked to last at {talked}")


def normal(number: str) -> str | None:
    """Enough for the numbers that our callers have."""
    if number in ("", "anonymous", "<unknown>"):
        return None
    return "+" + number[2:] if number.startswith("00") else number


def _name(true: TrueCall) -> str:
    begun = datetime.fromtimestamp(true.started).strftime("%H:%M:%S.%f")[:-3]
    how = "answered" if true.answered is not None else "missed" if true.missed else "not answered"
    return f"{true.uid} {true.direction} {true.number or '-'} at {begun}, {how}"
