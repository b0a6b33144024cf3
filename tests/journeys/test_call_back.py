from __future__ import annotations

import csv
from itertools import chain

import pytest
from playwright.sync_api import expect

from telephony.events import Direction, Result
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import Call, CallState
from webapp.tasks.models import Callback, ClosedAs
from webapp.trial.phones import is_busy, rings

pytestmark = pytest.mark.journey

DANA = "+306944000001"


@pytest.fixture
def missed(customer: Customers, books: Books, alice: Screen) -> None:
    """Dana has called Alice, who did not pick up, and Alice looks at the list."""
    books.contact("Dana Reyes", DANA)
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    call.hang_up()
    wait_for("the callback", books.callbacks)
    expect(alice.cards).to_have_count(0)
    alice.open("Callbacks")


@pytest.mark.usefixtures("missed")
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (1024, 768)])
def test_the_card_of_the_next_caller_lies_over_nothing_that_alice_clicks(
    customer: Customers, alice: Screen, width: int, height: int
) -> None:
    alice.page.set_viewport_size({"width": width, "height": height})
    customer.calls("alice", "+306944000002")
    expect(alice.card("ringing")).to_be_visible()

    for name in ("Call back", "Claim", "Dismiss: Dana Reyes"):
        alice.page.locator("#callback-rows").get_by_role("button", name=name).click(trial=True)


@pytest.mark.usefixtures("missed")
def test_alice_claims_her_phone_rings_then_danas_and_the_task_closes_by_that_call(
    asterisk: Asterisk, books: Books, alice: Screen
) -> None:
    asterisk.called_back(rings())
    row = alice.page.locator("#callback-rows tr")
    row.get_by_role("button", name="Claim").click()
    expect(row).to_contain_text("You")
    expect(alice.page.get_by_role("link", name="Mine 1")).to_be_visible()

    row.get_by_role("button", name="Call back").click()

    own = alice.card("ringing")
    expect(own.locator(".cb-who .name")).to_have_text("Dana Reyes")
    expect(own).to_contain_text("1 open callback for this number")
    assert _customers_channels(asterisk) == []
    alice.press("Alt+a")
    [trunk] = wait_for("Dana's phone to ring", lambda: _customers_channels(asterisk))
    assert _only(books).is_open

    asterisk.logged_in("ringback-answer").act("PJSIPNotify", Channel=trunk, Variable="Event=talk")

    expect(alice.card("answered")).to_be_visible()
    expect(alice.page.get_by_text("Nobody waits for a call")).to_be_visible()
    call = books.call(direction=Direction.OUTBOUND)
    closed = _only(books)
    assert (closed.closed_as, closed.closed_by_call_id) == (ClosedAs.CALLED_BACK, call.id)
    assert _order_of_the_phones(asterisk, call) == ["alice picks up", "the customer is called", "the customer picks up"]

    alice.page.get_by_role("link", name="Closed").click()
    expect(row).to_contain_text("Called back")
    alice.page.get_by_role("button", name="Fold the card").click()
    row.get_by_role("link", name="By this call").click()
    expect(alice.page).to_have_url(f"{alice.url}/calls/{call.id}")
    alice.press("Alt+h")
    expect(alice.card("wrap_up")).to_be_visible()
    assert books.call(id=call.id, state=CallState.ENDED).result is Result.ANSWERED


@pytest.mark.usefixtures("missed")
def test_a_busy_customer_waits_for_the_next_attempt_and_alice_is_told(
    asterisk: Asterisk, books: Books, alice: Screen
) -> None:
    asterisk.called_back(is_busy())

    alice.page.get_by_role("button", name="Call back").click()
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")

    expect(alice.card("failed")).to_contain_text("Busy")
    assert books.call(direction=Direction.OUTBOUND).result is Result.BUSY
    alice.page.get_by_role("link", name="Waiting 1").click()
    expect(alice.page.locator("#callback-rows tr")).to_contain_text("again")
    assert _only(books).is_open


@pytest.mark.usefixtures("missed", "customer_first")
def test_dana_is_called_first_while_no_queue_rings_alice_and_her_phone_rings_when_dana_picks_up(
    asterisk: Asterisk, books: Books, alice: Screen
) -> None:
    asterisk.called_back(rings())
    alice.page.get_by_role("button", name="Call back").click()

    calls = alice.card("requested")
    expect(calls).to_contain_text("Calling the customer first")
    [trunk] = wait_for("Dana's phone to ring", lambda: _customers_channels(asterisk))
    assert not any(channel.startswith("PJSIP/alice-") for channel in asterisk.channels())
    assert "paused:calling" in _alice_in_queues(asterisk)
    asterisk.logged_in("ringback-answer").act("PJSIPNotify", Channel=trunk, Variable="Event=talk")

    expect(alice.card("ringing")).to_contain_text("The customer waits")
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    wait_for("the queues to have her back", lambda: "paused" not in _alice_in_queues(asterisk))
    alice.press("Alt+h")
    expect(alice.card("wrap_up")).to_be_visible()
    call = books.call(direction=Direction.OUTBOUND, state=CallState.ENDED)
    assert (call.result, _only(books).closed_by_call_id) == (Result.ANSWERED, call.id)
    assert _order_of_the_phones(asterisk, call) == ["the customer is called", "the customer picks up", "alice picks up"]


def _alice_in_queues(asterisk: Asterisk) -> str:
    return "\n".join(line for line in asterisk.pbx.cli("queue show").splitlines() if "PJSIP/alice" in line)


def _only(books: Books) -> Callback:
    [callback] = books.callbacks()
    return callback


def _customers_channels(asterisk: Asterisk) -> list[str]:
    return [channel for channel in asterisk.channels() if channel.startswith("PJSIP/trunk-")]


def _order_of_the_phones(asterisk: Asterisk, call: Call) -> list[str]:
    """By Asterisk's own books."""
    steps = {
        ("ANSWER", "PJSIP/alice"): "alice picks up",
        ("CHAN_START", "PJSIP/trunk"): "the customer is called",
        ("ANSWER", "PJSIP/trunk"): "the customer picks up",
    }
    with open(asterisk.pbx.cel_file, encoding="utf-8", newline="") as file:
        rows = sorted((row for row in csv.reader(file) if row[3] == call.linkedid), key=lambda row: float(row[1]))
    return list(
        chain.from_iterable([steps[key]] for row in rows if (key := (row[0], row[4].rsplit("-", 1)[0])) in steps)
    )
