from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_party
from webapp.accounts.models import User
from webapp.contacts.models import OwnNumber
from webapp.db import db, transaction
from webapp.desk.dial import of_link

As = Callable[[User], FlaskClient]


@pytest.mark.parametrize(
    ("link", "number"),
    [
        ("tel:+30-694-400-0001", "+306944000001"),
        ("tel:+306944000001;ext=12", "+306944000001"),
        ("tel:(694)%204000001".replace("%20", " "), "6944000001"),
        ("+306944000001", "+306944000001"),
        ("tel:<script>", ""),
        ("tel:", ""),
    ],
)
def test_a_link_to_a_number_is_that_number(link: str, number: str) -> None:
    assert of_link(link) == number


def test_a_link_of_another_page_opens_the_pad_with_its_number_and_whose_it_is(alice: User, as_: As) -> None:
    make_party("Dana Reyes", "+306944000001")
    page = as_(alice).get("/dial", query_string={"tel": "tel:+30-694-400-0001"}).text
    assert 'value="+306944000001"' in page and "Dana Reyes" in page


def test_a_name_finds_each_number_of_whoever_is_meant(alice: User, as_: As) -> None:
    make_party("Dana Reyes", "+306944000001", "+306944000002")
    make_party("Dana Mute")
    found = as_(alice).get("/dial/matches?q=dana").text
    assert 'data-number="+306944000001"' in found and 'data-number="+306944000002"' in found
    assert "Dana Mute" not in found  # there is nothing to call


def test_before_anything_is_typed_the_last_ones_are_offered_each_once(alice: User, bob: User, as_: As) -> None:
    make_call(answered_by=alice)
    make_call(answered_by=alice)
    make_call(number="+306944000002", answered_by=bob)
    page = as_(alice).get("/dial/matches").text
    assert page.count('data-number="+306944000001"') == 1 and "+306944000002" not in page


def test_a_number_that_nobody_has_can_be_called_and_written_down(alice: User, as_: As) -> None:
    found = as_(alice).get("/dial/matches?q=694 400 0009").text
    assert "/contacts/new?number=%2B306944000009" in found


def test_alice_chooses_which_number_customers_see_and_it_is_kept(alice: User, as_: As, switch: FakeSwitch) -> None:
    with transaction():
        db.session.add(OwnNumber(value="+302100000200", label="Support", switch="main", shown=True))
        db.session.add(OwnNumber(value="+302100000300", label="Boss", switch="main", shown=False))
    browser = as_(alice)
    assert browser.post("/me/shown-number", json={"shown_number": "+302100000200"}).status_code == 204
    assert '<option value="+302100000200" selected>' in browser.get("/dial").text
    assert browser.post("/me/shown-number", json={"shown_number": "+302100000300"}).status_code == 422
    assert browser.post("/me/shown-number", json={"shown_number": ""}).status_code == 204
    db.session.rollback()
    assert db.session.get_one(User, alice.id).shown_number is None


def test_hostile_words_stay_words(alice: User, as_: As) -> None:
    page = as_(alice).get("/dial", query_string={"number": '"><script>alert(1)</script>\x00'}).text
    assert "<script>alert" not in page
