"""Erin's phone is her page: SIP over a websocket, with Chromium's own beeping microphone, against a real Asterisk."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from telephony.commands import First
from tests.asterisk import Asterisk, wait_for
from tests.journeys.audit import audit, wider
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from tests.journeys.sound import flows, stats
from webapp.calls.models import CallState
from webapp.trial.phones import answers

pytestmark = pytest.mark.journey

DANA = "+306944000001"
SINK = "document.querySelector('ringback-callbar').phone.own.audio.sinkId"
RINGS_ON = "document.querySelector('ringback-callbar').ringer.audio?.sinkId"
# devices as a browser tells them to a page that was not yet allowed the microphone: these here are always allowed
UNNAMED = """() => {
    const devices = navigator.mediaDevices;
    const [told, asked] = [devices.enumerateDevices.bind(devices), devices.getUserMedia.bind(devices)];
    let allowed = false;
    devices.getUserMedia = (wanted) => { allowed = true; return asked(wanted); };
    devices.enumerateDevices = async () =>
        allowed ? told() : (await told()).map(({ kind }) => ({ kind, deviceId: "", label: "" }));
}"""


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
    expect(talking.locator("[data-quality]")).to_have_text("Good line")

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


def test_erin_checks_her_phone_before_the_shift(books: Books, desk_of: Callable[..., Screen]) -> None:
    erin = desk_of("erin", bypass_csp=True, reduced_motion="reduce", permissions=["microphone"])
    erin.page.locator("ringback-callbar").get_by_role("link", name="Check phone and sound").click()
    for step in ("socket", "phone", "microphone"):
        expect(_step(erin, step)).to_have_attribute("data-state", "good")
    for step in ("speaker", "ring"):
        _step(erin, step).get_by_role("button", name="Play").click()
        _step(erin, step).get_by_role("button", name="Yes").click()
    erin.page.get_by_label("Callers are heard on").select_option(index=1)
    chosen = erin.page.evaluate("JSON.parse(localStorage.getItem('ringback:sound')).speaker")
    erin.wait("the other device", lambda: erin.page.evaluate(SINK) == chosen)
    _step(erin, "speaker").get_by_role("button", name="Play").click()
    _step(erin, "speaker").get_by_role("button", name="Yes").click()

    call = _step(erin, "call")
    call.get_by_role("button", name="Make a test call").click()
    expect(call).to_contain_text("you hear yourself. Good line: lost 0%")
    found = audit(erin.page, "the check, in a test call") + wider(erin.page, "the check")
    call.get_by_role("button", name="Hang up").click()
    expect(call).to_contain_text("You were heard, and heard yourself.")
    expect(_step(erin, "notifications")).to_contain_text("The browser blocks notifications")
    expect(erin.page.locator("[data-summary]")).to_have_text("1 of 7 do not work yet. Below is what to do.")
    books.settle()
    assert (books.calls(), found) == ([], [])
    erin.page.reload()
    expect(erin.page.get_by_label("Callers are heard on")).to_have_value(chosen)


def test_alice_with_a_phone_on_her_desk_checks_what_concerns_her(
    asterisk: Asterisk, alice: Screen, books: Books
) -> None:
    alice.page.add_init_script(f"({UNNAMED})()")
    alice.go("/phone/check")
    expect(_step(alice, "phone")).to_have_attribute("data-state", "good")
    expect(_step(alice, "microphone")).to_have_count(0)
    expect(alice.page.get_by_label("Rings on")).not_to_be_visible()
    alice.page.get_by_role("button", name="Ring on another device").click()
    alice.page.get_by_label("Rings on").select_option(index=1)
    chosen = alice.page.evaluate("JSON.parse(localStorage.getItem('ringback:sound')).ring")
    alice.wait("the other device", lambda: alice.page.evaluate(RINGS_ON) == chosen)
    call = _step(alice, "call")
    call.get_by_role("button", name="Make a test call").click()
    expect(call).to_contain_text("You hear yourself?")
    for channel in asterisk.channels():
        asterisk.pbx.cli(f"channel request hangup {channel}")
    expect(call).to_contain_text("Your phone rang, and was picked up.")
    books.settle()
    assert books.calls() == []


def _step(screen: Screen, name: str) -> Locator:
    return screen.page.locator(f'[data-step="{name}"]')


@pytest.mark.parametrize("first", First)
def test_the_browser_picks_up_by_itself_when_erin_calls(
    asterisk: Asterisk, erin: Screen, first: First, request: pytest.FixtureRequest
) -> None:
    if first is First.CUSTOMER:
        request.getfixturevalue("customer_first")
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
