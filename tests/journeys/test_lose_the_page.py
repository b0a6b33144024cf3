"""Erin's page, which is her phone, goes away: while it rings, and in the middle of a call."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.screen import Screen
from tests.journeys.sound import flows

pytestmark = pytest.mark.journey

DANA = "+306944000001"
PHONE = "document.querySelector('ringback-callbar')?.phone?.own"


@pytest.mark.usefixtures("only_erin_sells")
def test_who_rings_at_a_tab_that_is_closed_rings_elsewhere(
    customer: Customers, asterisk: Asterisk, erin: Screen, alice: Screen
) -> None:
    for command in ("unpause member PJSIP/alice queue sales", "set penalty 1 on PJSIP/alice in sales"):
        asterisk.pbx.cli(f"queue {command}")
    customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.page.goto("about:blank")
    expect(alice.card("ringing")).to_be_visible(timeout=8000)
    asterisk.pbx.cli("queue set penalty 0 on PJSIP/alice in sales")
    erin.go("/desk")


@pytest.mark.usefixtures("only_erin_sells")
def test_a_reload_in_the_middle_of_a_call_asks_first_and_dana_is_back(customer: Customers, erin: Screen) -> None:
    call = customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+a")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)
    began = time.monotonic()
    erin.page.reload()
    erin.wait("the phone", lambda: erin.page.evaluate(f"{PHONE}?.connection?.connectionState === 'connected'"))
    print(f"talking again after {time.monotonic() - began:.1f} s")
    flows(erin)
    expect(erin.card("answered")).to_be_visible()
    asked = [trouble for trouble in erin.troubles if trouble.startswith("dialog: beforeunload")]
    assert asked, "the page asks before it leaves a call"
    erin.troubles = [trouble for trouble in erin.troubles if trouble not in asked]
    call.hang_up()
    expect(erin.card("wrap_up").first).to_be_visible()


@pytest.mark.usefixtures("only_erin_sells")
def test_whose_page_is_gone_in_a_call_talks_on_with_dana_on_another_device(
    customer: Customers, asterisk: Asterisk, erin: Screen, desk_of: Callable[..., Screen]
) -> None:
    home = desk_of("erin")
    expect(home.page.locator("#cb-taken")).to_be_visible()
    call = customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+a")
    expect(home.card("answered")).to_be_visible()
    flows(erin)
    erin.page.goto("about:blank")
    wait_for("the rescue", lambda: "ringback-rescue" in asterisk.pbx.cli("core show channels concise"))
    home.page.get_by_role("button", name="Use here").click()
    home.wait("Dana", lambda: home.page.evaluate(f"{PHONE}.state !== 'none' && ({PHONE}.answer(), true)"))
    home.wait("the phone", lambda: home.page.evaluate(f"{PHONE}.connection?.connectionState === 'connected'"))
    flows(home)
    expect(home.card("answered")).to_be_visible()
    call.hang_up()
    erin.troubles = [trouble for trouble in erin.troubles if not trouble.startswith("dialog: beforeunload")]
    erin.go("/desk")
    expect(erin.page.locator("#cb-taken")).to_be_visible()
