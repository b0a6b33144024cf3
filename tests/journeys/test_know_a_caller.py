"""Unknown, withheld, shared: who is it that calls?"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.asterisk import wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

DANA = "+306944000001"


def test_an_unknown_caller_becomes_a_contact_from_the_card_and_is_known_the_next_time(
    customer: Customers, books: Books, alice: Screen
) -> None:
    call = customer.calls("alice", DANA)
    card = alice.card("ringing")
    expect(card).to_contain_text("New number")
    expect(card).to_contain_text("First call from this number.")

    card.get_by_text("New contact").click()
    expect(card.get_by_label("Number", exact=True)).to_have_value("694 400 0001")
    card.get_by_label("Name").fill("Dana Reyes")
    card.get_by_role("button", name="Save contact").click()

    expect(card.locator(".cb-who .name")).to_have_text("Dana Reyes")
    call.hang_up()
    first = books.call(number=DANA, state=CallState.ENDED)
    assert first.party is not None
    assert first.party.name == "Dana Reyes"
    expect(alice.cards).to_have_count(0)

    customer.calls("alice", DANA, "SOMEBODY ELSE SAYS THE LINE")

    expect(card.locator(".cb-who .name")).to_have_text("Dana Reyes")
    expect(card.locator(".cb-calls li")).to_have_count(1)
    expect(card.get_by_text("New contact")).to_have_count(0)


def test_a_withheld_caller_is_said_so_and_no_page_holds_the_number_that_the_trunk_sent(
    customer: Customers, books: Books, alice: Screen
) -> None:
    books.contact("Dana Reyes", DANA)
    call = customer.calls("alice", DANA, "Dana Reyes", withheld=True)
    card = alice.card("ringing")
    expect(card.locator(".cb-who .name")).to_have_text("Number withheld")
    expect(card).to_contain_text("The caller withheld the number.")
    expect(card.get_by_text("New contact")).to_have_count(0)
    _says_nothing(alice)

    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    _says_nothing(alice)
    call.hang_up()
    expect(alice.card("wrap_up")).to_be_visible()
    _says_nothing(alice)

    again = customer.calls("alice", DANA, "Dana Reyes", withheld=True)
    expect(card).to_be_visible()
    again.hang_up()
    wait_for("the callback", books.callbacks)
    for place in ("Calls", "Callbacks"):
        alice.open(place)
        expect(alice.page.locator("#main tbody")).to_contain_text("Withheld")
        _says_nothing(alice)
    expect(alice.page.get_by_role("button", name="Call back")).to_have_count(0)
    for row in books.calls():
        assert (row.withheld, row.number, row.number_raw, row.name_raw, row.party_id) == (True, None, "", "", None)


def test_several_people_have_the_number_alice_chooses_by_key_and_is_not_asked_again(
    customer: Customers, books: Books, alice: Screen
) -> None:
    for name in ("Dana Reyes", "Emil Reyes", "Fanny Reyes"):
        books.contact(name, DANA)
    call = customer.calls("alice", DANA)
    card = alice.card("ringing")
    expect(card).to_contain_text("Several people have this number. Who is it?")
    expect(card.locator(".choice bdi")).to_have_text(["Dana Reyes", "Emil Reyes", "Fanny Reyes"])

    alice.press("2")

    expect(card.locator(".cb-who .name")).to_have_text("Emil Reyes")
    call.hang_up()
    first = books.call(number=DANA, state=CallState.ENDED)
    assert first.party is not None
    assert first.party.name == "Emil Reyes"
    expect(alice.cards).to_have_count(0)

    customer.calls("alice", DANA)

    expect(card.locator(".cb-who .name")).to_have_text("Emil Reyes")
    expect(card).not_to_contain_text("Who is it?")
    expect(card).to_contain_text("Somebody else has this number too")


def _says_nothing(screen: Screen) -> None:
    received = screen.page.content() + "".join(screen.listen())
    for secret in ("6944000001", "694 400 0001", "Dana", "Reyes"):
        assert secret not in received
