from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from telephony.events import Result
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

DANA = "+306944000001"
SOON = timedelta(seconds=2)


@pytest.mark.usefixtures("only_alice_sells")
def test_who_gives_up_in_the_queue_is_on_the_list_of_callbacks_within_two_seconds(
    customer: Customers, books: Books, alice: Screen, charlie: Screen
) -> None:
    books.contact("Dana Reyes", DANA)
    alice.open("Callbacks")
    expect(alice.page.get_by_text("Nobody waits for a call")).to_be_visible()
    badge = charlie.page.locator('[data-badge="callbacks"]')
    expect(badge).to_be_hidden()
    call = customer.calls("sales", DANA)
    expect(alice.card("ringing")).to_be_visible()

    call.hang_up()

    row = alice.page.locator("#callback-rows tr")
    expect(row).to_be_visible()
    listed_at = datetime.now(UTC)
    expect(row).to_contain_text("Dana Reyes")
    expect(row).to_contain_text("sales")
    expect(badge).to_have_text("1 open")
    missed = books.call(number=DANA, state=CallState.ENDED)
    assert missed.ended_at is not None
    assert (missed.result, missed.answered_at) == (Result.ABANDONED, None)
    assert listed_at - missed.ended_at < SOON

    expect(alice.card("unanswered")).to_contain_text("It is on the list of callbacks")
    expect(alice.cards).to_have_count(0)


@pytest.mark.usefixtures("only_alice_sells")
def test_who_calls_again_and_again_has_one_entry_and_becomes_urgent(
    customer: Customers, books: Books, alice: Screen
) -> None:
    alice.open("Callbacks")
    for missed in (1, 2):
        call = customer.calls("sales", DANA)
        expect(alice.card("ringing")).to_be_visible()
        call.hang_up()
        expect(alice.page.locator("#callback-rows .calls b").first).to_have_text(str(missed))

    expect(alice.page.locator("#callback-rows tr")).to_have_count(1)
    expect(alice.page.locator("#callback-rows")).to_contain_text("High")
    assert [callback.missed for callback in books.callbacks()] == [2]


def test_who_rings_in_again_and_is_answered_leaves_the_list(customer: Customers, books: Books, alice: Screen) -> None:
    alice.open("Callbacks")
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    call.hang_up()
    expect(alice.page.locator("#callback-rows tr")).to_have_count(1)

    customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_contain_text("1 open callback for this number")
    alice.press("Alt+a")

    expect(alice.page.get_by_text("Nobody waits for a call")).to_be_visible()
    [callback] = books.callbacks()
    assert callback.closed_as is not None
    assert callback.closed_as.value == "rang_in"
