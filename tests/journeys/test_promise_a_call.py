"""When wrapping up Alice promises a call; before the moment she is reminded on her screen."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.asterisk import wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.db import now
from webapp.tasks.models import CallbackKind, CallbackState

pytestmark = pytest.mark.journey

DANA, LONDON = "+442079460018", ZoneInfo("Europe/London")


@pytest.mark.req("T13")
def test_alice_promises_a_call_in_the_callees_time_and_is_reminded(
    customer: Customers, books: Books, alice: Screen
) -> None:
    card = alice.talk(customer.calls("alice", DANA))
    card.get_by_text("Call them again").click()
    expect(card.get_by_label("The customer's clock")).to_have_value("Europe/London")
    moment = (now() + timedelta(minutes=5)).astimezone(LONDON)
    card.get_by_label("Date").fill(f"{moment:%Y-%m-%d}")
    card.get_by_label("Time there").fill(f"{moment:%H:%M}")
    card.get_by_label("Note (optional)").fill("About the red ones")
    alice.press("Alt+1")
    alice.press("Control+Enter")
    expect(alice.page.locator(".toast-item", has_text="Saved")).to_be_visible()

    (promised,) = wait_for("the promise", lambda: books.callbacks(kind=CallbackKind.PROMISE))
    assert promised.promised_for == datetime(*moment.timetuple()[:5], tzinfo=LONDON)
    assert (promised.note, promised.number, promised.promised_zone) == ("About the red ones", DANA, "Europe/London")
    # less than ten minutes before: it is time
    expect(alice.page.locator(".toast-item", has_text="You promised")).to_be_visible()
    wait_for("it to be open", lambda: books.callbacks(id=promised.id, state=CallbackState.OPEN))
