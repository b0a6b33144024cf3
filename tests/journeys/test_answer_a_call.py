from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from telephony.events import Direction, Result
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import Call, CallState
from webapp.db import now

pytestmark = pytest.mark.journey

DANA = "+306944000001"
EMIL = "+306944000002"
NOTE = "Wants 12 chairs, “the red ones” — <b>not</b> blue"


@pytest.mark.usefixtures("only_alice_sells")
def test_alice_answers_notes_and_wraps_up_with_the_keyboard_alone(
    customer: Customers, asterisk: Asterisk, books: Books, alice: Screen
) -> None:
    dana = books.contact("Dana Reyes", DANA)
    books.add(_past_call(dana.id))

    call = customer.calls("sales", DANA, "D REYES")

    ringing = alice.card("ringing")
    expect(ringing).to_be_visible()
    expect(ringing.locator(".cb-who .name")).to_have_text("Dana Reyes")
    expect(ringing.locator(".cb-who")).to_contain_text("694 400 0001")
    expect(ringing.locator(".cb-meta")).to_contain_text("sales")
    expect(ringing.get_by_title("Called number")).to_have_text("Called numberSales")
    expect(ringing.get_by_title("Waited")).to_contain_text("waited 0:0")
    expect(ringing.locator(".cb-calls li")).to_have_count(1)
    expect(ringing.locator(".cb-calls li")).to_contain_text("Answered")
    expect(alice.page.locator("#assertive")).to_have_text("Incoming call: Dana Reyes, sales")

    alice.press("Alt+a")

    talking = alice.card("answered")
    expect(talking).to_be_visible()
    row = books.call(number=DANA, state=CallState.ANSWERED)
    assert [leg.line for leg in row.answered_legs] == ["PJSIP/alice"]
    assert any(channel.startswith("PJSIP/alice-") for channel in asterisk.channels())

    alice.press("Alt+n")
    alice.type(NOTE)
    expect(talking.locator("[data-saved]")).to_have_text("Saved")
    assert [note.text for note in books.call(id=row.id).notes] == [NOTE]
    alice.page.reload()
    expect(alice.card("answered").get_by_label("Notes")).to_have_value(NOTE)

    call.hang_up()

    wrapping_up = alice.card("wrap_up")
    expect(wrapping_up).to_be_visible()
    alice.press("Escape")
    alice.press("3")
    expect(wrapping_up.get_by_label("Question answered")).to_be_checked()
    alice.press("Control+Enter")
    expect(alice.cards).to_have_count(0)

    wrapped = books.call(id=row.id)
    assert wrapped.disposition is not None
    assert (wrapped.disposition.code, wrapped.result, wrapped.talk_seconds > 0) == ("question", Result.ANSWERED, True)
    assert [note.text for note in wrapped.notes] == [NOTE]

    alice.open("Calls")
    line = alice.page.locator("#call-rows tr").first
    for text in ("Dana Reyes", "sales", "Alice Martin", "Answered", "Question answered", "Has notes"):
        expect(line).to_contain_text(text)
    line.get_by_role("link", name="Dana Reyes").click()
    expect(alice.title).to_have_text("Dana Reyes")
    entry = alice.page.locator("#timeline li").first
    for text in ("Called us", "sales", "Alice Martin", "Question answered", NOTE):
        expect(entry).to_contain_text(text)


def test_alice_finishes_the_wrap_up_in_which_she_is_while_the_next_customer_rings(
    customer: Customers, books: Books, alice: Screen
) -> None:
    alice.talk(customer.calls("alice", DANA))
    alice.press("Alt+n")
    alice.type(NOTE)

    customer.calls("alice", EMIL)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+3")
    expect(alice.card("wrap_up").get_by_label("Question answered")).to_be_checked()
    alice.press("Control+Enter")

    expect(alice.card("wrap_up")).to_have_count(0)
    expect(alice.card("ringing")).to_be_visible()
    wrapped = books.call(number=DANA)
    assert wrapped.disposition is not None
    assert wrapped.disposition.code == "question"
    assert [note.text for note in wrapped.notes] == [NOTE]


def test_alice_answers_on_her_phone_and_the_card_follows(customer: Customers, books: Books, alice: Screen) -> None:
    call = customer.calls("alice", "+442079460018", "Bob")
    expect(alice.card("ringing").locator(".cb-who .name")).to_have_text("Bob")

    assert call.answer() == "PJSIP/alice"

    expect(alice.card("answered")).to_be_visible()
    alice.press("Alt+h")
    expect(alice.card("wrap_up")).to_be_visible()
    assert call.wait(20), "the customer's line stayed open"
    row = books.call(number="+442079460018", state=CallState.ENDED)
    assert (row.result, row.direction) == (Result.ANSWERED, Direction.INBOUND)


def test_a_call_that_alice_declines_is_not_answered(customer: Customers, books: Books, alice: Screen) -> None:
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()

    alice.press("Alt+h")

    wait_for("the customer to be told", lambda: call.over)
    assert books.call(number=DANA, state=CallState.ENDED).answered_at is None
    expect(alice.card("ringing")).to_have_count(0)


def _past_call(party_id: object) -> Call:
    at = now() - timedelta(days=2)
    return Call(
        switch="main", uid="two-days-ago", direction=Direction.INBOUND, state=CallState.ENDED, result=Result.ANSWERED,
        number=DANA, number_raw=DANA, party_id=party_id, queue="support", started_at=at, version=1,
        answered_at=at + timedelta(seconds=4), ended_at=at + timedelta(seconds=64), talk_seconds=60.0,
    )  # fmt: skip
