"""After a call Alice fills in her queue's form, by keys; nothing that she typed is lost, whatever becomes of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, expect

from tests.asterisk import wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.db import new_id
from webapp.scripts.models import Script, ScriptRun, ScriptStep
from webapp.tasks.models import CallbackKind
from webapp.wrapup.models import FieldKind, WrapUp, WrapUpField, WrapUpForm

pytestmark = pytest.mark.journey

DANA, EMIL = "+306944000001", "+442079460018"


@pytest.fixture
def form(books: Books) -> Iterator[None]:
    """What is asked after every call: an order's number, which must be said, and a colour."""
    form = WrapUpForm(queue="", limit_seconds=0, more_seconds=60, disposition_required=True, next_step=True)
    number = WrapUpField(position=0, label="Order number", kind=FieldKind.NUMBER, required=True, options=[])
    colour = WrapUpField(position=1, label="Colour", kind=FieldKind.CHOICE, required=False, options=["Red", "Blue"])
    form.fields = [number, colour]
    books.add(form)
    yield
    books.empty()


def said(books: Books) -> WrapUp:
    return wait_for("it to be saved", lambda: books.all(sa.select(WrapUp).where(WrapUp.saved_at.is_not(None))))[0]


def kept(card: Locator) -> Locator:
    return card.locator("[data-kept]")


@pytest.mark.req("T9")
def test_alice_wraps_two_calls_up_by_keys_and_what_is_missing_is_shown_at_its_field(
    form: None, customer: Customers, books: Books, alice: Screen
) -> None:
    for number in (EMIL, DANA):
        card = alice.talk(customer.calls("alice", number))
    expect(alice.page.locator("#presence > summary")).to_contain_text("Wrap-up: 2")
    expect(alice.card("wrap_up")).to_have_count(2)

    alice.press("Alt+5")  # they want to be called back
    alice.press("Control+Enter")
    card = alice.page.locator("ringback-callbar article:not([data-folded])")
    expect(card.locator('[data-error^="answer-"]').first).to_have_text("This must be answered.")
    expect(card.get_by_label("Order number")).to_be_focused()
    alice.type("4711")
    card.get_by_text("Call them again").click()
    expect(card.get_by_label("The customer's clock")).to_be_visible()
    alice.press("Control+Enter")

    expect(alice.cards).to_have_count(1)  # and the next one is open, under the keyboard
    expect(alice.card("wrap_up").locator(".cb-head")).to_be_focused()
    first = said(books)
    assert [answer.value for answer in first.answers] == ["4711"]
    assert [promise.id for promise in books.callbacks(kind=CallbackKind.PROMISE)] == [first.callback_id]


@pytest.mark.req("T24")
def test_a_script_opens_with_the_call_and_she_follows_it_by_keys(
    customer: Customers, books: Books, alice: Screen
) -> None:
    asks = [{"key": "number", "label": "Order number", "kind": "number", "required": True, "options": []}]
    offer = ScriptStep(id=new_id(), position=1, title="Offer", text="In red?", asks=[], ways=[])
    way = {"label": "Wants more", "to": str(offer.id)}
    greeting = ScriptStep(position=0, title="Greeting", text="Good day, {customer}.", asks=asks, ways=[way])
    books.contact("Dana Reyes", DANA)
    books.add(Script(name="Orders", queue="", opens=True, active=True, steps=[greeting, offer]))
    panel = alice.page.get_by_role("complementary", name="Script")
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    expect(panel).to_contain_text("Good day, Dana Reyes.")
    alice.press("Alt+s")
    expect(panel.locator(".script-title")).to_be_focused()
    alice.press("1")
    expect(panel.locator("[data-error]")).to_have_text("This must be answered.")
    alice.type("4711")
    alice.press("Escape")
    alice.press("1")
    expect(panel.locator(".script-title")).to_have_text("Offer")
    alice.page.reload()
    expect(panel.locator(".script-title")).to_have_text("Offer")
    alice.press("Alt+s")
    expect(panel.locator(".script-title")).to_be_focused()
    alice.press("Alt+s")
    expect(panel).to_be_hidden()
    call.hang_up()
    expect(alice.card("wrap_up")).to_be_visible()
    (run,) = books.all(sa.select(ScriptRun))
    assert [(answer.label, answer.value) for answer in run.answers] == [("Order number", "4711")]


@pytest.mark.req("R46")
def test_what_she_types_while_the_server_is_away_is_kept_and_saved_when_it_is_back(
    form: None, customer: Customers, books: Books, alice: Screen, product: Product
) -> None:
    card = alice.talk(customer.calls("alice", DANA))
    alice.press("Alt+1")
    card.get_by_label("Order number").fill("12")
    expect(kept(card)).to_have_text("Saved")
    alice.page.reload()
    expect(card.get_by_label("Order number")).to_have_value("12")

    alice.outage_expected = True
    alice.page.context.set_offline(True)
    card.get_by_label("Order number").fill("1234")
    card.get_by_label("Notes").fill("She rings from a train")
    for word in (kept(card), card.locator("[data-saved]")):
        expect(word).to_have_text("Kept here, not saved yet")
    alice.press("Control+Enter")
    expect(alice.page.locator(".toast-item", has_text="It is kept here")).to_be_visible()
    expect(card).to_be_visible()

    alice.page.context.set_offline(False)
    expect(alice.cards).to_have_count(0)
    row = said(books)
    assert [answer.value for answer in row.answers] == ["1234"]
    written = ["She rings from a train"]
    wait_for("the note", lambda: [note.text for note in books.call(id=row.call_id).notes] == written)
    assert alice.page.evaluate("Object.keys(localStorage).filter((name) => /note|answers|wrap/.test(name))") == []
