from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.trial.phones import rings

pytestmark = pytest.mark.journey

DANA = "+306944000001"
SUPPORT = "+302100000200"


def test_dana_sees_the_number_that_alice_chose_and_nobody_is_called_who_asked_for_that(
    asterisk: Asterisk, books: Books, alice: Screen
) -> None:
    books.contact("Dana Reyes", DANA)
    asterisk.called_back(rings())
    alice.press("Alt+c")
    expect(alice.page.get_by_role("heading", name="Dial")).to_be_visible()
    alice.page.get_by_label("Customers see").select_option(SUPPORT)
    alice.page.get_by_label("Number or name").fill("dana")
    call = alice.page.locator("#dial-matches").get_by_role("button", name="Call Dana Reyes")
    call.click()
    expect(alice.card("ringing")).to_be_visible()
    expect(call).to_have_attribute("aria-disabled", "true")  # a second one does not ring beside it
    alice.press("Alt+a")

    shown = wait_for("Dana's phone to ring", lambda: _shown_to_customer(asterisk))
    assert shown == SUPPORT

    alice.press("Alt+h")
    expect(alice.card("answered")).to_have_count(0)
    alice.page.get_by_role("link", name="Dana Reyes").first.click()
    alice.page.get_by_role("link", name="Edit").click()
    alice.page.get_by_label("Do not call, under any number").check()
    alice.page.get_by_role("button", name="Save").click()
    main = alice.page.locator(".call-main")
    expect(main).to_have_attribute("aria-disabled", "true")
    expect(alice.page.locator("#why-not")).to_contain_text("not to be called")
    main.click(force=True)
    expect(alice.page.locator("ringback-toasts")).to_contain_text("Not called.")
    assert len(books.calls(number=DANA)) == 1


def _shown_to_customer(asterisk: Asterisk) -> str:
    channels = asterisk.logged_in("ringback-events").act("CoreShowChannels").events
    trunk = [each for each in channels if each.get("Channel", "").startswith("PJSIP/trunk")]
    return trunk[0].get("ConnectedLineNum", "") if trunk else ""
