"""The bridge dies during ten live calls, or stands still until the PBX cuts it off. All ten end as they truly did."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from telephony.events import Result
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.lab.cel import Conversation, conversations, read
from webapp.books.models import BookedCall
from webapp.calls.models import Call, CallState
from webapp.trial.phones import answers
from webapp.trial.traffic import CustomerCall

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("with_books")]

TALKING = [f"+3069440001{number:02}" for number in range(4)]
WAITING = [f"+3069440002{number:02}" for number in range(6)]
MEMBERS = ("charlie", "dora")
AGENTS = ("alice", "bob", "charlie", "dora")
NOBODY = "Local/nobody@direct"  # a member that is no agent's phone


@pytest.fixture
def ten(asterisk: Asterisk, customer: Customers, books: Books) -> dict[str, CustomerCall]:
    """Four customers talk, six wait in a queue whose members do not take calls."""
    for agent in AGENTS:
        asterisk.phone(agent, answers(0.2))
    for member in MEMBERS:
        asterisk.pbx.cli(f"queue pause member PJSIP/{member} queue support")
    calls = {number: customer.calls(agent, number) for agent, number in zip(AGENTS, TALKING, strict=True)}
    calls |= {number: customer.calls("support", number) for number in WAITING}
    wait_for("the conversations", lambda: len(books.calls(state=CallState.ANSWERED)) == len(TALKING), 60)
    wait_for("those who wait", lambda: len(books.calls(queue="support", state=CallState.RINGING)) == len(WAITING), 60)
    return calls


@pytest.fixture(autouse=True)
def _members_are_back(asterisk: Asterisk) -> Iterator[None]:
    yield
    for member in MEMBERS:
        asterisk.pbx.cli(f"queue unpause member PJSIP/{member} queue support")
    asterisk.pbx.cli(f"queue remove member {NOBODY} from support")


def some_end(asterisk: Asterisk, calls: dict[str, CustomerCall], numbers: list[str]) -> None:
    before = len(asterisk.channels())
    for number in numbers:
        calls[number].hang_up()
    wait_for("their channels to go", lambda: len(asterisk.channels()) < before)


def assert_all_ended_as_the_switch_wrote_down(asterisk: Asterisk, books: Books) -> None:
    wait_for("the books of ten calls", lambda: len(books.all(sa.select(BookedCall))) >= 10, 60)
    wait_for("ten ends", lambda: all(call.is_over for call in books.calls()))
    told = {uid: one for one in conversations(read(asterisk.pbx.cel_file)) for uid in one.uniqueids}
    found = books.calls()
    assert sorted(call.number or "" for call in found) == sorted(TALKING + WAITING)
    for call in found:
        _is_as(call, told[call.uid])
        assert call.result is (Result.ANSWERED if call.number in TALKING else Result.ABANDONED)


def _is_as(call: Call, truth: Conversation) -> None:
    assert call.ended_at is not None and truth.ended_at is not None
    assert abs((call.ended_at - truth.ended_at).total_seconds()) <= 1, f"{call.number} ended at {truth.ended_at}"
    if truth.answered_at is None:
        assert call.answered_at is None
    else:
        assert call.answered_at is not None
        assert abs((call.answered_at - truth.answered_at).total_seconds()) <= 1


def test_ten_calls_outlive_a_bridge_that_is_killed(
    product: Product, asterisk: Asterisk, books: Books, ten: dict[str, CustomerCall]
) -> None:
    product.kill()
    some_end(asterisk, ten, [*TALKING[:2], *WAITING[:3]])
    product.start()
    some_end(asterisk, ten, [*TALKING[2:], *WAITING[3:]])
    wait_for("all to be over", lambda: not asterisk.channels())
    assert_all_ended_as_the_switch_wrote_down(asterisk, books)


def test_ten_calls_outlive_a_bridge_that_stands_still_until_the_pbx_cuts_it_off(
    product: Product, asterisk: Asterisk, books: Books, ten: dict[str, CustomerCall]
) -> None:
    connections = product.health()["switch:main"]["connections"]
    flood = _flood(asterisk)
    with product.standing_still():
        some_end(asterisk, ten, [*TALKING[:2], *WAITING[:3]])
        wait_for("the PBX to cut it off", lambda: flood() and not _is_logged_in(asterisk), 120)
    wait_for(
        "another connection", lambda: product.health().get("switch:main", {}).get("connections", 0) > connections, 60
    )
    product.wait_until_connected()
    some_end(asterisk, ten, [*TALKING[2:], *WAITING[3:]])
    wait_for("all to be over", lambda: not asterisk.channels())
    assert_all_ended_as_the_switch_wrote_down(asterisk, books)


def _is_logged_in(asterisk: Asterisk) -> bool:
    return "ringback-events" in asterisk.pbx.cli("manager show connected")


def _flood(asterisk: Asterisk) -> Callable[[], bool]:
    """More events than the kernel keeps for somebody who does not read; nobody's call or status has a part in them."""
    listener = asterisk.logged_in("ringback-commands")
    asterisk.pbx.cli(f"queue add member {NOBODY} to support penalty 0")
    asterisk.pbx.cli(f"queue pause member {NOBODY} queue support")

    def flood() -> bool:
        for number in range(500):
            listener.act("QueuePause", Interface=NOBODY, Paused=("false", "true")[number % 2], Reason="x" * 70)
        return True

    return flood
