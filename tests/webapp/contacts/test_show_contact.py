from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from flask.testing import FlaskClient

from tests.factories import make_call, make_callback, make_disposition, make_party
from webapp.accounts.models import User
from webapp.calls.actions import log_disposition
from webapp.calls.models import Call
from webapp.contacts.actions import Details, Phone, add_party
from webapp.contacts.models import Party
from webapp.db import db, transaction


def wrapped_up(party: Party, agent: User, note: str) -> Call:
    call = make_call(party=party, answered_by=agent)
    disposition = make_disposition("sale", "Sale")
    with transaction():
        call = db.session.get_one(Call, call.id)
        log_disposition(call, disposition, by=agent, note=note)
    return call


def test_the_page_tells_what_was_said_and_by_whom(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    call = wrapped_up(dana, bob, "Wants <b>two</b> of them")
    page = as_(alice).get(f"/contacts/{dana.id}").text
    for words in ("Dana Reyes", "694 400 0001", "Bob Keller", "Sale", "Wants &lt;b&gt;two&lt;/b&gt; of them"):
        assert words in page
    assert f"/calls/{call.id}" not in page  # the call's own page is Bob's


def test_who_took_part_can_open_the_call_from_the_history(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    call = wrapped_up(dana, alice, "")
    assert f"/calls/{call.id}" in as_(alice).get(f"/contacts/{dana.id}").text


def test_an_open_callback_of_one_of_their_numbers_is_shown(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    callback = make_callback("+306944000001")
    assert f'data-callback="{callback.id}"' in as_(alice).get(f"/contacts/{dana.id}").text


def test_a_company_shows_its_people_and_a_shared_number_says_so(
    alice: User, as_: Callable[[User], FlaskClient]
) -> None:
    with transaction():
        dana = add_party(Details("Dana Reyes", company="Acme", phones=[Phone("2101234567 #12")]))
        add_party(Details("Eli Stone", phones=[Phone("2101234567")]))
    browser = as_(alice)
    assert "Dana Reyes" in browser.get(f"/contacts/{dana.company_id}").text
    page = browser.get(f"/contacts/{dana.id}").text
    assert "Acme" in page
    assert "ext. 12" in page
    assert "shared with 1 other" in page


def test_a_contact_that_does_not_exist_is_not_found(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    assert as_(alice).get(f"/contacts/{uuid4()}").status_code == 404
