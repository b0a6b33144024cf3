"""One agent in two tabs and on two devices, a page that slept, a server that died: what is shown is what is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import CDPSession, Locator, expect

from telephony.events import Result
from tests.asterisk import wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.calls.models import CallNote, CallState
from webapp.wrapup.models import FieldKind, WrapUp, WrapUpField, WrapUpForm

pytestmark = pytest.mark.journey

DANA, EMIL, FANNY = "+306944000001", "+442079460018", "+302310555001"
CARD = re.compile(r'<article [^>]*data-uid="([^"]+)"[^>]*data-state="([^"]+)"')
STRIP = "#strip"
TONES = 4  # of one chime


@pytest.fixture
def second_tab(alice: Screen) -> Iterator[Screen]:
    """Of the same browser."""
    tab = Screen(alice.page.context, alice.url)
    tab.go("/desk")
    yield tab
    tab.listen()
    assert tab.troubles == []


@pytest.fixture
def tablet(desk_of: Callable[..., Screen]) -> Screen:
    return desk_of("alice")


@pytest.fixture
def form(books: Books) -> Iterator[None]:
    form = WrapUpForm(queue="", limit_seconds=0, more_seconds=60, disposition_required=False, next_step=True)
    form.fields = [WrapUpField(position=0, label="Order number", kind=FieldKind.NUMBER, required=False, options=[])]
    books.add(form)
    yield
    books.empty()


def hark(screen: Screen) -> None:
    """From now on its tones are counted; browsers allow them after a gesture."""
    screen.page.evaluate(
        """() => {
            const start = OscillatorNode.prototype.start;
            window.tones = 0;
            OscillatorNode.prototype.start = function (...when) { window.tones++; return start.apply(this, when); };
        }"""
    )
    screen.title.click()


def tones(screen: Screen) -> int:
    heard: int = screen.page.evaluate("window.tones")
    return heard


def rings(screen: Screen) -> bool:
    return bool(screen.page.evaluate("document.querySelector('ringback-callbar').ringer.uid !== ''"))


def note(screen: Screen) -> Locator:
    return screen.page.locator("ringback-callbar textarea[data-note]:visible").first


def saved_note(books: Books) -> str:
    return "".join(each.text for each in books.all(sa.select(CallNote)))


def shown(screen: Screen) -> list[tuple[str, str]]:
    cards: list[list[str]] = screen.cards.evaluate_all("cards => cards.map((c) => [c.dataset.uid, c.dataset.state])")
    return sorted((uid, state) for uid, state in cards)


def is_true(screen: Screen) -> bool:
    """The page's cards are those that the server would draw."""
    return shown(screen) == sorted(CARD.findall(screen.bar()))


def test_in_two_tabs_and_on_two_devices_alice_has_one_call_and_one_note(
    customer: Customers, books: Books, alice: Screen, second_tab: Screen, tablet: Screen
) -> None:
    everywhere = (alice, second_tab, tablet)
    for screen in everywhere:
        hark(screen)
    call = customer.calls("alice", DANA)
    for screen in everywhere:
        expect(screen.card("ringing")).to_be_visible()
    uid = str(books.call(number=DANA).id)
    assert [shown(screen) for screen in everywhere] == [[(uid, "ringing")]] * 3

    alice.wait("a tab and the tablet to ring", lambda: tones(tablet) and tones(alice) + tones(second_tab))
    loud, quiet = (alice, second_tab) if tones(alice) else (second_tab, alice)
    assert tones(quiet) == 0
    loud.page.goto("about:blank")
    alice.wait("the other tab to ring", lambda: tones(quiet))
    quiet.press("Alt+a")
    loud.go("/desk")
    hark(loud)
    for screen in everywhere:
        expect(screen.card("answered")).to_have_attribute("data-uid", uid)
        alice.wait("silence", lambda screen=screen: not rings(screen))

    note(alice).fill("Wants two")
    for screen in everywhere:
        expect(note(screen)).to_have_value("Wants two")
    tablet.outage_expected = True
    tablet.page.context.set_offline(True)
    note(tablet).fill("Wants two\nin red")
    note(second_tab).fill("Wants two\ntoday")
    wait_for("the note", lambda: saved_note(books) == "Wants two\ntoday")
    tablet.page.context.set_offline(False)
    for screen in everywhere:
        expect(note(screen)).to_have_value("Wants two\ntoday\nin red")
    wait_for("both", lambda: saved_note(books) == "Wants two\ntoday\nin red")
    tablet.listen()  # its browser complains that the server refused to write over the other one
    tablet.troubles = [trouble for trouble in tablet.troubles if "status of 409" not in trouble]

    before = [tones(screen) for screen in everywhere]
    call.hang_up()
    for screen in everywhere:
        expect(screen.card("wrap_up")).to_have_attribute("data-uid", uid)
        assert shown(screen) == [(uid, "wrap_up")]
    assert [tones(screen) for screen in everywhere] == before
    assert not any(rings(screen) for screen in everywhere)


def fall_asleep(screen: Screen) -> CDPSession:
    """As when a lid is closed: nothing of the page runs, then the network is gone. (No browser freezes a page in front.)"""
    screen.page.evaluate("() => { const now = Date.now; Date.now = () => now() + (window.slept ?? 0); }")
    machine = screen.page.context.new_cdp_session(screen.page)
    stopped: list[object] = []
    machine.on("Debugger.paused", lambda told: stopped.append(told))
    for command in ("Network.enable", "Debugger.enable", "Debugger.pause"):
        machine.send(command)
    screen.wait("the page to stop", lambda: stopped)
    offline(machine, True)
    return machine


def wake(machine: CDPSession) -> None:
    """Ten minutes later by the clock on the wall; timers do not count what they slept through."""
    machine.send("Runtime.evaluate", {"expression": "window.slept = 600_000"})
    machine.send("Debugger.disable")


def offline(session: CDPSession, away: bool) -> None:
    conditions = {"offline": away, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", conditions)


def test_charlie_comes_back_after_ten_minutes_and_sees_what_is(
    customer: Customers, books: Books, charlie: Screen, dora: Screen
) -> None:
    hark(charlie)
    given_up = customer.calls("support", DANA)
    expect(charlie.card("ringing")).to_be_visible()
    charlie.wait("a tone", lambda: tones(charlie))
    charlie.outage_expected = True

    before = tones(charlie)
    machine = fall_asleep(charlie)
    given_up.hang_up()
    books.call(number=DANA, state=CallState.ENDED)
    customer.calls("support", EMIL)
    expect(dora.card("ringing")).to_have_attribute("data-uid", str(books.call(number=EMIL).id))
    dora.press("Alt+a")
    expect(dora.card("answered")).to_be_visible()
    answered = books.call(number=EMIL, state=CallState.ANSWERED)

    wake(machine)
    expect(charlie.page.locator(STRIP)).to_be_visible()
    assert not rings(charlie)
    began = time.monotonic()
    offline(machine, False)
    charlie.wait("the truth", lambda: charlie.page.locator(STRIP).is_hidden() and is_true(charlie))
    print(f"true {time.monotonic() - began:.2f} s after the network was back")

    assert (charlie.card("ringing").count(), rings(charlie)) == (0, False)
    assert tones(charlie) in (before, before + TONES)  # one chime more as it fell asleep
    assert books.call(number=DANA).result is Result.ABANDONED
    assert [leg.user.username for leg in answered.legs if leg.user and leg.answered_at] == ["dora"]
    customer.calls("charlie", FANNY)
    expect(charlie.card("ringing")).to_be_visible()
    charlie.press("Alt+a")
    expect(charlie.card("answered")).to_be_visible()


def test_the_server_dies_in_a_call_and_what_is_typed_of_it_and_of_the_last_one_is_kept(
    form: None, customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    last = alice.talk(customer.calls("alice", EMIL))
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    talking = alice.card("answered")
    expect(talking).to_be_visible()
    alice.outage_expected = True

    product.kill()
    talking.get_by_label("Notes").fill("Wants two")
    if last.get_attribute("data-folded") is not None:
        last.locator(".cb-head").click()
    last.get_by_label("Order number").fill("4711")
    for word in (talking.locator("[data-saved]"), last.locator("[data-kept]")):
        expect(word).to_have_text("Kept here, not saved yet")
    expect(alice.page.locator(STRIP)).to_be_visible()
    alice.page.evaluate(
        """new MutationObserver(() => { window.changed = Date.now(); })
           .observe(document.getElementById('strip'), {attributes: true})"""
    )
    product.start()

    began = time.time()
    alice.wait("the truth", lambda: alice.page.locator(STRIP).is_hidden() and is_true(alice))
    print(f"true {alice.page.evaluate('window.changed') / 1000 - began:.2f} s after the server was ready")
    expect(talking.get_by_label("Notes")).to_have_value("Wants two")
    expect(last.get_by_label("Order number")).to_have_value("4711")
    wait_for("the note", lambda: saved_note(books) == "Wants two")
    wait_for("the answer", lambda: "4711" in str([row.draft for row in books.all(sa.select(WrapUp))]))
    call.hang_up()
    expect(alice.card("wrap_up")).to_have_count(2)
    assert books.call(number=DANA, state=CallState.ENDED).result is Result.ANSWERED
