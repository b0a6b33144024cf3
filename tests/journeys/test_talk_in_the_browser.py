"""Erin's phone is her page: SIP over a websocket, with Chromium's own beeping microphone, against a real Asterisk."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

DANA = "+306944000001"
STATS = """async () => {
    const report = await document.querySelector("ringback-callbar").phone.own.connection.getStats();
    const found = {};
    for (const each of report.values()) {
        if (each.type === "inbound-rtp") Object.assign(found, { came: each.packetsReceived, lost: each.packetsLost, energy: each.totalAudioEnergy });
        if (each.type === "outbound-rtp") found.went = each.packetsSent;
        if (each.type === "transport") found.dtls = each.dtlsState;
    }
    return found;
}"""


def stats(screen: Screen) -> dict[str, Any]:
    found: dict[str, Any] = screen.page.evaluate(STATS)
    return found


def flows(screen: Screen) -> None:
    """Sound goes both ways, from now on: a quarter of a second of it."""
    before = stats(screen)

    def more() -> bool:
        now = stats(screen)
        return bool(now["came"] > before["came"] + 12 and now["went"] > before["went"] + 12)

    wait_for("sound in both directions", more)


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

    ami = asterisk.logged_in("ringback-answer")
    erin.press("Alt+o")
    expect(erin.card("held")).to_be_visible()
    assert books.call(number=DANA).state is CallState.HELD
    erin.press("Alt+o")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)
    del ami

    call.hang_up()
    expect(erin.card("wrap_up")).to_be_visible()
    assert erin.page.evaluate("document.querySelector('ringback-callbar').phone.own.state") == "none"
