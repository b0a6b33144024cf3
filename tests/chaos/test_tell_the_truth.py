"""The judge is judged: what it reads from CEL is what was written down by hand of the recorded calls; and it sees faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from telephony.events import Direction
from tests.chaos import truth
from tests.chaos.checker import Rows, check
from webapp.calls.models import Call, CallState, Leg
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, CallbackState

FIXTURES = Path(__file__).parents[1] / "fixtures"
RECORDED = sorted(path.name.removesuffix(".cel.csv") for path in (FIXTURES / "books").glob("*.cel.csv"))
IN_NO_BOOK = {"c2c-agent-no-answer"}  # of another program's wish that reached nobody, CEL does not tell that it was one


@pytest.mark.parametrize("name", RECORDED)
def test_of_a_recorded_call_it_knows_what_is_known(name: str) -> None:
    known = json.loads((FIXTURES / "journals" / f"{name}.json").read_text(encoding="utf-8"))["calls"]
    told = truth.calls(truth.read_cel(FIXTURES / "books" / f"{name}.cel.csv"))
    assert [
        (call.uid, call.direction, sorted(line.removeprefix("PJSIP/") for line in call.talked)) for call in told
    ] == [
        (call["linkedid"], call["direction"], sorted(set(call["answered_by"])))
        for call in known
        if name not in IN_NO_BOOK
    ]
    for call in told:
        assert call.ended and call.started <= (call.answered or call.started) <= call.ended
        assert (call.answered is None) is not call.talked


def missed(
    uid: str = "1.0", number: str = "+306944000001", *, start: float = 1e9, end: float = 1e9 + 5
) -> truth.TrueCall:
    return truth.TrueCall(
        uid=uid, direction="inbound", number=number, did="210", asked_for=False, started=start, answered=None, ended=end,
        last=end, talked=frozenset(), other_ids=frozenset({f"{uid}9"}),
    )  # fmt: skip


def answered(uid: str = "2.0", *, start: float = 1e9 + 60) -> truth.TrueCall:
    call = missed(uid, start=start, end=start + 30)
    return replace(call, answered=start + 5, talked=frozenset({"PJSIP/alice"}))


def moment(at: float | None) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None


def row(true: truth.TrueCall) -> Call:
    call = Call(
        id=uuid4(), uid=true.uid, direction=Direction(true.direction), state=CallState.ENDED, number=true.number,
        number_raw=true.number, started_at=moment(true.started), answered_at=moment(true.answered),
        ended_at=moment(true.ended),
    )  # fmt: skip
    call.legs = [Leg(uid=f"{true.uid}.{line}", line=line, answered_at=call.answered_at) for line in true.talked]
    return call


def entry(*calls: Call, is_open: bool = True) -> tuple[Callback, list[CallbackCall]]:
    state = CallbackState.OPEN if is_open else CallbackState.CLOSED
    number = calls[0].number if calls else None
    callback = Callback(id=uuid4(), number=number, kind=CallbackKind.MISSED, state=state, missed=max(1, len(calls)))
    return callback, [CallbackCall(call_id=call.id, callback_id=callback.id) for call in calls]


def kinds(true: list[truth.TrueCall], calls: list[Call], *entries: tuple[Callback, list[CallbackCall]]) -> set[str]:
    rows = Rows(calls, [callback for callback, _ in entries], [link for _, links in entries for link in links])
    return set(check(true, rows).kinds)


def test_what_is_right_offends_nobody() -> None:
    first, second = missed(), answered()
    call, talk = row(first), row(second)
    assert kinds([first], [call], entry(call)) == set()
    assert kinds([first, second], [call, talk], entry(call, is_open=False)) == set()


def wrong() -> Iterator[tuple[str, str]]:
    yield "state", "not over"
    yield "direction", "direction"
    yield "number", "number"
    yield "started_at", "start"
    yield "ended_at", "end"


WRONG = {
    "state": CallState.RINGING, "direction": Direction.OUTBOUND, "number": "+30690000", "started_at": moment(1e9 + 2),
    "ended_at": moment(1e9 + 6.5),
}  # fmt: skip


@pytest.mark.parametrize(("column", "kind"), wrong())
def test_a_row_that_tells_otherwise(column: str, kind: str) -> None:
    call = row(missed())
    setattr(call, column, WRONG[column])
    assert kind in kinds([missed()], [call], entry(call))


def test_a_call_that_is_lost_or_doubled_or_invented() -> None:
    call, part, ghost = row(missed()), row(missed("1.09")), row(missed("3.0"))
    assert kinds([missed()], []) == {"lost", "no entry"}
    assert "doubled" in kinds([missed()], [call, part], entry(call))
    assert "invented" in kinds([missed()], [call, ghost], entry(call))


def test_a_conversation_that_nobody_noticed_or_with_somebody_else() -> None:
    deaf, other = row(replace(answered(), answered=None, talked=frozenset())), row(answered())
    other.legs[0].line = "PJSIP/bob"
    assert {"answered", "agents"} <= kinds([answered()], [deaf])
    assert kinds([answered()], [other]) == {"agents"}


def test_a_caller_who_is_forgotten_or_entered_twice() -> None:
    first, second = row(missed()), row(missed("4.0", start=1e9 + 10, end=1e9 + 15))
    both = [missed(), missed("4.0", start=1e9 + 10, end=1e9 + 15)]
    assert kinds([missed()], [first]) == {"no entry", "entry not open"}
    assert "doubled entry" in kinds(both, [first, second], entry(first), entry(second))
    assert kinds([missed()], [first], entry(first, is_open=False)) == {"entry not open"}


def test_a_caller_who_was_talked_to_and_is_still_to_be_called() -> None:
    call, talk = row(missed()), row(answered())
    assert kinds([missed(), answered()], [call, talk], entry(call)) == {"entry not closed"}
    assert kinds([answered()], [talk], entry(talk)) == {"needless entry", "entry not closed"}


def test_entries_that_count_wrongly_or_hold_nothing() -> None:
    call = row(missed())
    wrong, links = entry(call)
    wrong.missed = 2
    assert kinds([missed()], [call], (wrong, links)) == {"entry counts"}
    assert "empty entry" in kinds([missed()], [call], entry(call), entry())


def test_seconds_that_may_differ() -> None:
    near = row(missed())
    assert near.ended_at
    near.ended_at += timedelta(seconds=0.9)
    assert kinds([missed()], [near], entry(near)) == set()
