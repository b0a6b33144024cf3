"""What a contact's page tells of the past: calls, and what became of those that nobody answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from flask.testing import FlaskClient

from tests.factories import make_call, make_callback, make_party
from webapp import paging
from webapp.accounts.models import User
from webapp.contacts.models import Party
from webapp.db import now, transaction
from webapp.tasks.models import Callback, CallbackState, ClosedAs
from webapp.timeline import actions as timeline

DANA = "+306944000001"


def closed(minutes_ago: float, **columns: object) -> Callback:
    at = now() - timedelta(minutes=minutes_ago)
    return make_callback(DANA, **{"state": CallbackState.CLOSED, "open_key": None, "closed_at": at, **columns})


def talked(party: Party, agent: User, minutes_ago: float) -> UUID:
    call = make_call(party=party, answered_by=agent, started_at=now() - timedelta(minutes=minutes_ago))
    with transaction():
        timeline.note(party.id, "call.ended", call.id, at=call.started_at)
    return call.id


def entries(page: str) -> list[str]:
    """The timeline's, as read: from the newest to the oldest."""
    rows = re.findall(r"<li>(.*?)</li>", page.split('id="timeline"')[1].split("</ol>")[0], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def test_a_closed_callback_says_how_and_by_whose_call(
    alice: User, bob: User, as_: Callable[[User], FlaskClient]
) -> None:
    dana = make_party("Dana Reyes", DANA)
    call_id = talked(dana, bob, minutes_ago=10)
    closed(9, party_id=dana.id, closed_as=ClosedAs.RANG_IN, closed_by_call_id=call_id, missed=2)
    page = as_(bob).get(f"/contacts/{dana.id}").text
    told, call = entries(page)
    for words in ("Callback closed", "Rang in", "2 calls missed", "Bob Keller", "By this call"):
        assert words in told
    assert call.startswith("Called us")
    assert page.count(f'href="/calls/{call_id}"') == 2
    page = as_(alice).get(f"/contacts/{dana.id}").text
    assert "By a call" in entries(page)[0]
    assert str(call_id) not in page  # Bob's to open


def test_a_dismissed_one_says_who_decided_and_why(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", DANA)
    closed(1, closed_as=ClosedAs.DISMISSED, closed_by_id=alice.id, reason="Wrong <b>number</b>")  # nobody's yet then
    page = as_(alice).get(f"/contacts/{dana.id}").text
    (told,) = entries(page)
    for words in ("Dismissed", "1 call missed", "Alice Martin"):
        assert words in told
    assert "Wrong &lt;b&gt;number&lt;/b&gt;" in page


def test_others_callbacks_and_open_ones_are_not_in_the_history(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana, eli = make_party("Dana Reyes", DANA), make_party("Eli Reyes", DANA)
    closed(1, party_id=eli.id, closed_as=ClosedAs.REACHED)
    make_callback("+306944000002", party_id=dana.id)
    assert "Callback closed" not in as_(alice).get(f"/contacts/{dana.id}").text


def test_every_closed_one_is_on_one_page_of_a_long_history(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", DANA)
    for minutes in range(paging.PAGE + 1):
        talked(dana, alice, minutes_ago=10 * (minutes + 1))
    oldest = 10 * (paging.PAGE + 1)
    for minutes in (5, 15, oldest - 15, oldest - 5, oldest + 5):
        closed(minutes, party_id=dana.id, closed_as=ClosedAs.REACHED)
    browser = as_(alice)
    first = browser.get(f"/contacts/{dana.id}").text
    more = re.search(r'hx-get="([^"]+)"', first)
    assert more
    second = browser.get(more[1].replace("&amp;", "&")).text
    kinds = [[entry.startswith("Callback closed") for entry in entries(page)] for page in (first, second)]
    assert kinds == [[True, False, True] + [False] * (paging.PAGE - 2) + [True, False], [True, False, True]]
    assert browser.get(f"/contacts/{dana.id}?after=forged").status_code == 422
