"""Every page, in both themes, on a desk and on a phone: no violation of accessibility rules, no error in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from telephony.commands import First
from telephony.events import Direction
from tests.journeys.audit import audit as _audit
from tests.journeys.audit import wider as _wider
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.accounts.models import Presence, User
from webapp.books.models import LedgerCheck, Recovery, RecoveryKind, Source
from webapp.calls.models import Call, CallState, Leg
from webapp.db import new_id, now
from webapp.notices.models import Notice
from webapp.tasks.models import QueuePolicy

pytestmark = pytest.mark.journey

DANA, EMIL, SHARED = "+306944000001", "+442079460018", "+302310555001"


@pytest.fixture
def audited(desk_of: Callable[..., Screen]) -> Screen:
    """Alice's browser, made to let the auditor's script in."""
    return desk_of("alice", bypass_csp=True, reduced_motion="reduce")


@pytest.fixture
def history(customer: Customers, books: Books, audited: Screen) -> dict[str, str]:
    """A contact, a call with notes that was wrapped up, one that was missed, one that was reached. By kind of page."""
    party = books.contact("Dana Reyes", DANA, SHARED, note="Likes the red ones.\nDoes not like waiting.")
    books.contact("Fanny Reyes", SHARED)
    _miss(customer, audited, EMIL)
    for number in (EMIL, DANA):
        call = customer.calls("alice", number)
        expect(audited.card("ringing")).to_be_visible()
        audited.press("Alt+a")
        talking = audited.card("answered")
        expect(talking).to_be_visible()
        audited.press("Alt+n")
        audited.type("Called about the red ones.")
        expect(talking.locator("[data-saved]")).to_have_text("Saved")
        call.hang_up()
        expect(audited.card("wrap_up")).to_be_visible()
        audited.press("Alt+p")
        audited.press("1")
        audited.press("Control+Enter")
        expect(audited.cards).to_have_count(0)
    _miss(customer, audited, DANA)
    call_id = next(call.id for call in books.calls(number=DANA) if call.answered_at)
    return {
        "desk": "/desk",
        "contacts": "/contacts",
        "contacts found": "/contacts?q=reyes",
        "contacts not found": "/contacts?q=nobody",
        "new contact": "/contacts/new",
        "contact": f"/contacts/{party.id}",
        "edit contact": f"/contacts/{party.id}/edit",
        "calls": "/calls",
        "calls filtered": "/calls?direction=inbound&result=missed&mine=1",
        "calls not found": "/calls?q=nobody",
        "call": f"/calls/{call_id}",
        "my day": "/day",
        "dial": "/dial",
        "check": "/phone/check",
        "dialled": "/dial?tel=tel:%2B306944000001",
        "callbacks": "/callbacks",
        "my callbacks": "/callbacks?tab=mine",
        "waiting callbacks": "/callbacks?tab=waiting",
        "promised callbacks": "/callbacks?tab=promises",
        "closed callbacks": "/callbacks?tab=closed",
        "callbacks filtered": "/callbacks?priority=1&sort=name",
        "callbacks not found": "/callbacks?q=nobody",
    }


def test_every_page_is_accessible_and_silent(
    history: dict[str, str], audited: Screen, desk_of: Callable[..., Screen]
) -> None:
    found = [problem for page, path in history.items() for problem in _audit_page(audited, page, path)]
    assert found == []

    alice = desk_of("alice")
    for path in history.values():
        alice.go(path)


@pytest.fixture
def ledger(customer: Customers, books: Books, audited: Screen) -> dict[str, str]:
    """Pages of a supervisor: something was recovered, two days balance and one does not."""
    books.contact("Dana Reyes", DANA)
    for number in (DANA, EMIL, SHARED):
        _miss(customer, audited, number)
    books.settle()
    calls = books.calls()
    assert len(calls) == 3
    books.add(*recoveries(calls), *checks(calls[0]))
    return {
        "ledger": "/ledger",
        "recoveries": "/recoveries",
        "recoveries not found": "/recoveries?kind=closed&switch=nowhere",
        "recovered call": f"/calls/{calls[0].id}",
    }


@pytest.fixture
def shift(desk_of: Callable[..., Screen], books: Books, customer: Customers) -> Iterator[dict[str, str]]:
    """Alice does not answer, Bob's lunch is too long, Charlie's laptop sleeps, Dora talks. Pages of who looks after them."""
    _alice, bob, charlie, dora = (desk_of(name) for name in ("alice", "bob", "charlie", "dora"))
    bob.press("Alt+r")
    bob.page.get_by_role("button", name="Lunch").click()
    expect(bob.page.locator("#presence > summary")).to_contain_text("Lunch")
    call = customer.calls("dora", EMIL, "Ελένη")
    expect(dora.card("ringing")).to_be_visible()
    dora.press("Alt+a")
    expect(dora.card("answered")).to_be_visible()
    charlie.page.goto("about:blank")
    long_ago = now() - timedelta(minutes=50)
    sleeps = sa.select(User.id).where(User.username == "charlie").scalar_subquery()
    with books.writing() as session:
        session.execute(sa.update(User).where(User.username == "bob").values(status_since=long_ago))
        session.execute(sa.update(User).where(User.username == "alice").values(did_not_answer_at=now()))
        session.execute(sa.update(Presence).where(Presence.user_id == sleeps).values(seen_at=long_ago))
    yield {"agents": "/agents"}
    call.hang_up()
    with books.writing() as session:
        session.execute(sa.update(User).values(did_not_answer_at=None))
    bob.press("Alt+r")
    bob.page.locator("#presence").get_by_role("button", name="Available").click()
    expect(bob.page.locator("#presence > summary")).to_contain_text("Available")


def test_who_is_where_is_accessible_and_fits_in_both_languages(
    shift: dict[str, str], desk_of: Callable[..., Screen]
) -> None:
    found: list[str] = []
    for language, words in (
        ("en", ("Did not answer", "Break is too long", "Not connected", "Talking")),
        ("el", ("Δεν απάντησε", "Υπέρβαση διαλείμματος", "Χωρίς σύνδεση", "Σε συνομιλία")),
    ):
        sofia = desk_of("sofia", "/contacts", bypass_csp=True, reduced_motion="reduce", locale=language)
        alice = desk_of("alice", "/desk", bypass_csp=True, reduced_motion="reduce", locale=language)
        for page, path in shift.items():
            sofia.go(path)
            for word in words:
                expect(sofia.page.locator("#agents-list")).to_contain_text(word)
            found += _audit(sofia.page, f"{page}, {language}") + _wider(sofia.page, path)
        expect(alice.page.locator("#cb-missed")).to_be_visible()
        found += _audit(alice.page, f"did not answer, {language}")
        alice.press("Alt+r")
        found += _audit(alice.page, f"the menu of who did not answer, {language}") + _wider(alice.page, "the menu")
    assert found == []


def recoveries(calls: Sequence[Call]) -> list[Recovery]:
    kinds, found = list(RecoveryKind), []
    for call, kind in zip(calls, kinds, strict=True):
        assert call.ended_at is not None
        before = {"result": "lost", "ended_at": (call.ended_at + timedelta(minutes=58)).isoformat()}
        after = {"result": "abandoned", "ended_at": call.ended_at.isoformat()}
        found.append(
            Recovery(
                switch="main", call_id=call.id, kind=kind, before={} if kind is RecoveryKind.CREATED else before,
                after=after, source=Source.FILE, happened_at=call.ended_at, recovered_at=call.ended_at + timedelta(hours=1),
            )
        )  # fmt: skip
    return found


def checks(call: Call) -> list[LedgerCheck]:
    today = datetime.now(UTC).date()
    offender = {"fault": "no_entry", "switch": "main", "uid": call.uid, "call_id": str(call.id), "callback_id": None,
                "started_at": call.started_at.isoformat(), "said": ""}  # fmt: skip
    told = {"fault": "result", "switch": "main", "uid": call.uid, "call_id": str(call.id), "callback_id": None,
            "started_at": call.started_at.isoformat(), "said": "abandoned / answered"}  # fmt: skip
    facts = {"switch": "main", "offered": 120, "answered": 97, "closed": 20}
    return [
        LedgerCheck(day=today, **facts, open=2, difference=1, offenders=[offender, told], offences=2),
        LedgerCheck(day=today - timedelta(days=1), **facts, open=3, difference=0, offenders=[], offences=0),
        LedgerCheck(day=today - timedelta(days=2), **facts, open=3, difference=0, offenders=[], offences=0),
    ]


def test_a_supervisors_pages_are_accessible_and_fit(ledger: dict[str, str], desk_of: Callable[..., Screen]) -> None:
    sofia = desk_of("sofia", "/contacts", bypass_csp=True, reduced_motion="reduce")
    expect(sofia.page.locator('[data-badge="ledger"]')).to_have_text("2 do not balance")
    found: list[str] = []
    for page, path in ledger.items():
        sofia.go(path)
        for offenders in sofia.page.locator(".offenders summary").all():
            offenders.click()
        found += _audit(sofia.page, page)
    greek = desk_of("sofia", "/contacts", locale="el")
    for path in ledger.values():
        greek.go(path)
        found += _wider(greek.page, path)
    assert found == []


ADMINISTRATION = {
    "queues": "/settings/queues",
    "rules of a queue": "/settings/queues/edit?queue=sales",
    "rules for all queues": "/settings/queues/edit",
    "calling": "/settings/calling",
    "calling for a queue": "/settings/calling/rule?queue=sales",
    "a number of ours": "/settings/calling/number",
    "targets": "/settings/targets",
    "screen pops": "/pops",
    "breaks": "/settings/breaks",
    "a new reason": "/settings/breaks/new",
    "wrap-up": "/settings/wrap-up",
    "a wrap-up form": "/settings/wrap-up/edit?queue=sales",
    "dispositions": "/settings/dispositions",
    "a new disposition": "/settings/dispositions/new",
    "scripts": "/settings/scripts",
    "a new script": "/settings/scripts/new",
}


@pytest.fixture
def told(books: Books) -> None:
    """The administrator was told something, and one queue has rules of its own."""
    hours = {"0": [["09:00", "14:00"], ["17:00", "21:00"]], "4": [["09:00", "24:00"]]}
    books.add(QueuePolicy(queue="sales", zone="Europe/Athens", hours=hours, holidays="GR", short_seconds=5))
    (admin,) = books.all(sa.select(User).where(User.username == "admin"))
    facts = {
        "who": "Dana Reyes",
        "number": "694 400 0001",
        "due_at": f"{now():%Y-%m-%dT%H:%M:00+00:00}",
        "queue": "sales",
    }
    for kind in ("callback.overdue", "callback.reminder"):
        books.add(Notice(user_id=admin.id, kind=kind, key=kind, facts=facts, link="/callbacks"))


def test_an_administrators_pages_are_accessible_and_silent(told: None, desk_of: Callable[..., Screen]) -> None:
    admin = desk_of("admin", bypass_csp=True, reduced_motion="reduce")
    found = [problem for page, path in ADMINISTRATION.items() for problem in _audit_page(admin, page, path)]
    found += _audit_page(admin, "notices", "/notices")
    admin.page.locator("#bell summary").click()
    expect(admin.page.locator("#bell [data-notice]")).to_have_count(2)
    found += _audit(admin.page, "the bell")
    admin.go("/settings/queues/edit?queue=sales")
    admin.page.locator("#callback_minutes").fill("soon")
    admin.page.get_by_role("button", name="Save").click()
    expect(admin.page.locator(".error-summary")).to_be_visible()
    found += _audit(admin.page, "rules of a queue that cannot be")
    assert [trouble for trouble in admin.troubles if "422" not in trouble] == []
    admin.troubles.clear()  # the browser complains of the refusal, which was asked for
    assert found == []


def test_no_page_is_wider_than_its_window_whatever_the_length_of_words(
    history: dict[str, str], desk_of: Callable[..., Screen]
) -> None:
    alice, admin = desk_of("alice", locale="el"), desk_of("admin", locale="el")
    paths = [(alice, path) for path in history.values()] + [(admin, path) for path in ADMINISTRATION.values()]
    found = []
    for somebody, path in paths:
        somebody.go(path)
        expect(somebody.page.locator("html")).to_have_attribute("lang", "el")
        found += _wider(somebody.page, path)
    assert found == []


def test_a_reason_that_cannot_be_is_named_in_both_languages(desk_of: Callable[..., Screen]) -> None:
    found = []
    for language, save in (("en", "Save"), ("el", "Αποθήκευση")):
        admin = desk_of("admin", "/settings/breaks", bypass_csp=True, reduced_motion="reduce", locale=language)
        found += _audit(admin.page, f"breaks, {language}")
        admin.go("/settings/breaks/new")
        admin.page.get_by_role("button", name=save).click()
        expect(admin.page.locator(".error-summary")).to_be_visible()
        found += _audit(admin.page, f"a reason that cannot be, {language}")
        assert [trouble for trouble in admin.troubles if "422" not in trouble] == []
        admin.troubles.clear()
    assert found == []


def test_menus_and_dialogs_are_accessible(customer: Customers, audited: Screen) -> None:
    _miss(customer, audited, DANA)
    found = []
    audited.go("/callbacks")
    audited.page.locator("#profile summary").click()
    found += _audit(audited.page, "profile menu")
    audited.press("Escape")
    audited.page.locator("#presence summary").click()
    found += _audit(audited.page, "status menu")
    audited.press("Escape")
    audited.press("?")
    expect(audited.page.locator("#keys")).to_be_visible()
    found += _audit(audited.page, "keys")
    audited.press("Escape")
    audited.page.get_by_role("button", name="Dismiss").first.click()
    expect(audited.page.locator("#dismiss")).to_be_visible()
    found += _audit(audited.page, "dismiss")
    assert found == []


def test_all_that_opens_in_the_list_of_callbacks_is_accessible(
    customer: Customers, books: Books, audited: Screen, desk_of: Callable[..., Screen]
) -> None:
    books.contact("Dana Reyes", DANA)
    for number in (DANA, EMIL):
        _miss(customer, audited, number)
    sofia = desk_of("sofia", "/callbacks", bypass_csp=True, reduced_motion="reduce")
    found = _audit(sofia.page, "the supervisor's list")
    sofia.press("j")
    sofia.press("Enter")
    expect(sofia.page.get_by_text("Nobody has tried yet.")).to_be_visible()
    sofia.press("x")
    expect(sofia.page.get_by_role("region", name="The selected ones")).to_be_visible()
    found += _audit(sofia.page, "details and a selection")
    sofia.press("s")
    expect(sofia.page.locator("#schedule")).to_be_visible()
    sofia.page.locator("#schedule-date").fill("2020-01-01")
    sofia.page.locator("#schedule").get_by_role("button", name="Promise it").click()
    expect(sofia.page.locator("[data-error=date]")).to_be_visible()
    found += _audit(sofia.page, "a promise that cannot be made")
    sofia.press("Escape")
    sofia.page.get_by_role("button", name="Dismiss…").click()
    found += _audit(sofia.page, "dismissing many")
    assert found == []


def test_every_card_is_accessible(customer: Customers, books: Books, audited: Screen) -> None:
    books.contact("Dana Reyes", SHARED, note="Likes the red ones.")
    books.contact("Fanny Reyes", SHARED)
    found: list[str] = []
    call = customer.calls("alice", EMIL, "Ελένη")
    expect(audited.card("ringing")).to_be_visible()
    audited.card("ringing").get_by_text("New contact").click()
    found += _audit(audited.page, "unknown caller")
    call.hang_up()
    expect(audited.card("unanswered")).to_be_visible()
    call = customer.calls("alice", SHARED)
    expect(audited.card("ringing")).to_contain_text("Who is it?")
    found += _audit(audited.page, "several have the number")
    audited.press("Alt+a")
    expect(audited.card("answered")).to_be_visible()
    found += _audit(audited.page, "in call")
    call.hang_up()
    expect(audited.card("wrap_up")).to_be_visible()
    found += _audit(audited.page, "wrap-up")
    with books.writing() as session:
        session.execute(sa.update(Leg).values(wrap_up_until=now() + timedelta(minutes=14)))
    audited.go("/desk")
    expect(audited.card("wrap_up")).to_contain_text("More time")
    found += _audit(audited.page, "wrap-up that ends by itself")
    call = customer.calls("alice", EMIL, withheld=True)
    expect(audited.card("ringing")).to_be_visible()
    found += _audit(audited.page, "withheld, beside a wrap-up")
    called = _called_first(books, EMIL)
    audited.go("/desk")
    expect(audited.card("requested")).to_contain_text("Calling the customer first")
    found += _audit(audited.page, "a customer who is called first")
    books.ends(called)
    assert found == []


def _called_first(books: Books, number: str) -> Call:
    """Alice has asked for it, and the customer's phone rings."""
    (alice,) = books.all(sa.select(User).where(User.username == "alice"))
    call = Call(
        switch="main", uid=str(new_id()), direction=Direction.OUTBOUND, state=CallState.RINGING, number=number,
        number_raw=number, requested_by_id=alice.id, rings_first=First.CUSTOMER, dialled_at=now(), version=1,
    )  # fmt: skip
    books.add(call)
    return call


@pytest.fixture
def stranger(browser: Browser, product: Product) -> Iterator[Page]:
    """A browser in which nobody is logged in."""
    context = browser.new_context(base_url=product.url, bypass_csp=True, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_the_log_in_and_its_refusal_are_accessible(stranger: Page) -> None:
    stranger.goto("/login")
    found = _audit(stranger, "log-in")
    stranger.locator("[autocomplete=username]").fill("alice")
    stranger.locator("[autocomplete=current-password]").fill("not her password")
    stranger.get_by_role("button", name="Log in").click()
    expect(stranger.locator(".form-error, .notice.bad").first).to_be_visible()
    found += _audit(stranger, "log-in refused")
    stranger.goto("/nowhere")
    found += _audit(stranger, "nothing here")
    assert found == []


def _miss(customer: Customers, screen: Screen, number: str) -> None:
    call = customer.calls("alice", number)
    expect(screen.card("ringing")).to_be_visible()
    call.hang_up()
    expect(screen.cards).to_have_count(0)


def _audit_page(screen: Screen, name: str, path: str) -> list[str]:
    screen.go(path)
    return _audit(screen.page, name)
