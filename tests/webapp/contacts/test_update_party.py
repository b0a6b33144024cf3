from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_call
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.contacts.actions import Details, Phone, add_party, update_party
from webapp.contacts.models import PartyKind
from webapp.contacts.queries import search
from webapp.db import db, transaction


def test_a_number_that_stays_keeps_its_row_and_one_that_goes_is_gone(app: Flask) -> None:
    with transaction():
        dana = add_party(Details("Dana Reyes", phones=[Phone("6944000001"), Phone("2101234567")]))
    kept = dana.phones[1].id
    with transaction():
        update_party(dana, Details("Dana Reyes", phones=[Phone("2101234567", "work"), Phone("6944000002")]))
    db.session.rollback()
    assert [(point.value, point.label) for point in dana.phones] == [("+302101234567", "work"), ("+306944000002", "")]
    assert dana.phones[0].id == kept


def test_a_number_added_later_brings_its_earlier_calls(app: Flask) -> None:
    call = make_call(number="+306944000002")
    with transaction():
        dana = add_party(Details("Dana Reyes", phones=[Phone("6944000001")]))
    with transaction():
        update_party(dana, Details("Dana Reyes", phones=[Phone("6944000001"), Phone("6944000002")]))
    assert db.session.get_one(Call, call.id).party_id == dana.id


def test_people_are_found_by_their_companys_new_name(app: Flask) -> None:
    with transaction():
        dana = add_party(Details("Dana Reyes", company="Acme"))
    company = dana.company
    assert company is not None
    with transaction():
        update_party(company, Details("Zenith", kind=PartyKind.COMPANY))
    assert [party.name for party in search("zenith reyes").rows] == ["Dana Reyes"]
    assert search("acme").rows == []


def test_alice_corrects_a_name(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    with transaction():
        dana = add_party(Details("Dana Reys", phones=[Phone("6944000001")]))
    browser = as_(alice)
    assert "694 400 0001" in browser.get(f"/contacts/{dana.id}/edit").text
    answer = browser.post(f"/contacts/{dana.id}/edit", data={"name": "Dana Reyes", "numbers-0-number": "694 400 0001"})
    assert answer.status_code == 303
    db.session.rollback()
    assert (dana.name, dana.phones[0].value) == ("Dana Reyes", "+306944000001")


def test_nothing_changes_when_something_is_wrong(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    with transaction():
        dana = add_party(Details("Dana Reyes", phones=[Phone("6944000001")]))
    answer = as_(alice).post(f"/contacts/{dana.id}/edit", data={"name": "Somebody", "numbers-0-number": "no"})
    assert answer.status_code == 422
    db.session.rollback()
    assert (dana.name, dana.phones[0].value) == ("Dana Reyes", "+306944000001")
