from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_call
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.contacts.actions import Details, Email, Phone, add_party
from webapp.contacts.models import OwnNumber, Party, PartyKind
from webapp.db import db, transaction
from webapp.errors import Invalid


def added(name: str = "Dana Reyes", **details: object) -> Party:
    with transaction():
        return add_party(Details(name, **details))  # type: ignore[arg-type]


def refused(**details: object) -> dict[str, str]:
    with pytest.raises(Invalid) as error:
        added(**details)  # type: ignore[arg-type]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Party)) == 0
    return error.value.fields


def test_numbers_are_kept_as_e164_whatever_they_were_typed_like(app: Flask) -> None:
    dana = added(phones=[Phone("694 400-0001", "mobile"), Phone("0044 20 7946 0958", "work", "12")])
    assert [(point.value, point.label, point.extension) for point in dana.phones] == [
        ("+306944000001", "mobile", ""),
        ("+442079460958", "work", "12"),
    ]


def test_a_company_is_made_once_however_its_name_is_spelt(app: Flask) -> None:
    dana = added(company="Αθηναϊκή Εταιρεία")
    eli = added("Eli Stone", company="αθηναϊκη εταιρεια")
    assert dana.company is not None
    assert dana.company.kind is PartyKind.COMPANY
    assert eli.company_id == dana.company_id
    assert "αθηναικη" in dana.search_name


def test_the_same_number_twice_in_a_form_is_one(app: Flask) -> None:
    dana = added(phones=[Phone("6944000001", "mobile"), Phone("+30 694 4000001", "work")])
    assert [(point.value, point.label) for point in dana.phones] == [("+306944000001", "mobile")]


def test_all_that_is_wrong_is_said_at_once_by_field(app: Flask) -> None:
    fields = refused(name=" ", phones=[Phone("call me"), Phone("6944000001"), Phone("12")], emails=[Email("dana@")])
    assert set(fields) == {"name", "numbers-0-number", "numbers-2-number", "emails-0-address"}


@pytest.mark.parametrize("mark", ["\x00", "\r\n", "\x1b", "\u2028", "\ud800"])
def test_control_characters_are_refused_in_a_line(app: Flask, mark: str) -> None:
    assert set(refused(name=f"Dana{mark}Reyes")) == {"name"}
    assert set(refused(company=f"Acme{mark}Ltd")) == {"company"}
    assert set(refused(phones=[Phone("6944000001", f"mo{mark}bile")])) == {"numbers-0-number"}


def test_a_note_has_lines_but_no_nul(app: Flask) -> None:
    assert added(note="one\r\ntwo\n\tthree").note == "one\ntwo\n\tthree"
    with pytest.raises(Invalid) as error:
        added("Eli Stone", note="one\x00two")
    assert set(error.value.fields) == {"note"}


def test_hostile_names_are_kept_verbatim(app: Flask) -> None:
    name = '<script>alert(1)</script> "O\'Neil" \u202etxt.exe'
    assert added(name).name == name


def test_a_name_is_at_most_200_characters_and_folding_it_never_overflows(app: Flask) -> None:
    assert set(refused(name="x" * 201)) == {"name"}
    assert added("ﷺ" * 200, company="Acme").search_name


def test_our_own_number_cannot_be_a_contacts(app: Flask) -> None:
    with transaction():
        db.session.add(OwnNumber(value="+302100000100", label="Sales line"))
    assert "our own" in refused(phones=[Phone("2100000100")])["numbers-0-number"]


def test_a_new_contact_brings_the_earlier_calls_of_its_number(app: Flask) -> None:
    call = make_call(number="+306944000001")
    dana = added(phones=[Phone("6944000001")])
    assert db.session.get_one(Call, call.id).party_id == dana.id


def test_a_number_that_somebody_else_has_too_brings_no_calls(app: Flask) -> None:
    added("Eli Stone", phones=[Phone("6944000001")])
    call = make_call(number="+306944000001")
    added(phones=[Phone("6944000001")])
    assert db.session.get_one(Call, call.id).party_id is None


def test_alice_fills_in_the_form(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    answer = as_(alice).post(
        "/contacts/new",
        data={
            "name": "Dana Reyes", "kind": "person", "company": "Acme", "note": "Prefers mornings",
            "numbers-0-number": "6944000001", "numbers-0-label": "mobile", "numbers-1-number": "2101234567",
            "emails-0-address": "Dana@Example.com",
        },
    )  # fmt: skip
    assert answer.status_code == 303
    dana = db.session.scalars(sa.select(Party).where(Party.name == "Dana Reyes")).one()
    assert answer.location.endswith(f"/contacts/{dana.id}")
    assert [point.value for point in dana.points] == ["+306944000001", "+302101234567", "dana@example.com"]
    assert dana.created_by_id == alice.id


def test_a_wrong_form_comes_back_as_it_was_typed(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    answer = as_(alice).post(
        "/contacts/new",
        data={"name": "Dana <b>Reyes</b>", "numbers-0-number": "call me", "numbers-1-number": "2101234567"},
    )
    assert answer.status_code == 422
    assert "Dana &lt;b&gt;Reyes&lt;/b&gt;" in answer.text
    assert "call me" in answer.text
    assert "2101234567" in answer.text
    assert answer.text.count("This is not a telephone number.") == 2  # at the field, and in the summary above


def test_the_form_is_filled_in_with_an_unknown_callers_number(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    assert "+306944000001" in as_(alice).get("/contacts/new?number=%2B306944000001").text


def test_who_is_not_logged_in_adds_nobody(client: FlaskClient) -> None:
    answer = client.post("/contacts/new", data={"name": "Dana Reyes"}, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Party)) == 0
