from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from telephony.commands import Originate
from telephony.errors import SwitchRefused
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.tasks import forms, listing, queries
from webapp.tasks.listing import Filters, Tab
from webapp.tasks.models import Callback, CallbackState, ClosedAs

JSON = {"Accept": "application/json"}


def _rows(page: str) -> list[str]:
    return re.findall(r'<tr [^>]*id="callback-([^"]+)"', page)


def fresh(callback: Callback) -> Callback:
    db.session.rollback()
    return db.session.get_one(Callback, callback.id)


def test_overdue_comes_first_then_who_called_most(alice: User) -> None:
    soon = make_callback("+306944000001", due_at=now() + timedelta(minutes=5))
    often = make_callback("+306944000002", due_at=now() + timedelta(minutes=20), missed=3)
    late = make_callback("+306944000003", due_at=now() - timedelta(minutes=1))
    later = make_callback("+306944000004", due_at=now() - timedelta(minutes=9))
    assert [row.id for row in listing.page(alice, Filters()).rows] == [later.id, late.id, often.id, soon.id]


def test_an_overlong_list_is_read_page_by_page_to_its_end(
    alice: User, as_: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "PAGE", 20)
    at = now()
    for number in range(29):
        make_callback(
            f"+30694400{number:04}", missed=1 + number % 4,
            due_at=at + timedelta(minutes=number % 7 - 3), claimed_by_id=alice.id if number % 2 else None,
        )  # fmt: skip
    whole = [row.id for row in listing.page(alice, Filters(), size=1000).rows]
    assert len(whole) == queries.how_many_open() == 29
    page = listing.page(alice, Filters(), size=3)
    seen = [row.id for row in page.rows]
    while page.after:
        page = listing.page(alice, Filters(), page.after, size=3)
        seen += [row.id for row in page.rows]
    assert seen == whole

    browser = as_(alice)
    first = browser.get("/callbacks").text
    more = re.search(r'data-more href="([^"]+)"', first)
    assert more
    second = browser.get(more[1].replace("&amp;", "&")).text
    assert _rows(first) + _rows(second) == [str(row) for row in whole]
    assert "data-more" not in second
    mine = listing.page(alice, Filters(tab=Tab.MINE), size=5)
    assert {row.claimed_by_id for row in listing.page(alice, Filters(tab=Tab.MINE), mine.after).rows} == {alice.id}


def test_who_became_urgent_between_two_pages_is_seen_twice_rather_than_never(alice: User) -> None:
    due = [make_callback(f"+30694400000{i}", due_at=now() + timedelta(minutes=i)).id for i in (1, 2, 3)]
    after = listing.page(alice, Filters(), size=2).after
    with transaction():
        db.session.get_one(Callback, due[1]).missed = 3  # the last one of the first page
    assert [row.id for row in listing.page(alice, Filters(), after).rows] == [due[0], due[2]]


@pytest.mark.parametrize("after", ["forged", "0" * 32, "\x00"])
def test_a_page_that_does_not_exist(alice: User, as_: Callable[[User], FlaskClient], after: str) -> None:
    assert as_(alice).get("/callbacks", query_string={"after": after}).status_code == 422


def test_alice_claims_one_and_bob_is_told(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    callback = make_callback()
    answer = as_(alice).post(f"/callbacks/{callback.id}/claim")
    assert (answer.status_code, answer.location) == (303, "/callbacks")
    answer = as_(bob).post(f"/callbacks/{callback.id}/claim", headers=JSON)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["error"]["message"] == "Alice Martin is already on it."
    assert fresh(callback).claimed_by_id == alice.id
    assert f'id="callback-{callback.id}"' in as_(alice).get("/callbacks?tab=mine").text
    assert f'id="callback-{callback.id}"' not in as_(bob).get("/callbacks?tab=mine").text


def test_alice_gives_it_back(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    callback = make_callback(state=CallbackState.CLAIMED, claimed_by_id=alice.id)
    assert as_(bob).post(f"/callbacks/{callback.id}/release", headers=JSON).status_code == 409
    assert as_(alice).post(f"/callbacks/{callback.id}/release", headers=JSON).status_code == 204
    assert fresh(callback).state is CallbackState.OPEN


def test_nobody_dismisses_without_a_reason(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    callback, browser = make_callback(), as_(alice)
    for reason in ("", "  \n", "x" * 501):
        answer = browser.post(f"/callbacks/{callback.id}/dismiss", data={"reason": reason}, headers=JSON)
        assert answer.status_code == 422
        assert answer.json is not None
        assert set(answer.json["error"]["fields"]) == {"reason"}
    assert fresh(callback).is_open
    browser.post(f"/callbacks/{callback.id}/dismiss", data={"reason": "Wrong <i>number</i>"})
    assert fresh(callback).closed_as is ClosedAs.DISMISSED
    page = browser.get("/callbacks?tab=closed").text
    assert "Wrong &lt;i&gt;number&lt;/i&gt;" in page
    assert "Alice Martin" in page


def test_calling_back_claims_and_dials(alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    callback = make_callback("+306944000001")
    sent = {"key": str(uuid4())}
    browser = as_(alice)
    first = browser.post(f"/callbacks/{callback.id}/call", json=sent)
    assert first.status_code == 201
    assert browser.post(f"/callbacks/{callback.id}/call", json=sent).json == first.json
    db.session.rollback()
    call = db.session.scalars(sa.select(Call)).unique().one()
    assert switch.commands[0] == Originate(uid=str(call.id), line="PJSIP/alice", number="+306944000001")
    assert fresh(callback).claimed_by_id == alice.id


def test_whom_bob_is_calling_alice_does_not_call_too(
    alice: User, bob: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    callback = make_callback(state=CallbackState.CLAIMED, claimed_by_id=bob.id)
    answer = as_(alice).post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    assert answer.status_code == 409
    assert answer.json is not None
    assert "Bob Keller" in answer.json["error"]["message"]
    assert switch.commands == []
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Call)) == 0


def test_a_refused_call_stays_with_who_wanted_it(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchRefused("All circuits are busy")
    callback = make_callback()
    answer = as_(alice).post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    assert answer.status_code == 503
    assert answer.json is not None
    assert "All circuits are busy" in answer.json["error"]["message"]
    assert fresh(callback).claimed_by_id == alice.id


def test_a_withheld_number_cannot_be_called_back(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    callback = make_callback(number=None, number_raw="", open_key="call:x")
    assert as_(alice).post(f"/callbacks/{callback.id}/call", json={}).status_code == 409
    page = as_(alice).get("/callbacks").text
    assert "Withheld" in page
    assert "data-number" not in page.split('id="callback-rows"')[1].split("</tbody>")[0]


@pytest.mark.parametrize("verb", ["claim", "release", "dismiss", "call"])
def test_a_callback_that_does_not_exist_is_not_found(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch, verb: str
) -> None:
    assert as_(alice).post(f"/callbacks/{uuid4()}/{verb}", data={"reason": "x"}, headers=JSON).status_code == 404


def test_a_closed_one_says_who_talked_and_by_which_call(
    alice: User, bob: User, as_: Callable[[User], FlaskClient]
) -> None:
    call = make_call(answered_by=bob)
    make_callback(
        state=CallbackState.CLOSED, open_key=None, closed_as=ClosedAs.RANG_IN, closed_at=now(),
        closed_by_call_id=call.id,
    )  # fmt: skip
    page = as_(bob).get("/callbacks?tab=closed").text
    assert "Bob Keller" in page
    assert f"/calls/{call.id}" in page
    page = as_(alice).get("/callbacks?tab=closed").text
    assert "Bob Keller" in page
    assert f"/calls/{call.id}" not in page  # Bob's to open


def test_closed_ones_are_read_page_by_page(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    for number in range(51):
        make_callback(
            f"+30694400{number:04}", state=CallbackState.CLOSED, open_key=None, closed_as=ClosedAs.DISMISSED,
            closed_at=now() - timedelta(minutes=number), closed_by_id=alice.id, reason="-",
        )  # fmt: skip
    page = listing.page(alice, Filters(tab=Tab.CLOSED), size=50)
    assert page.after
    assert len(page.rows) == 50
    assert len(listing.page(alice, Filters(tab=Tab.CLOSED), page.after).rows) == 1
    assert f"after={page.after}" in as_(alice).get("/callbacks?tab=closed&size=50").text.replace("%3D", "=")


def test_a_callback_that_became_overdue_says_so(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_callback(due_at=now() - timedelta(minutes=1))
    assert "Overdue" in as_(alice).get("/callbacks").text


def test_what_cannot_be_called_says_why_it_has_no_button(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    odd = make_callback(open_key="odd", number=None, number_raw="12*call-me")
    browser = as_(alice)
    for page in ("/callbacks", "/desk"):
        shown = browser.get(page).text
        assert "Not a telephone number" in shown
        assert f'data-callback="{odd.id}"' not in shown
    answer = browser.post(f"/callbacks/{odd.id}/call", headers=JSON)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["error"]["message"] == "12*call-me is not a telephone number."


def test_and_so_does_a_withheld_one(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_callback(open_key="withheld", number=None, number_raw="")
    make_callback("+306944000007")
    shown = as_(alice).get("/callbacks").text
    assert shown.count("No number to call") == 1
    assert "Not a telephone number" not in shown
