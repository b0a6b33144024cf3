"""A note is on the server, or its author knows that it is not, and why."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Request, expect

from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import Call

pytestmark = pytest.mark.journey

DANA = "+306944000001"
LONGEST = 20_000


@pytest.fixture
def talking(customer: Customers, alice: Screen) -> Locator:
    customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    return alice.card("answered")


@pytest.fixture
def sent(alice: Screen) -> list[Request]:
    """What the page asked the server to keep."""
    requests: list[Request] = []
    alice.page.on("request", lambda request: requests.append(request) if request.method == "PUT" else None)
    return requests


def test_a_note_that_is_too_long_says_so_is_not_sent_again_and_is_saved_when_shorter(
    books: Books, alice: Screen, talking: Locator, sent: list[Request]
) -> None:
    note, why = talking.get_by_label("Notes"), talking.locator("[data-refused]")
    alice.page.clock.install()
    _write_too_much(note)
    alice.page.clock.run_for(1000)

    expect(why).to_have_text(f"At most {LONGEST} characters.")
    expect(note).to_have_attribute("aria-invalid", "true")
    expect(alice.page.locator("#assertive")).to_have_text(f"At most {LONGEST} characters.")
    alice.page.clock.run_for(10_000)
    alice.page.evaluate("dispatchEvent(new Event('online'))")
    alice.listen()
    assert len(sent) == 1
    alice.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(why).to_have_text(f"At most {LONGEST} characters.")  # the bar was drawn anew

    note.fill("Short.")
    alice.page.clock.run_for(1000)
    expect(talking.locator("[data-saved]")).to_have_text("Saved")
    expect(why).to_be_hidden()
    assert [row.text for row in books.call(number=DANA).notes] == ["Short."]
    _forgive(alice, "422")


def test_a_refused_note_is_still_there_when_the_page_is_loaded_again(alice: Screen, talking: Locator) -> None:
    text = _write_too_much(talking.get_by_label("Notes"))
    expect(talking.locator("[data-refused]")).to_be_visible()

    alice.page.reload()  # nobody asks whether to leave

    expect(talking.get_by_label("Notes")).to_have_value(text)
    expect(talking.locator("[data-refused]")).to_have_text(f"At most {LONGEST} characters.")
    _forgive(alice, "422")


def test_the_note_of_a_call_that_is_no_more_is_told_with_its_text(
    books: Books, alice: Screen, talking: Locator
) -> None:
    """As when the switch says that two calls were one."""
    uid = books.call(number=DANA).id
    with books.writing() as session:
        for table in ("leg", "call"):
            column = "call_id" if table == "leg" else "id"
            session.execute(sa.text(f'DELETE FROM "{table}" WHERE {column} = :id'), {"id": uid.hex})
    assert not books.all(sa.select(Call))
    talking.get_by_label("Notes").fill("Wants two red ones.")
    expect(talking.locator("[data-refused]")).to_have_text("There is no such call.")

    alice.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(alice.cards).to_have_count(0)
    told = alice.page.locator(".toast-item.bad")
    expect(told).to_contain_text("There is no such call.")
    expect(told).to_contain_text("Wants two red ones.")
    _forgive(alice, "404")


def _write_too_much(note: Locator) -> str:
    """In one step: were the bar drawn anew between two, the field would have its limit again and cut what is typed."""
    text = "x" * (LONGEST + 1)
    note.evaluate(
        """(field, text) => {
            field.removeAttribute('maxlength');
            field.focus();
            field.value = text;
            field.dispatchEvent(new Event('input', {bubbles: true}));
        }""",
        text,
    )
    return text


def _forgive(screen: Screen, status: str) -> None:
    """A browser complains of every refusal."""
    screen.listen()
    assert screen.troubles
    screen.troubles = [trouble for trouble in screen.troubles if f"status of {status}" not in trouble]
