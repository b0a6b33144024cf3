"""Breaks on a real PBX: whoever changes it, on the screen or on the phone, both say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, expect

from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.accounts.models import AgentStatus, ChangedBy, Presence, StatusPeriod, User
from webapp.calls.models import Leg
from webapp.db import now
from webapp.notices.models import Notice
from webapp.wrapup.models import WrapUpForm

pytestmark = pytest.mark.journey

# what is said to those who hear the page: the next ring comes soon after
REMEMBER = """() => {
    const region = document.getElementById("assertive");
    window.said = [];
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, { childList: true });
}"""
ALICE, CHARLIE = "PJSIP/alice", "PJSIP/charlie"


def standing(asterisk: Asterisk, line: str) -> dict[str, tuple[bool, str]]:
    """In which queues the phone is, whether it is out, and why: as QueueStatus of the PBX lists it."""
    found = asterisk.logged_in("ringback-events").act("QueueStatus").events
    return {
        entry["Queue"]: (entry["Paused"] == "1", entry.get("PausedReason", ""))
        for entry in found
        if entry.name == "QueueMember" and entry.get("Location") == line
    }


def goes_to_lunch(asterisk: Asterisk) -> None:
    for queue in ("sales", "support"):
        asterisk.pbx.cli(f"queue pause member {CHARLIE} queue {queue} reason lunch")


def pill(screen: Screen) -> Locator:
    return screen.page.locator("#presence > summary")


def choose(screen: Screen, name: str) -> None:
    if not screen.page.locator("#presence").evaluate("menu => menu.open"):
        pill(screen).click()
    screen.page.locator("#presence").get_by_role("button", name=name).click()


def history(books: Books, username: str, since: datetime | None = None) -> list[tuple[AgentStatus, str, ChangedBy]]:
    """`since`: what began later."""
    rows = books.all(
        sa.select(StatusPeriod)
        .join(User, User.id == StatusPeriod.user_id)
        .where(User.username == username, StatusPeriod.began_at > since if since else sa.true())
        .order_by(StatusPeriod.began_at)
    )
    return [(row.status, row.reason, row.by) for row in rows]


@pytest.fixture
def charlie(desk_of: Callable[..., Screen], asterisk: Asterisk) -> Iterator[Screen]:
    """Available at the beginning and at the end."""
    screen = desk_of("charlie")
    yield screen
    asterisk.pbx.cli(f"queue unpause member {CHARLIE}")
    expect(pill(screen)).to_contain_text("Available")


@pytest.mark.req("T10")
def test_a_break_on_the_screen_is_one_on_the_pbx_and_in_all_tabs(
    asterisk: Asterisk, books: Books, desk_of: Callable[..., Screen], charlie: Screen
) -> None:
    other_tab = desk_of("charlie", "/contacts")
    charlie.press("Alt+r")
    for _ in range(2):  # by the keyboard alone: from where one is to lunch
        charlie.press("ArrowDown")
    charlie.press("Enter")
    for screen in (charlie, other_tab):
        expect(pill(screen)).to_contain_text("Lunch")
    out = {"sales": (True, "lunch"), "support": (True, "lunch")}
    wait_for("both queues to have it", lambda: standing(asterisk, CHARLIE) == out)
    assert re.search(r"PJSIP/charlie.*paused:lunch", asterisk.pbx.cli("queue show sales"))
    choose(other_tab, "Meeting")
    expect(pill(charlie)).to_contain_text("Meeting")
    wait_for("the other reason", lambda: standing(asterisk, CHARLIE)["sales"] == (True, "meeting"))
    choose(charlie, "Available")
    for screen in (charlie, other_tab):
        expect(pill(screen)).to_contain_text("Available")
    wait_for("both to be back", lambda: not any(paused for paused, _ in standing(asterisk, CHARLIE).values()))
    assert [row[1:] for row in history(books, "charlie")][-3:] == [
        ("lunch", ChangedBy.AGENT),
        ("meeting", ChangedBy.AGENT),
        ("", ChangedBy.AGENT),
    ]


@pytest.mark.req("T10")
def test_a_break_at_the_pbx_is_one_on_the_screen(asterisk: Asterisk, books: Books, charlie: Screen) -> None:
    goes_to_lunch(asterisk)
    expect(pill(charlie)).to_contain_text("Lunch")
    assert history(books, "charlie")[-1] == (AgentStatus.ON_BREAK, "lunch", ChangedBy.SWITCH)
    asterisk.pbx.cli(f"queue unpause member {CHARLIE}")
    expect(pill(charlie)).to_contain_text("Available")
    assert history(books, "charlie")[-1] == (AgentStatus.AVAILABLE, "", ChangedBy.SWITCH)


@pytest.mark.req("T10")
def test_what_was_changed_at_the_pbx_while_nobody_listened_is_known_afterwards(
    asterisk: Asterisk, product: Product, charlie: Screen
) -> None:
    charlie.outage_expected = True
    product.stop()
    goes_to_lunch(asterisk)
    product.start()
    charlie.go("/desk")
    expect(pill(charlie)).to_contain_text("Lunch")
    product.stop()
    asterisk.pbx.cli(f"queue unpause member {CHARLIE}")
    product.start()
    charlie.go("/desk")
    expect(pill(charlie)).to_contain_text("Available")


@pytest.mark.req("T10")
def test_who_does_not_answer_sees_it_and_so_does_the_head(
    books: Books, customer: Customers, desk_of: Callable[..., Screen], asterisk: Asterisk
) -> None:
    """The queue gives each phone twelve seconds, and rings the only one that is there again."""
    sofia, alice = desk_of("sofia", "/agents"), desk_of("alice")
    alice.page.evaluate(REMEMBER)
    for colleague in ("bob", "charlie"):
        asterisk.pbx.cli(f"queue pause member PJSIP/{colleague} queue sales")
    call, began = customer.calls("sales", "6944000001", "Dana Reyes"), now()
    try:
        alice.wait("two rings in vain", lambda: "Did not answer" in (pill(alice).text_content() or ""), 60)
        expect(sofia.page.locator("tr", has_text="Alice Martin")).to_contain_text("Did not answer")
        expect(sofia.page.locator("#bell .count")).to_have_text("1 unread")
        call.stop()
        alice.wait("it to be said", lambda: any("You did not answer" in said for said in alice.page.evaluate("said")))
        expect(alice.page.locator("#cb-missed")).to_contain_text("You are still logged in.")
        alice.press("Alt+i")
        expect(pill(alice)).to_contain_text("Available")
        expect(alice.page.locator("#cb-missed")).to_have_count(0)
        expect(sofia.page.locator("tr", has_text="Alice Martin")).not_to_contain_text("Did not answer")
    finally:
        for colleague in ("bob", "charlie"):
            asterisk.pbx.cli(f"queue unpause member PJSIP/{colleague} queue sales")
    assert len(books.all(sa.select(Notice).where(Notice.kind == "agent.did_not_answer"))) == 1
    assert [row for row in history(books, "alice", since=began) if row[0] is not AgentStatus.AVAILABLE] == []


@pytest.mark.req("T10")
def test_the_heartbeat_is_the_sockets(books: Books, charlie: Screen) -> None:
    mine = sa.select(Presence).join(User, User.id == Presence.user_id).where(User.username == "charlie")
    (first,) = books.all(mine)
    wait_for("the next beat", lambda: books.all(mine)[0].seen_at > first.seen_at, 40)


@pytest.mark.req("T10")
def test_after_a_call_no_other_comes_until_it_is_saved_or_its_time_is_over(
    asterisk: Asterisk, books: Books, customer: Customers, desk_of: Callable[..., Screen], only_alice_sells: None
) -> None:
    books.add(WrapUpForm(queue="sales", limit_seconds=600, more_seconds=60))
    alice, sofia = desk_of("alice"), desk_of("sofia", "/agents")
    row = sofia.page.locator("tr", has_text="Alice Martin")
    try:
        for ends in ("saved", "by time"):
            call = customer.calls("sales", "6944000001", "Dana Reyes")
            expect(alice.card("ringing")).to_be_visible()
            expect(row).to_contain_text("Ringing")
            alice.press("Alt+a")
            expect(row).to_contain_text("Talking")
            call.hang_up()
            expect(alice.card("wrap_up")).to_contain_text("Save and ready")
            expect(row).to_contain_text("Wrap-up")
            wait_for("her to be out", lambda: standing(asterisk, ALICE)["sales"] == (True, "wrap-up"))
            expect(pill(alice)).to_contain_text("Available")
            expect(pill(alice)).to_contain_text("Wrap-up")
            if ends == "saved":
                alice.press("Alt+e")
                expect(alice.card("wrap_up").locator(".cb-head")).to_contain_text("10:")  # a minute more than it was
                alice.press("1")
                alice.press("Control+Enter")
            else:
                with books.writing() as session:
                    over = Leg.wrapped_up_at.is_(None)
                    session.execute(sa.update(Leg).where(over).values(wrap_up_until=now()))
            expect(alice.cards).to_have_count(0)
            wait_for("her to be in", lambda: standing(asterisk, ALICE)["sales"][0] is False)
            expect(row).to_contain_text("Idle")
    finally:
        books.empty()
        asterisk.pbx.cli(f"queue unpause member {ALICE}")
