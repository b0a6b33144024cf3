from __future__ import annotations
import time
from collections.abc import Callable
import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from tests.asterisk import Asterisk, wait_for
from tests.journeys.audit import audit, wider
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from tests.journeys.sound import flows, stats
from tests.journeys.test_come_back import fall_asleep, wake, offline
from webapp.accounts.models import Line, User

pytestmark = pytest.mark.journey
DANA = "+306944000001"
WORD = "document.querySelector('ringback-callbar').phone.word"
SHOTS = "/tmp/shots-device"

def word(s): return s.page.evaluate(WORD)

def shoot(page, name):
    for w, h in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": w, "height": h})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(300)
            page.screenshot(path=f"{SHOTS}/{name}-{w}-{theme}.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")

@pytest.mark.usefixtures("only_erin_sells")
def test_shots(customer: Customers, asterisk, books, erin: Screen, desk_of):
    home = desk_of("erin", bypass_csp=True, reduced_motion="reduce", permissions=["microphone"])
    expect(home.page.locator("#cb-taken")).to_be_visible()
    found = []
    for locale in ("en", "el"):
        home.page.evaluate("""async (locale) => { const t = document.querySelector('meta[name="csrf-token"]').content;
            await fetch('/me/preferences', {method:'POST', headers:{'X-CSRFToken':t,'Accept':'application/json','Content-Type':'application/json','X-Requested-With':'fetch'}, body: JSON.stringify({locale})}); }""", locale)
        home.go("/desk")
        expect(home.page.locator("#cb-taken")).to_be_visible()
        shoot(home.page, f"taken-{locale}")
        found += audit(home.page, f"taken {locale}") + wider(home.page, f"taken {locale}")
        home.go("/phone/check")
        expect(home.page.locator('[data-do="take"]')).to_be_visible()
        shoot(home.page, f"check-{locale}")
        found += audit(home.page, f"check {locale}") + wider(home.page, f"check {locale}")
        home.go("/desk")
        expect(home.page.locator("#cb-taken")).to_be_visible()
        call = customer.calls("sales", DANA)
        expect(home.card("ringing")).to_be_visible()
        assert home.page.evaluate("document.querySelector('ringback-callbar').ringer.uid") == ""
        home.page.locator('[data-act="take-phone"]').click()
        home.page.wait_for_timeout(600)
        shoot(home.page, f"ringing-{locale}")
        found += audit(home.page, f"ringing {locale}")
        home.press("Alt+a")
        home.page.wait_for_timeout(500)
        print([t.inner_text() for t in home.page.locator(".toast-item").all()])
        call.hang_up()
        home.page.wait_for_timeout(500)
    print(found)
    home.page.evaluate("""async (locale) => { const t = document.querySelector('meta[name="csrf-token"]').content;
            await fetch('/me/preferences', {method:'POST', headers:{'X-CSRFToken':t,'Accept':'application/json','Content-Type':'application/json','X-Requested-With':'fetch'}, body: JSON.stringify({locale})}); }""", "en")
    home.go("/desk")
    home.page.locator('[data-act="take-phone"]').click()
    expect(home.page.locator("[data-phone-word=registered]")).to_be_visible()
    shoot(home.page, "used-here")
    home.troubles = [t for t in home.troubles if "409" not in t]
    assert found == []

def test_blocked_storage(books, asterisk, desk_of):
    import playwright.sync_api as p
    erin = desk_of("erin")
    erin.page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } }); Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } });")
    wait_for("gone", lambda: True)
    with books.writing() as session:
        session.execute(sa.update(Line).values(device=None, device_until=None))
    erin.go("/desk")
    erin.wait("registered", lambda: word(erin) == "registered")
    second = Screen(erin.page.context, erin.url)
    second.page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });")
    second.go("/desk")
    second.page.wait_for_timeout(500)
    assert word(second) == "registered"
    print("second's own", second.page.evaluate("document.querySelector('ringback-callbar').phone.own"))
    for place in ("Contacts", "Calls", "Callbacks"):
        erin.open(place)
    print("troubles", erin.troubles, second.troubles)
    assert second.troubles == []

def test_two_tabs_take(books, asterisk, erin, desk_of):
    home = desk_of("erin")
    expect(home.page.locator("#cb-taken")).to_be_visible()
    tab = Screen(home.page.context, home.url)
    tab.go("/desk")
    expect(tab.page.locator("#cb-taken")).to_be_visible()
    tab.page.locator('[data-act="take-phone"]').click()
    tab.wait("reg", lambda: word(tab) == "registered")
    assert word(home) == "registered"
    erin.wait("taken", lambda: word(erin) == "taken")
    # the tab with the phone closes: the other one of the same device goes on
    home.page.goto("about:blank")
    tab.wait("own", lambda: tab.page.evaluate("document.querySelector('ringback-callbar').phone.own?.state === 'none' && document.querySelector('ringback-callbar').phone.word") == "registered")
    assert word(erin) == "taken"
    home.go("/desk")
    assert tab.troubles == []

def test_race(books, asterisk, erin, desk_of):
    homes = [desk_of("erin"), desk_of("erin")]
    for round_ in range(5):
        for home in homes:
            home.wait("taken", lambda home=home: word(home) == "taken") if round_ == 0 else None
        takers = [s for s in (erin, *homes) if word(s) == "taken"]
        for s in takers:
            s.page.evaluate("void document.querySelector('[data-act=\"take-phone\"]').click()")
        began = time.monotonic()
        def settled():
            words = [word(s) for s in (erin, *homes)]
            return sorted(words) == ["registered", "taken", "taken"] or None
        erin.wait("one", settled, seconds=20)
        erin.page.wait_for_timeout(1500)
        print(round_, f"{time.monotonic()-began:.1f}", [word(s) for s in (erin, *homes)], asterisk.pbx.cli("pjsip show contacts").count("erin"))
        assert settled()
    for s in (erin, *homes):
        s.listen()
        print(s.troubles)
        s.troubles = [t for t in s.troubles if "409" not in t]

@pytest.mark.usefixtures("only_erin_sells")
def test_sleep(customer, books, asterisk, erin, desk_of):
    home = desk_of("erin")
    expect(home.page.locator("#cb-taken")).to_be_visible()
    erin.outage_expected = True
    machine = fall_asleep(erin)
    began = time.monotonic()
    home.wait("the phone", lambda: word(home) == "registered", seconds=90)
    print(f"home has it after {time.monotonic()-began:.0f} s")
    wake(machine)
    offline(machine, False)
    erin.wait("taken", lambda: word(erin) == "taken", seconds=40)
    print("erin gave way")
    home.page.wait_for_timeout(4000)
    assert (word(home), word(erin)) == ("registered", "taken")
    call = customer.calls("sales", DANA)
    expect(home.card("ringing")).to_be_visible()
    home.press("Alt+a")
    expect(home.card("answered")).to_be_visible()
    flows(home)
    call.hang_up()
    expect(home.card("wrap_up")).to_be_visible()

def test_log_out(books, asterisk, erin, desk_of, browser, product):
    from tests.journeys.people import PASSWORD
    context = browser.new_context(base_url=product.url, locale="en-GB")
    home = Screen(context, product.url)
    home.page.goto(product.url + "/login")
    home.page.locator("#login-form [autocomplete=username]").fill("erin")
    home.page.locator("#login-form [autocomplete=current-password]").fill(PASSWORD)
    home.page.get_by_role("button", name="Log in").click()
    expect(home.page.locator("#cb-taken")).to_be_visible()
    home.page.evaluate("document.querySelector('form[action=\"/logout\"] button').click()")
    home.page.wait_for_url("**/login*")
    for _ in range(20):
        erin.page.wait_for_timeout(2000)
        print(word(erin), asterisk.pbx.cli("pjsip show contacts").count("erin"), asterisk.pbx.cli("pjsip show endpoint erin")[:60].strip().splitlines()[-1:])
    erin.wait("reg", lambda: word(erin) == "registered")
    print(erin.troubles, home.troubles)
    context.close()

@pytest.mark.usefixtures("only_erin_sells")
def test_opus(customer, books, asterisk, erin):
    call = customer.calls("sales", DANA)
    expect(erin.card("ringing")).to_be_visible()
    erin.press("Alt+a")
    expect(erin.card("answered")).to_be_visible()
    flows(erin)
    print(asterisk.pbx.cli("pjsip show channelstats"))
    print(asterisk.pbx.cli("module show like opus"))
    print(erin.page.evaluate("""async () => { const r = await document.querySelector('ringback-callbar').phone.own.connection.getStats(); return [...r.values()].filter(e => e.type === 'codec').map(e => [e.mimeType, e.sdpFmtpLine]); }"""))
    print([asterisk.pbx.cli(f"core show channel {c}")[:1600] for c in asterisk.channels()])
    print(asterisk.pbx.cli("core show translation paths opus 48000")[:600] )
    erin.page.wait_for_timeout(4000)
    print(erin.page.locator("[data-quality]").first.inner_text(), erin.page.locator("[data-quality]").first.get_attribute("title"))
    call.hang_up()
    expect(erin.card("wrap_up")).to_be_visible()

@pytest.mark.usefixtures("only_alice_sells")
def test_cancelled_logout(customer, books, asterisk, alice):
    customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    alice.outage_expected = True
    alice.page.route("**/notes", lambda r: r.abort())
    alice.page.locator("ringback-callbar textarea[data-note]:visible").first.fill("kept")
    alice.page.remove_listener("dialog", alice._asked)
    alice.page.on("dialog", lambda d: d.dismiss())
    alice.page.evaluate("document.querySelector('form[action=\"/logout\"] button').click()")
    alice.page.wait_for_timeout(1000)
    cookies = alice.page.context.cookies()
    alice.page.context.clear_cookies()
    alice.page.unroute("**/notes")
    alice.press("Alt+n")
    expect(alice.page.locator("#login-dialog")).to_be_visible(timeout=15000)
    alice.page.context.add_cookies(cookies)
    print(alice.troubles)
    alice.troubles.clear()

@pytest.mark.usefixtures("only_alice_sells")
def test_two_forms(customer, books, asterisk, alice):
    from tests.journeys.test_come_back import WrapUpForm, WrapUpField, FieldKind
    from webapp.wrapup.models import WrapUp
    form = WrapUpForm(queue="", limit_seconds=0, more_seconds=60, disposition_required=False, next_step=True)
    form.fields = [WrapUpField(position=0, label="Order number", kind=FieldKind.NUMBER, required=False, options=[]), WrapUpField(position=1, label="Colour", kind=FieldKind.TEXT, required=False, options=[])]
    books.add(form)
    tab = Screen(alice.page.context, alice.url)
    tab.go("/desk")
    card = alice.talk(customer.calls("alice", DANA))
    other = tab.card("wrap_up")
    expect(other).to_be_visible()
    card.get_by_label("Order number").fill("4711")
    expect(other.get_by_label("Order number")).to_have_value("4711")
    other.get_by_label("Colour").fill("red")
    expect(card.get_by_label("Colour")).to_have_value("red")
    other.get_by_text("Call them again").first.click()
    expect(card.locator("[name=next]")).to_be_checked()
    # at once
    card.get_by_label("Order number").fill("12")
    other.get_by_label("Colour").fill("blue")
    for one in (card, other):
        expect(one.get_by_label("Order number")).to_have_value("12")
        expect(one.get_by_label("Colour")).to_have_value("blue")
    card.locator("[name=next]").uncheck()
    expect(other.locator("[name=next]")).not_to_be_checked()
    print([row.draft for row in books.all(sa.select(WrapUp))])
    alice.page.reload()
    expect(alice.card("wrap_up").get_by_label("Colour")).to_have_value("blue")
    assert tab.troubles == []
    books.empty()

from tests.journeys.test_talk_in_the_browser import test_erin_uses_her_phone_on_another_device as test_again_1
from tests.journeys.test_talk_in_the_browser import test_erin_uses_her_phone_on_another_device as test_again_2
