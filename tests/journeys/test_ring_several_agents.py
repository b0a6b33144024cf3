from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from telephony.events import LegResult
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

DANA = "+306944000001"


def test_charlie_and_dora_see_it_dora_answers_and_alice_hears_not_one_byte(
    customer: Customers, books: Books, alice: Screen, charlie: Screen, dora: Screen
) -> None:
    call = customer.calls("support", DANA, "Dana Reyes")
    expect(charlie.card("ringing")).to_contain_text("also rings: Δώρα Παππά")
    expect(dora.card("ringing")).to_contain_text("also rings: Charlie Dupont")
    row = books.call(number=DANA)
    assert (
        charlie.card("ringing").get_attribute("data-uid")
        == dora.card("ringing").get_attribute("data-uid")
        == str(row.id)
    )

    dora.press("Alt+a")

    expect(dora.card("answered")).to_be_visible()
    elsewhere = charlie.card("answered_elsewhere")
    expect(elsewhere).to_contain_text("Answered by Δώρα Παππά")
    expect(charlie.page.locator("#polite")).to_have_text("Answered by Δώρα Παππά.")
    expect(charlie.cards).to_have_count(0)
    call.hang_up()
    expect(dora.card("wrap_up")).to_be_visible()
    assert charlie.cards.count() == 0

    legs = {leg.line: leg.result for leg in books.call(id=row.id, state=CallState.ENDED).legs}
    assert legs == {"PJSIP/charlie": LegResult.ANSWERED_ELSEWHERE, "PJSIP/dora": LegResult.ANSWERED}

    assert _told(charlie, str(row.id))
    assert _told(dora, str(row.id))
    assert _beyond_the_handshake(alice) == []
    assert "<article" not in alice.bar()
    assert alice.get(f"/calls/{row.id}") == 404
    assert charlie.get(f"/calls/{row.id}") == 200


def test_who_opens_the_page_while_it_rings_elsewhere_sees_nothing_either(
    customer: Customers, books: Books, dora: Screen, desk_of: Callable[..., Screen]
) -> None:
    customer.calls("support", DANA)
    expect(dora.card("ringing")).to_be_visible()

    alice = desk_of("alice")

    assert alice.cards.count() == 0
    assert _beyond_the_handshake(alice) == []
    alice.page.goto(f"{alice.url}/calls")
    expect(alice.page.get_by_text("No calls yet")).to_be_visible()
    written = re.sub(r"\s|&nbsp;", "", alice.page.content())  # three digits of it are in a token now and then
    assert DANA.removeprefix("+30") not in written


def _told(screen: Screen, call_id: str) -> bool:
    return any(call_id in frame for frame in screen.listen())


def _beyond_the_handshake(screen: Screen) -> list[str]:
    """What the socket received besides opening (0), joining (40) and the server's pings (2)."""
    return [frame for frame in screen.listen() if frame != "2" and not frame.startswith(("0{", "40{"))]
