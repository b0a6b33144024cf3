"""Erin and Frank, whose phones are their pages, and Alice and Bob, whose phones are on their desks, send calls on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.screen import Screen
from tests.journeys.sound import flows
from webapp.trial.traffic import CustomerCall

pytestmark = pytest.mark.journey

DANA = "+306944000001"


def talks(screen: Screen, customer: Customers, to: str = "sales") -> CustomerCall:
    """With Dana, who has called."""
    call = customer.calls(to, DANA, "D REYES")
    expect(screen.card("ringing")).to_be_visible()
    screen.press("Alt+a")
    expect(screen.card("answered")).to_be_visible()
    return call


def sends(screen: Screen, name: str, button: str) -> None:
    screen.press("Alt+t")
    expect(screen.page.locator("[data-colleagues] label").first).to_be_visible()
    screen.type(name)
    expect(screen.page.locator("[data-colleagues] input:checked")).to_have_count(1)
    screen.page.get_by_role("button", name=button).click()


def asking(screen: Screen) -> Locator:
    return screen.page.locator(".cb-asking")


@pytest.mark.usefixtures("only_erin_sells")
def test_erin_transfers_to_frank(customer: Customers, erin: Screen, frank: Screen) -> None:
    call = talks(erin, customer)
    sends(erin, "frank", "Transfer now")
    expect(frank.card("ringing")).to_contain_text("D REYES")
    expect(erin.card("wrap_up")).to_be_visible()
    frank.press("Alt+a")
    expect(frank.card("answered")).to_be_visible()
    flows(frank)
    call.hang_up()
    expect(frank.card("wrap_up")).to_be_visible()


@pytest.mark.usefixtures("only_erin_sells")
def test_erin_asks_frank_first_goes_to_and_fro_and_hands_dana_over(
    customer: Customers, asterisk: Asterisk, erin: Screen, frank: Screen
) -> None:
    talks(erin, customer)
    erin.press("Alt+o")
    expect(erin.card("held")).to_be_visible()
    sends(erin, "frank", "Ask first")
    expect(frank.card("ringing")).to_be_visible()
    expect(asking(erin)).to_contain_text("With Frank Osei, the customer waits")
    frank.press("Alt+a")
    expect(frank.card("asked")).to_contain_text("Asked by Erin Walsh")
    flows(erin)
    flows(frank)
    asking(erin).get_by_role("button", name="Swap").click()
    expect(asking(erin)).to_contain_text("Frank Osei waits")
    flows(erin)
    asking(erin).get_by_role("button", name="Swap").click()
    expect(asking(erin)).to_contain_text("With Frank Osei, the customer waits")
    flows(frank)
    erin.press("Alt+t")
    expect(frank.card("answered")).to_be_visible()
    expect(erin.card("wrap_up")).to_be_visible()
    flows(frank)
    wait_for("two in a room", lambda: asterisk.pbx.cli("core show channels concise").count("ConfBridge") == 2)
    assert not [channel for channel in asterisk.channels() if "erin" in channel]


@pytest.mark.usefixtures("only_erin_sells")
def test_all_three_talk_and_erin_leaves(customer: Customers, asterisk: Asterisk, erin: Screen, frank: Screen) -> None:
    call = talks(erin, customer)
    sends(erin, "frank", "Ask first")
    expect(frank.card("ringing")).to_be_visible()
    frank.press("Alt+a")
    expect(frank.card("asked")).to_be_visible()
    asking(erin).get_by_role("button", name="Three-way").click()
    expect(asking(erin)).to_contain_text("With Frank Osei and the customer")
    expect(frank.card("answered")).to_be_visible()
    wait_for("three in a room", lambda: asterisk.pbx.cli("core show channels concise").count("ConfBridge") == 3)
    flows(erin)
    flows(frank)
    erin.press("Alt+h")
    expect(erin.card("wrap_up")).to_be_visible()
    flows(frank)
    call.hang_up()
    expect(frank.card("wrap_up")).to_be_visible()
    wait_for("the room to be empty", lambda: not asterisk.channels())


@pytest.mark.usefixtures("only_erin_sells")
def test_who_declines_gives_dana_back_and_who_is_let_go_is_gone(
    customer: Customers, asterisk: Asterisk, erin: Screen, frank: Screen
) -> None:
    call = talks(erin, customer)
    sends(erin, "frank", "Ask first")
    expect(frank.card("ringing")).to_be_visible()
    expect(asking(erin)).to_be_visible()
    frank.press("Alt+h")
    expect(asking(erin)).to_have_count(0)
    flows(erin)
    sends(erin, "frank", "Ask first")
    expect(frank.card("ringing")).to_be_visible()
    expect(asking(erin)).to_be_visible()
    asking(erin).get_by_role("button", name="Back").click()
    expect(asking(erin)).to_have_count(0)
    expect(frank.card("ringing")).to_have_count(0)
    flows(erin)
    call.hang_up()
    expect(erin.card("wrap_up")).to_be_visible()


@pytest.mark.usefixtures("only_erin_sells")
def test_erin_parks_and_frank_fetches(customer: Customers, erin: Screen, frank: Screen) -> None:
    talks(erin, customer)
    erin.page.get_by_role("button", name="Park").click()
    expect(erin.page.locator("ringback-toasts")).to_contain_text("Parked at 7")
    parked = frank.page.locator(".cb-parked")
    expect(parked).to_contain_text("D REYES")
    parked.get_by_role("button", name="Fetch").click()
    expect(frank.card("answered")).to_contain_text("D REYES")
    flows(frank)
    expect(parked).to_have_count(0)
    expect(erin.page.locator(".cb-parked")).to_have_count(0)


@pytest.mark.usefixtures("only_alice_sells")
def test_from_desk_to_desk(customer: Customers, asterisk: Asterisk, alice: Screen, charlie: Screen) -> None:
    call = talks(alice, customer)
    sends(alice, "charlie", "Ask first")
    expect(charlie.card("ringing")).to_be_visible()
    charlie.press("Alt+a")
    expect(charlie.card("asked")).to_be_visible()
    alice.press("Alt+t")
    expect(charlie.card("answered")).to_be_visible()
    expect(alice.card("wrap_up")).to_be_visible()
    sends(charlie, "alice", "Transfer now")
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    call.hang_up()
    expect(alice.card("wrap_up")).to_be_visible()
    wait_for("everybody to be gone", lambda: not asterisk.channels())
