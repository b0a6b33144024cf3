from __future__ import annotations

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.accounts.models import AgentStatus, User

pytestmark = pytest.mark.journey


def test_alice_finds_people_and_pages_and_takes_a_break_without_a_mouse(books: Books, alice: Screen) -> None:
    dana = books.contact("Dana Reyes", "+306944000001")
    palette = alice.page.get_by_role("dialog", name="Commands")

    alice.press("Control+k")
    expect(palette.get_by_role("option", name="Desk")).to_be_visible()
    alice.type("dana")
    contact = palette.get_by_role("group", name="Contacts").get_by_role("option", name="Dana Reyes")
    expect(contact).to_be_visible()
    expect(contact).to_have_attribute("aria-selected", "true")
    alice.press("ArrowDown")
    expect(palette.get_by_role("option", name="Call Dana Reyes")).to_have_attribute("aria-selected", "true")
    alice.press("ArrowUp")
    alice.press("Enter")
    expect(alice.page).to_have_url(f"{alice.url}/contacts/{dana.id}")
    expect(palette).to_be_hidden()

    alice.press("Control+k")
    alice.type("callb")
    expect(palette.get_by_role("option", name="Callbacks")).to_have_attribute("aria-selected", "true")
    alice.press("Enter")
    expect(alice.page).to_have_url(f"{alice.url}/callbacks")

    alice.press("Control+k")
    alice.type("xyzzy")
    expect(palette).to_contain_text("Nothing found")
    alice.press("Escape")
    expect(palette).to_be_hidden()

    alice.press("?")
    keys = alice.page.get_by_role("dialog", name="Keyboard shortcuts")
    for words in ("Answer", "Find anything, do anything", "Claim, give back"):
        expect(keys.get_by_text(words, exact=True)).to_be_visible()
    alice.page.evaluate("document.querySelector('ringback-callbar').refresh()")  # as when somebody calls
    expect(keys).to_be_visible()
    alice.press("Escape")
    alice.press("Alt+c")
    expect(alice.page.get_by_label("Number or name")).to_be_focused()

    alice.press("Control+k")
    alice.type("available")
    expect(palette.get_by_role("option", name="Available")).to_have_attribute("aria-selected", "true")
    alice.press("Enter")
    expect(palette).to_be_hidden()
    [user] = books.all(sa.select(User).where(User.username == "alice"))
    assert user.status is AgentStatus.AVAILABLE
