"""Erin's phone is her page: SIP over a websocket, with Chromium's own beeping microphone, against a real Asterisk."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from tests.journeys.sound import flows, stats
from webapp.calls.models import CallState
from webapp.trial.phones import answers

pytestmark = pytest.mark.journey

DANA = "+306944000001"


@pytest.mark.usefixtures("only_erin_sells")
def test_erin_answers_in_the_browser_and_talks_while_she_turns_pages(
    customer: Customers, asterisk: Asterisk, books: Books, erin: Screen
) -> None:
    call = customer.calls("sales", DANA, "D REYES")

    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+a")
    talking = erin.card("answered")
    expect(talking).to_be_visible()
    flows(erin)
    assert stats(erin)["dtls"] == "connected"
    wait_for("something to be heard", lambda: stats(erin)["energy"] > 0)
    channels = asterisk.pbx.cli("pjsip show channelstats")
    assert re.search(r"erin\S* +\S+ +alaw +[1-9]", channels), channels

    socket = len(erin.sockets)
    for place in ("Contacts", "Calls", "Callbacks", "Absences", "Contacts", "Calls", "Callbacks", "Absences"):
        erin.open(place)
    erin.page.go_back()
    erin.page.go_forward()
    flows(erin)
    assert (stats(erin)["lost"], len(erin.sockets)) == (0, socket)

    erin.press("Alt+m")
    expect(talking.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    assert erin.page.evaluate("document.querySelector('ringback-callbar').phone.own.muted")
    erin.press("Alt+m")
    expect(talking.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "false")

    erin.press("Alt+o")
    expect(erin.card("held")).to_be_visible()
    assert books.call(number=DANA).state is CallState.HELD
    erin.press("Alt+o")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)

    call.hang_up()
    expect(erin.card("wrap_up")).to_be_visible()
    assert erin.page.evaluate("document.querySelector('ringback-callbar').phone.own.state") == "none"


@pytest.mark.usefixtures("only_erin_sells")
def test_the_pbx_hears_what_erin_types_and_whom_she_declines_rings_alice(
    customer: Customers, asterisk: Asterisk, erin: Screen, alice: Screen
) -> None:
    asterisk.pbx.cli("logger add channel keys.log dtmf")
    call = customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+a")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)
    erin.press("Alt+k")
    erin.press("5")
    heard = asterisk.pbx.log_dir / "keys.log"
    wait_for("the key", lambda: heard.exists() and re.search(r"DTMF end '5' received on PJSIP/erin", heard.read_text()))
    erin.press("Alt+h")
    expect(erin.card("wrap_up")).to_be_visible()
    assert call.wait(5)

    for command in ("unpause member PJSIP/alice queue sales", "set penalty 1 on PJSIP/alice in sales"):
        asterisk.pbx.cli(f"queue {command}")
    customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+h")
    expect(alice.card("ringing")).to_be_visible()
    expect(erin.card("ringing")).to_have_count(0)
    asterisk.pbx.cli("queue set penalty 0 on PJSIP/alice in sales")


def test_the_browser_picks_up_by_itself_when_erin_calls(asterisk: Asterisk, erin: Screen) -> None:
    asterisk.called_back(answers(0.2))
    erin.page.locator('[data-act="dial"]').click()
    erin.page.locator("#cb-number").fill("+306944000002")
    erin.press("Enter")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)
    erin.press("Alt+h")
    expect(erin.card("wrap_up")).to_be_visible()


@pytest.mark.usefixtures("only_alice_sells")
def test_the_same_buttons_work_with_the_phone_on_alices_desk(
    customer: Customers, asterisk: Asterisk, alice: Screen
) -> None:
    call = customer.calls("sales", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    talking = alice.card("answered")
    expect(talking).to_be_visible()
    alice.press("Alt+m")
    expect(talking.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    alice.press("Alt+o")
    expect(alice.card("held")).to_be_visible()
    wait_for("music", lambda: "MusicOnHold" in asterisk.pbx.cli("core show channels concise"))
    alice.press("Alt+o")
    expect(talking).to_be_visible()
    wait_for("no music", lambda: "MusicOnHold" not in asterisk.pbx.cli("core show channels concise"))
    alice.press("Alt+k")
    with alice.page.expect_response("**/digits") as answer:
        alice.press("#")
    assert answer.value.status == 204
    call.hang_up()
    expect(alice.card("wrap_up")).to_be_visible()
