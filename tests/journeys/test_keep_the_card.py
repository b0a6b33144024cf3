"""The card survives what people do to a page, and what happens to the machines behind it."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from telephony.events import Result
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.calls.models import CallState
from webapp.leases import Lease

pytestmark = pytest.mark.journey

DANA = "+306944000001"
EMIL = "+306944000002"


def test_alice_walks_through_the_pages_and_reloads_while_it_rings(
    customer: Customers, books: Books, alice: Screen
) -> None:
    customer.calls("alice", DANA)
    card = alice.card("ringing")
    expect(card).to_be_visible()
    uid = str(books.call(number=DANA).id)
    expect(card).to_have_attribute("data-uid", uid)

    for place in ("Contacts", "Calls", "Callbacks"):
        alice.open(place)
        expect(card).to_have_attribute("data-uid", uid)
    for place in ("Calls", "Contacts"):
        alice.page.go_back()
        expect(alice.title).to_have_text(place)
        expect(card).to_have_attribute("data-uid", uid)
    assert len(alice.sockets) == 1
    alice.page.reload()
    expect(card).to_have_attribute("data-uid", uid)

    alice.press("Alt+a")
    expect(alice.card("answered")).to_have_attribute("data-uid", uid)


def test_what_was_answered_elsewhere_while_charlie_was_away_is_gone(
    customer: Customers, charlie: Screen, dora: Screen
) -> None:
    customer.calls("support", DANA)
    expect(charlie.card("ringing")).to_be_visible()
    expect(dora.card("ringing")).to_be_visible()
    charlie.page.goto("about:blank")
    dora.press("Alt+a")
    expect(dora.card("answered")).to_be_visible()

    charlie.go("/contacts")

    expect(charlie.card("ringing")).to_have_count(0)
    expect(charlie.cards).to_have_count(0)


def test_asterisk_is_killed_while_it_rings_and_the_next_call_pops(
    asterisk: Asterisk, customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()

    asterisk.pbx.kill()
    wait_for("the bridge to notice", lambda: not product.health()["switch:main"]["ok"])
    asterisk.pbx.start()
    asterisk.phones.wait_until_ready()
    product.wait_until_connected()

    lost = books.call(number=DANA, state=CallState.ENDED)
    assert (lost.result, lost.answered_at) == (Result.LOST, None)
    [callback] = books.callbacks()
    assert callback.number == DANA
    expect(alice.card("ringing")).to_have_count(0)
    expect(alice.page.locator('[data-badge="callbacks"]')).to_have_text("1 open")

    customer.calls("alice", EMIL, "Emil")
    expect(alice.card("ringing").locator(".cb-who .name")).to_have_text("Emil")
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()


def test_asterisk_restarts_while_alice_talks_and_she_can_wrap_up(
    asterisk: Asterisk, customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()

    asterisk.pbx.restart()
    asterisk.phones.wait_until_ready()
    product.wait_until_connected()

    expect(alice.card("wrap_up")).to_be_visible()
    ended = books.call(number=DANA, state=CallState.ENDED)
    assert (ended.result, ended.talk_seconds > 0) == (Result.ANSWERED, True)
    assert books.callbacks() == []


def test_the_server_restarts_the_page_says_so_and_shows_what_came_meanwhile(
    customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    strip = alice.page.get_by_text("Reconnecting… calls continue on your phone.").first
    alice.outage_expected = True

    product.stop()
    expect(strip).to_be_visible()
    customer.calls("alice", DANA, "Dana")
    product.start()

    expect(alice.card("ringing").locator(".cb-who .name")).to_have_text("Dana")
    expect(strip).to_be_hidden()
    alice.press("Alt+a")
    expect(alice.card("answered")).to_be_visible()
    assert len(books.calls()) == 1


def test_the_server_dies_in_a_call_and_the_note_is_kept(
    customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.press("Alt+a")
    talking = alice.card("answered")
    expect(talking).to_be_visible()
    alice.outage_expected = True

    [holder] = books.all(sa.select(Lease.holder))
    product.kill()
    alice.press("Alt+n")
    alice.type("Typed while the server was dead")
    expect(talking.locator("[data-saved]")).to_have_text("Kept here, not saved yet")
    call.hang_up()
    product.start()

    expect(alice.card("wrap_up")).to_be_visible()
    row = books.call(number=DANA, state=CallState.ENDED)
    assert row.result is Result.ANSWERED
    assert books.all(sa.select(Lease.holder)) == [holder], "it had to wait until the lease of the dead one ran out"
    wait_for(
        "the note", lambda: [note.text for note in books.call(id=row.id).notes] == ["Typed while the server was dead"]
    )


def test_the_database_is_locked_while_a_customer_calls_and_the_call_comes_late_but_comes(
    customer: Customers, product: Product, books: Books, alice: Screen
) -> None:
    with sqlite3.connect(product.settings.database_url.removeprefix("sqlite:///"), isolation_level=None) as lock:
        lock.execute("BEGIN IMMEDIATE")
        customer.calls("alice", DANA, "Dana")
        wait_for("the bridge to be refused", lambda: "events wait" in product.health()["switch:main"]["problem"])
        assert alice.cards.count() == 0
        lock.execute("ROLLBACK")
    lock.close()

    expect(alice.card("ringing").locator(".cb-who .name")).to_have_text("Dana")
    assert len(books.calls()) == 1
