"""Whatever a line says of its caller is text: shown as it came, never run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

BEACON = "http://127.0.0.1:9/beacon"
NAMES = (
    f"<script>window.hacked=1</script><img src={BEACON} onerror=window.hacked=1>",
    '"\'`--></textarea></title>\\" onfocus="window.hacked=1" autofocus x=\'',
    "{{7*7}} ${7*7} {% print(config) %} %s %(who)s &amp; &lt;b&gt;",
    "\u202egnp.exe \u2066Dana\u2069 \u05d0\u05d1",
    "Ελένη Παπαδοπούλου-Αθανασίου ‘η 2η’",
    "x<b>ΑΩ</b>" * 250,
)
NUMBERS = (
    "<img src=x onerror=window.hacked=1>",
    "+306944000001\r\nEvent: Hangup\r\nUniqueid: 1\r\n\r\n",
    "+30" + "6" * 900,
    "+٣٠٦٩٤٤٠٠٠٠٠١",
)


def test_hostile_names_are_shown_verbatim_and_nothing_runs(customer: Customers, books: Books, alice: Screen) -> None:
    for at, sent in enumerate(NAMES):
        name = _as_asterisk_keeps_it(sent)
        call = customer.calls("alice", f"+30694400000{at}", sent)
        card = alice.card("ringing")
        expect(card).to_be_visible()
        assert card.locator(".cb-who .name").text_content() == name
        assert alice.page.locator("#assertive").text_content() == f"Incoming call: {name}"
        assert card.get_attribute("data-who") == name
        card.get_by_text("New contact").click()
        expect(card.get_by_label("Name")).to_have_value(name)
        call.hang_up()
        expect(card).to_have_count(0)
        assert books.call(number=f"+30694400000{at}", state=CallState.ENDED).name_raw == name

    for path in ("/calls", "/callbacks", "/desk"):
        alice.go(path)
        shown = alice.page.locator("#main").text_content() or ""
        for sent in NAMES:
            assert _as_asterisk_keeps_it(sent) in shown
    assert alice.page.evaluate("window.hacked") is None


def test_hostile_numbers_are_one_call_each_and_are_refused_or_shown_as_text(
    customer: Customers, books: Books, alice: Screen
) -> None:
    for at, number in enumerate(NUMBERS, 1):
        call = customer.calls("alice", number, "Dana")
        expect(alice.card("ringing").locator(".cb-who .name")).to_have_text("Dana")
        alice.press("Alt+a")
        expect(alice.card("answered")).to_be_visible()
        call.hang_up()
        expect(alice.card("wrap_up")).to_be_visible()
        alice.press("Alt+p")
        alice.press("1")
        alice.press("Control+Enter")
        expect(alice.cards).to_have_count(0)
        assert [row.state for row in books.calls()] == [CallState.ENDED] * at

    alice.open("Calls")
    expect(alice.page.locator("#call-rows tr")).to_have_count(len(NUMBERS))
    assert alice.page.evaluate("window.hacked") is None


def _as_asterisk_keeps_it(name: str) -> str:
    """In 79 bytes, with the backslashes by which SIP quotes."""
    return re.sub(r'(["\\])', r"\\\1", name).encode()[:79].decode(errors="ignore")
