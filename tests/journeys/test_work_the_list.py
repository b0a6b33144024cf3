"""Two thousand people wait for a call: Sofia shares the work out, Alice works it with the keyboard, Bob sees at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, expect

from telephony.events import Direction
from tests.asterisk import Asterisk
from tests.factories import many_callbacks
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.accounts.models import User
from webapp.contacts.models import Party
from webapp.db import new_id, now
from webapp.tasks.models import Callback, CallbackKind, CallbackState, ClosedAs

pytestmark = pytest.mark.journey

HOW_MANY = 2000


@pytest.fixture
def waiting(books: Books) -> list[Callback]:
    """What is to be done, the most urgent first. Due times lie far from now: nothing becomes overdue by itself."""
    rows = many_callbacks(HOW_MANY)
    callbacks = [row for row in rows if isinstance(row, Callback)]
    at = now()
    for i, callback in enumerate(callbacks):
        callback.id, callback.due_at = new_id(), at + timedelta(hours=2, minutes=i)
        callback.missed = 3 if i < 5 else 1
    books.add(*rows)
    return callbacks


@pytest.fixture
def sofia(desk_of: Callable[..., Screen]) -> Screen:
    return desk_of("sofia")


def rows(screen: Screen) -> Locator:
    return screen.page.locator("#callback-rows > tr.cbk")


def row(screen: Screen, callback: Callback) -> Locator:
    return screen.page.locator(f"#callback-{callback.id}")


def found(screen: Screen, words: str) -> None:
    expect(screen.page.locator("[data-found-text]")).to_have_text(words)


@pytest.mark.usefixtures("waiting")
def test_filters_and_orders_narrow_two_thousand_and_stay_in_the_address(alice: Screen) -> None:
    alice.open("Callbacks")
    found(alice, "2,000 callbacks")
    expect(rows(alice)).to_have_count(100)

    alice.press("/")
    alice.type("6944")
    found(alice, "334 callbacks")
    alice.page.get_by_label("Queue").select_option("sales")
    expect(alice.page).to_have_url(re.compile(r"q=6944&queue=sales"))
    expect(alice.page.get_by_label("Name or number").last).to_have_value("6944")
    alice.page.get_by_label("Order").select_option("name")
    expect(alice.page).to_have_url(re.compile(r"sort=name"))
    alice.page.reload()
    found(alice, "334 callbacks")
    expect(alice.page.get_by_label("Order")).to_have_value("name")

    alice.page.get_by_label("Name or number").last.fill("nobody of this name")
    expect(alice.page.get_by_text("No callback matches these filters")).to_be_visible()
    alice.page.get_by_role("link", name="Clear the filters").first.click()
    found(alice, "2,000 callbacks")


def test_scrolling_loads_what_comes_and_coming_back_finds_the_place_again(
    alice: Screen, waiting: list[Callback]
) -> None:
    alice.open("Callbacks")
    expect(rows(alice)).to_have_count(100)
    known = next(callback for callback in waiting[150:] if callback.party_id)
    rows(alice).last.scroll_into_view_if_needed()
    expect(rows(alice)).to_have_count(200)
    row(alice, known).scroll_into_view_if_needed()
    row(alice, known).locator(".who a").click()
    expect(alice.title).not_to_have_text("Callbacks")
    alice.page.go_back()
    expect(row(alice, known)).to_be_in_viewport()


def test_sofia_selects_a_range_and_gives_it_to_bob_who_sees_it_at_once(
    sofia: Screen, desk_of: Callable[..., Screen], waiting: list[Callback], books: Books
) -> None:
    bob = desk_of("bob", "/callbacks?tab=mine")
    expect(bob.page.get_by_text("You have claimed none")).to_be_visible()
    sofia.open("Callbacks")
    row(sofia, waiting[7]).get_by_role("checkbox").click()
    sofia.press("Escape")
    expect(row(sofia, waiting[7]).get_by_role("checkbox")).not_to_be_checked()
    row(sofia, waiting[1]).get_by_role("checkbox").click()
    row(sofia, waiting[4]).get_by_role("checkbox").click(modifiers=["Shift"])
    bar = sofia.page.get_by_role("region", name="The selected ones")
    expect(bar).to_contain_text("4 selected")

    bar.get_by_label("Assign to").select_option(label="Bob Keller · Sales")
    bar.get_by_role("button", name="Assign").click()

    expect(sofia.page.get_by_text("4 assigned.", exact=True).first).to_be_visible()
    expect(bar).to_be_hidden()
    expect(row(sofia, waiting[2])).to_contain_text("Bob Keller")
    expect(rows(bob)).to_have_count(4)
    expect(bob.page.get_by_role("link", name="Mine 4")).to_be_visible()
    bobs = books.all(sa.select(User).where(User.username == "bob"))[0]
    assert {callback.id for callback in books.callbacks(assigned_to_id=bobs.id)} == {each.id for each in waiting[1:5]}


def test_all_two_thousand_are_dismissed_but_the_one_that_somebody_is_on(
    sofia: Screen, alice: Screen, waiting: list[Callback], books: Books
) -> None:
    alice.open("Callbacks")
    row(alice, waiting[3]).get_by_role("button", name="Claim").click()
    sofia.open("Callbacks")
    sofia.page.get_by_label("Select all that are shown").check()
    bar = sofia.page.get_by_role("region", name="The selected ones")
    bar.get_by_role("button", name="Select all 2,000").click()
    expect(bar).to_contain_text("2,000 selected")
    bar.get_by_role("button", name="Dismiss…").click()
    sofia.page.locator("#dismiss-many-reason").fill("The fair is cancelled")
    sofia.page.locator("#dismiss-many").get_by_role("button", name="Dismiss", exact=True).click()

    told = sofia.page.locator("#bulk-told")
    expect(told).to_contain_text("1,999 dismissed. 1 refused:", timeout=60_000)
    expect(told).to_contain_text("Alice Martin is already on it.")
    sofia.press("Escape")
    expect(rows(sofia)).to_have_count(1)
    expect(rows(alice)).to_have_count(1)
    assert len(books.callbacks(closed_as=ClosedAs.DISMISSED, reason="The fair is cancelled")) == 1999


def test_alice_works_with_the_keyboard_and_bob_sees_who_has_it(
    asterisk: Asterisk, alice: Screen, desk_of: Callable[..., Screen], waiting: list[Callback], books: Books
) -> None:
    bob = desk_of("bob", "/callbacks")
    typed = bob.page.get_by_label("Name or number").last
    typed.fill("69")  # not a search yet, and not to be lost
    alice.open("Callbacks")
    alice.press("j")
    expect(row(alice, waiting[0]).locator(".opener")).to_be_focused()
    alice.press("Enter")
    expect(alice.page.get_by_text("Nobody has tried yet.")).to_be_visible()
    alice.press("j")
    alice.press("ArrowDown")
    alice.press("k")
    expect(row(alice, waiting[1]).locator(".opener")).to_be_focused()

    alice.press("a")

    expect(row(alice, waiting[1]).locator(".holder")).to_contain_text("You")
    expect(row(alice, waiting[1]).locator(".opener")).to_be_focused()
    typed.fill("")
    expect(row(bob, waiting[1]).locator(".holder")).to_contain_text("Alice Martin")
    expect(row(bob, waiting[1]).get_by_role("button", name="Claim")).to_have_count(0)

    alice.press("c")

    expect(alice.card("ringing")).to_be_visible()
    call = books.call(direction=Direction.OUTBOUND)
    assert call.number == waiting[1].number
    alice.press("Alt+h")
    expect(alice.cards).to_have_count(0)


def test_what_alice_does_leaves_sofias_focus_her_ticks_her_place_and_what_she_types(
    alice: Screen, sofia: Screen, waiting: list[Callback]
) -> None:
    sofia.open("Callbacks")
    row(sofia, waiting[40]).get_by_role("checkbox").click()
    typed = sofia.page.get_by_label("Name or number").last
    typed.evaluate("field => { field.value = 'nobody' }")  # between two keys: not a filter yet
    row(sofia, waiting[41]).locator(".opener").focus()
    expect(row(sofia, waiting[41])).to_be_in_viewport()
    before = row(sofia, waiting[41]).bounding_box()
    alice.open("Callbacks")
    alice.press("j")
    alice.press("d")
    alice.page.locator("#dismiss-reason").fill("Wrong number")
    alice.press("Enter")
    expect(row(alice, waiting[0])).to_have_count(0)

    expect(row(sofia, waiting[0])).to_have_count(0)
    found(sofia, "1,999 callbacks")
    expect(row(sofia, waiting[41]).locator(".opener")).to_be_focused()
    expect(row(sofia, waiting[40]).get_by_role("checkbox")).to_be_checked()
    expect(typed).to_have_value("nobody")
    after = row(sofia, waiting[41]).bounding_box()
    assert before and after
    assert abs(before["y"] - after["y"]) < 5, "a row is ten times as high"


def test_a_call_is_promised_on_the_customers_clock(alice: Screen, books: Books) -> None:
    dana = Party(id=new_id(), name="Dana Reyes", search_name="dana reyes")
    books.add(dana, _callback("+12125550123", dana))
    alice.open("Callbacks")
    alice.press("j")
    alice.press("s")
    dialog = alice.page.locator("#schedule")
    expect(dialog.get_by_label("The customer's clock")).to_have_value("America/New York")
    dialog.get_by_label("Date").fill("2020-01-01")
    dialog.get_by_role("button", name="Promise it").click()
    expect(dialog.get_by_label("Date")).to_be_focused()
    expect(dialog.get_by_text("This is in the past.").first).to_be_visible()
    dialog.get_by_label("The customer's clock").fill("Atlantis")
    dialog.get_by_role("button", name="Promise it").click()
    expect(dialog.locator("#schedule-zone-error")).to_have_text("Choose a city of the list.")
    dialog.get_by_label("The customer's clock").fill("New York")
    day = now() + timedelta(days=3)
    dialog.get_by_role("button", name="10:00").last.click()
    expect(dialog.get_by_label("Time there")).to_have_value("10:00")
    dialog.get_by_label("Date").fill(f"{day:%Y-%m-%d}")
    dialog.get_by_label("Time there").fill("10:30")
    expect(dialog.get_by_role("status")).to_contain_text("in America/New York")
    expect(dialog.get_by_role("status")).to_contain_text("On your clock")
    dialog.get_by_label("Note").fill("Ask for the invoice")
    dialog.get_by_role("button", name="Promise it").click()

    expect(alice.page.get_by_text("Nobody waits for a call")).to_be_visible()
    alice.page.get_by_role("link", name="Promises 1").click()
    expect(rows(alice)).to_contain_text("Dana Reyes")
    expect(rows(alice)).to_contain_text(re.compile(rf"Promised .*{day.day}.* 15:30|Promised .*{day.day}.* 14:30"))
    [promised] = books.callbacks(state=CallbackState.WAITING)
    assert (promised.kind, promised.promised_zone, promised.note) == (
        CallbackKind.PROMISE, "America/New_York", "Ask for the invoice",
    )  # fmt: skip

    alice.page.get_by_role("button", name="Schedule a call").click()
    dialog.get_by_label("Number").fill("+81312345678")
    alice.press("Tab")
    expect(dialog.get_by_label("The customer's clock")).to_have_value("Asia/Tokyo")


def _callback(number: str, party: Party) -> Callback:
    at = now()
    return Callback(
        open_key=f"tel:{number}", number=number, number_raw=number, switch="main", queue="sales", missed=1,
        state=CallbackState.OPEN, first_missed_at=at, last_missed_at=at, due_at=at + timedelta(hours=2),
        party_id=party.id,
    )  # fmt: skip
