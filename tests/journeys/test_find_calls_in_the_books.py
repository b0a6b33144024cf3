"""What a real Asterisk writes down of its calls is what it said of them; and more, when nobody listened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from telephony.books.reader import Books, BooksReader
from telephony.events import CallSummary, Direction, HungUpBy, Result
from telephony.replay import as_truth, derive
from tests.asterisk import Asterisk, wait_for
from tests.journeys import product
from webapp.calls.models import CallState
from webapp.trial.phones import answers, declines, is_busy, rings

pytestmark = pytest.mark.journey

DANA, EMIL, FAYE = "+306944000001", "+306944000002", "+306944000003"
SAME = (
    "uid", "direction", "customer", "did", "queue", "agent", "answered_by", "rang", "hangup_by", "result",
    "caller_name", "withheld", "transfers",
)  # fmt: skip


class Reading:
    """Somebody reads the books while they are written."""

    def __init__(self, log_dir: Path) -> None:
        self.reader = BooksReader(Books.of(log_dir), ("PJSIP/trunk",), None)
        self.reader.read()
        self.calls: dict[str, CallSummary] = {}

    def look(self) -> dict[str, CallSummary]:
        self.calls |= {call.uid: call for call in self.reader.read()}
        return self.calls

    def open(self) -> frozenset[str]:
        self.look()
        return self.reader.open_uids()

    def call(self, number: str) -> CallSummary:
        """Waits until it is complete."""
        found: Callable[[], list[CallSummary]] = lambda: [
            call for call in self.look().values() if call.customer.number == number
        ]
        return wait_for(f"the call of {number}", found)[0]


@pytest.fixture
def asterisk(_running_asterisk: Asterisk) -> Iterator[Asterisk]:
    """Without the product: nobody listens but the story itself."""
    yield _running_asterisk
    _running_asterisk.tidy()


@pytest.fixture
def reading(asterisk: Asterisk) -> Reading:
    return Reading(asterisk.pbx.log_dir)


def test_the_books_tell_of_calls_while_they_run_and_then_as_ami_did(asterisk: Asterisk, reading: Reading) -> None:
    listener, commands = asterisk.logged_in("ringback-events"), asterisk.logged_in("ringback-commands")
    asterisk.phone("alice", answers(0.2))
    asterisk.phone("bob", is_busy())
    asterisk.called_back(answers(0.2, stay=0.5))

    dana = asterisk.call(DANA, 'Dana "D" O\'Neil, x', to="sales")
    (uid,) = wait_for("a call to be open", reading.open)
    listener.hears("BridgeEnter", Uniqueid=uid)
    emil = asterisk.call(EMIL, to="bob")
    abandoned = asterisk.call(FAYE, to="support", withheld=True)
    listener.hears("QueueCallerJoin", Queue="support")
    assert uid in reading.open()
    dana.hang_up()
    abandoned.hang_up()
    assert emil.wait(20)
    listener.hears("Hangup", Uniqueid=uid)
    commands.act(
        "Originate", Channel="PJSIP/alice", Context="ringback-outbound", Exten="+306944000009", Priority=1, Async="true",
        CallerID="Gus <+306944000009>", ChannelId="ringback-one",
    )  # fmt: skip
    outbound = reading.call("+306944000009")
    asterisk.phone("alice", declines())
    commands.act(
        "Originate", Channel="PJSIP/alice", Context="ringback-outbound", Exten="+306944000008", Priority=1, Async="true",
        CallerID="Hal <+306944000008>", ChannelId="ringback-two",
    )  # fmt: skip
    declined = reading.call("+306944000008")
    listener.hears("OriginateResponse", Uniqueid="ringback-two")

    assert reading.call(DANA).result is Result.ANSWERED
    assert reading.call(EMIL).result in (Result.BUSY, Result.REJECTED)
    assert (outbound.uid, outbound.direction, outbound.result) == ("ringback-one", Direction.OUTBOUND, Result.ANSWERED)
    assert (declined.result, declined.hangup_by) == (Result.AGENT_DECLINED, HungUpBy.AGENT)
    heard = {call.uid: call for call in wait_for("AMI to be through", lambda: _as_many(listener.heard, 5))}
    assert set(heard) == set(reading.look())
    for uid, call in reading.look().items():
        told, amis = as_truth(call), as_truth(heard[uid])
        assert {key: told[key] for key in SAME} == {key: amis[key] for key in SAME}
        for key in ("wait", "talk"):
            assert told[key] == pytest.approx(amis[key], abs=0.2)
        for key in ("started_at", "answered_at", "ended_at"):
            when, other = getattr(call, key), getattr(heard[uid], key)
            assert when == other or abs(when - other) < timedelta(seconds=1)
    assert sum(call.customer.withheld for call in reading.look().values()) == 1
    assert reading.reader.statistics.unparseable == 0
    assert not reading.open()


def _as_many(heard: list[object], count: int) -> list[CallSummary]:
    calls = list(derive(tuple(heard)))  # type: ignore[arg-type]
    return calls if len(calls) == count and all(call.result is not Result.LOST for call in calls) else []


def test_text_of_a_caller_stays_text(asterisk: Asterisk, reading: Reading) -> None:
    asterisk.phone("alice", answers(0.1, stay=0.3))
    number = DANA + '\r\n"HANGUP","1795426689.1","1","1"\r\n'
    asterisk.call(number, '"x\\"y', to="alice")
    call = reading.call(number)
    assert (call.answered_by, call.result, call.hangup_by) == (("PJSIP/alice",), Result.ANSWERED, HungUpBy.AGENT)
    assert reading.reader.statistics.unparseable == 0


def test_what_was_open_when_asterisk_was_killed_is_found_lost(
    asterisk: Asterisk, reading: Reading, books: product.Books
) -> None:
    asterisk.phone("alice", answers(0.1))
    asterisk.phone("bob", rings())
    asterisk.call(DANA, to="alice")
    asterisk.call(EMIL, to="bob")
    wait_for("both", lambda: len(reading.open()) == 2 and len(asterisk.channels()) == 4)
    written = Books.of(asterisk.pbx.log_dir).cel
    talks = [f'"{uid}","PJSIP/trunk-' for uid in reading.open()]
    wait_for("Dana to talk", lambda: any(
        line.startswith('"BRIDGE_ENTER"') and DANA in line and any(one in line for one in talks)
        for line in written.read_text().splitlines()
    ))  # fmt: skip
    asterisk.pbx.kill()
    asterisk.pbx.start()
    asterisk.phones.wait_until_ready()
    assert reading.call(DANA).result is Result.ANSWERED
    assert (reading.call(EMIL).result, reading.call(EMIL).hangup_by) == (Result.LOST, None)
    assert not reading.open()
    wait_for("the product to hear of both", lambda: len(books.calls(state=CallState.ENDED)) == 2)
