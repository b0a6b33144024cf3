from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_party
from webapp.accounts.models import User
from webapp.contacts import queries
from webapp.contacts.actions import Details, Email, Phone, add_party
from webapp.contacts.models import OwnNumber
from webapp.db import db, transaction
from webapp.errors import Invalid


@pytest.fixture
def people(app: Flask) -> None:
    with transaction():
        add_party(
            Details(
                "Ελένη Παπαδοπούλου", company="Αθηναϊκή Α.Ε.", phones=[Phone("2101234567")],
                emails=[Email("eleni@example.gr")],
            )
        )  # fmt: skip
        add_party(Details("Jürgen Groß", phones=[Phone("+49 30 901820", "office", "12")]))
        add_party(Details("100% Cotton_Co", phones=[Phone("+44 20 7946 0958")]))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("παπαδοπουλου", "Ελένη Παπαδοπούλου"),
        ("ΕΛΕΝΗ ΠΑΠΑ", "Ελένη Παπαδοπούλου"),
        ("eleni@example", "Ελένη Παπαδοπούλου"),
        ("ELENI@EXAMPLE.GR", "Ελένη Παπαδοπούλου"),
        ("210 1234567", "Ελένη Παπαδοπούλου"),
        ("+30 210", "Ελένη Παπαδοπούλου"),
        ("210 123", "Ελένη Παπαδοπούλου"),  # a national beginning
        ("4567", "Ελένη Παπαδοπούλου"),  # an end
        ("jurgen gross", "Jürgen Groß"),
        ("0049 30 901820", "Jürgen Groß"),
        ("020 7946 0958", "100% Cotton_Co"),  # as it is dialled over there
        ("100%", "100% Cotton_Co"),
    ],
)
def test_people_are_found(people: None, text: str, name: str) -> None:
    assert [party.name for party in queries.search(text).rows] == [name]


@pytest.mark.parametrize("text", ["__", "nobody", "99999", "' OR 1=1 --", "9\x009", "++", "12"])
def test_nothing_matches_by_accident(people: None, text: str) -> None:
    assert queries.search(text).rows == []


def test_a_percent_sign_is_a_percent_sign(people: None) -> None:
    assert [party.name for party in queries.search("%").rows] == ["100% Cotton_Co"]


def test_everybody_is_listed_by_name_page_by_page(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    for name in ("Eve", "adam", "Noah", "Bea", "adam"):
        make_party(name)
    seen, after = [], None
    while True:
        page = queries.search("", after)
        seen += [party.name for party in page.rows]
        if (after := page.after) is None:
            break
    assert seen == ["adam", "adam", "Bea", "Eve", "Noah"]


@pytest.mark.parametrize("after", ["x", "0" * 32, "' OR 1=1"])
def test_a_forged_page_is_refused(app: Flask, after: str) -> None:
    with pytest.raises(Invalid):
        queries.search("", after)


def test_a_shared_number_finds_all_and_our_own_nobody(app: Flask) -> None:
    make_party("Dana Reyes", "+306944000001")
    make_party("Eli Reyes", "+306944000001")
    make_party("Mistaken", "+302100000100")
    with transaction():
        db.session.add(OwnNumber(value="+302100000100"))
    assert [party.name for party in queries.parties_with_number("+306944000001")] == ["Dana Reyes", "Eli Reyes"]
    assert queries.parties_with_number("+302100000100") == []
    assert queries.parties_with_number("+306944") == []


def test_alice_searches_and_pages(
    alice: User, as_: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 1)
    make_party("Dana Reyes")
    make_party("Dana Stone")
    browser = as_(alice)
    first = browser.get("/contacts?q=dana").text
    assert "Dana Reyes" in first
    assert "Dana Stone" not in first
    after = queries.search("dana").after
    assert f"after={after}" in first
    assert "Dana Stone" in browser.get(f"/contacts?q=dana&after={after}").text
