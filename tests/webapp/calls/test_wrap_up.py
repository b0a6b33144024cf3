"""What an agent writes down during and after a call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import make_call, make_disposition, make_party
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState, NumberChoice
from webapp.db import db, now, transaction

JSON = {"Accept": "application/json"}


def notes_of(call: Call) -> dict[str, str]:
    db.session.rollback()
    return {note.user.name: note.text for note in db.session.get_one(Call, call.id).notes}


def test_notes_are_saved_as_typed_each_agents_own(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    call = make_call(state=CallState.ANSWERED, ringing=(bob,), answered_by=alice)
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    browser = as_(alice)
    assert browser.put(f"/calls/{call.id}/notes", data="Θέλει <b>δύο</b>", headers=plain).status_code == 200
    assert browser.put(f"/calls/{call.id}/notes", json={"text": "Θέλει τρία\n"}).status_code == 200
    as_(bob).put(f"/calls/{call.id}/notes", json={"text": "Bob's"})
    assert notes_of(call) == {"Alice Martin": "Θέλει τρία\n", "Bob Keller": "Bob's"}


def test_a_note_is_not_written_over_another_one_that_its_author_has_not_seen(
    alice: User, as_: Callable[[User], FlaskClient]
) -> None:
    browser, call = as_(alice), make_call(state=CallState.ANSWERED, answered_by=alice)

    def write(text: str, over: str) -> TestResponse:
        return browser.put(f"/calls/{call.id}/notes", json={"text": text, "over": over})

    first = (write("Wants two", "").json or {})["version"]
    assert f'data-version="{first}"' in browser.get("/desk/callbar").text
    second = (write("Wants three", first).json or {})["version"]
    assert second > first
    assert write("Wants four", first).status_code == 409
    assert write("Wants three", first).json == {"version": second}, "an answer was lost; it is sent again"
    assert write("Wants five", "").status_code == 409
    assert notes_of(call) == {"Alice Martin": "Wants three"}


@pytest.mark.parametrize("text", ["x" * 20_001, 5, ["x"]])
def test_what_cannot_be_kept_is_refused_and_the_old_note_stays(
    alice: User, as_: Callable[[User], FlaskClient], text: object
) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    browser = as_(alice)
    browser.put(f"/calls/{call.id}/notes", json={"text": "before"})
    answer = browser.put(f"/calls/{call.id}/notes", json={"text": text})
    assert answer.status_code == 422
    assert answer.json is not None
    assert "text" in answer.json["error"]["fields"]
    assert notes_of(call) == {"Alice Martin": "before"}


def test_what_a_word_processor_pastes_is_kept_without_what_nobody_sees(
    alice: User, as_: Callable[[User], FlaskClient]
) -> None:
    make_disposition("sale", "Sale")
    call = make_call(answered_by=alice)
    browser = as_(alice)
    pasted = "one\vtwo\fthree\r\nfour\rfive\u2028six\x85seven\tend\x00\x07\x1b\ud800"
    kept = "one\ntwo\nthree\nfour\nfive\nsix\nseven\tend"
    assert browser.put(f"/calls/{call.id}/notes", json={"text": pasted}).status_code == 200
    assert notes_of(call) == {"Alice Martin": kept}
    again = {"disposition": "sale", "note": f"{pasted}!"}
    assert browser.post(f"/calls/{call.id}/wrap-up", json=again).status_code == 204
    assert notes_of(call) == {"Alice Martin": f"{kept}!"}


def test_a_disposition_ends_the_wrap_up(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_disposition("sale", "Sale")
    call = make_call(answered_by=alice)
    browser = as_(alice)
    assert f'id="card-{call.id}"' in browser.get("/desk/callbar").text
    data = {"disposition": "sale", "note": "Sold one"}
    assert browser.post(f"/calls/{call.id}/wrap-up", data=data, headers=JSON).status_code == 204
    assert f'id="card-{call.id}"' not in browser.get("/desk/callbar").text
    assert notes_of(call) == {"Alice Martin": "Sold one"}
    assert call.disposition is not None
    assert call.disposition.code == "sale"


@pytest.mark.parametrize("code", ["", "nonsense", "retired"])
def test_a_disposition_must_be_one_in_use(alice: User, as_: Callable[[User], FlaskClient], code: str) -> None:
    retired = make_disposition("retired", "Retired")
    with transaction():
        retired.active = False
    call = make_call(answered_by=alice)
    answer = as_(alice).post(f"/calls/{call.id}/wrap-up", data={"disposition": code}, headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"disposition"}


def test_who_still_talks_cannot_wrap_up(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_disposition("sale", "Sale")
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    assert as_(alice).post(f"/calls/{call.id}/wrap-up", json={"disposition": "sale"}).status_code == 409


def test_whom_alice_meant_is_remembered_for_the_number(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_party("Dana Reyes", "+306944000001")
    eli = make_party("Eli Reyes", "+306944000001")
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    answer = as_(alice).post(f"/calls/{call.id}/party", data={"party": str(eli.id)}, headers=JSON)
    assert answer.status_code == 204
    db.session.rollback()
    assert db.session.get_one(Call, call.id).party_id == eli.id
    assert db.session.get_one(NumberChoice, "+306944000001").party_id == eli.id


@pytest.mark.req("N8")
def test_it_was_none_of_them_after_all_and_she_is_asked_again(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_party("Dana Reyes", "+306944000001")
    eli = make_party("Eli Reyes", "+306944000001")
    call, browser = make_call(state=CallState.ANSWERED, answered_by=alice), as_(alice)
    browser.post(f"/calls/{call.id}/party", json={"party": str(eli.id)})
    assert "Who is it?" not in browser.get("/desk/callbar").text
    assert browser.post(f"/calls/{call.id}/party", json={"party": "nobody"}).status_code == 204
    db.session.rollback()
    assert db.session.get_one(Call, call.id).party_id is None
    assert db.session.get(NumberChoice, "+306944000001") is None
    bar = browser.get("/desk/callbar").text
    assert "Who is it?" in bar
    assert 'data-key="2"' in bar


@pytest.mark.parametrize(("party", "status"), [("", 422), ("x", 422), (str(uuid4()), 404)])
def test_a_party_must_exist(alice: User, as_: Callable[[User], FlaskClient], party: str, status: int) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    assert as_(alice).post(f"/calls/{call.id}/party", data={"party": party}, headers=JSON).status_code == status


def test_a_page_without_scripts_is_shown_the_call(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    call = make_call(answered_by=alice)
    answer = as_(alice).post(f"/calls/{call.id}/party", data={"party": str(dana.id)})
    assert (answer.status_code, answer.location) == (303, f"/calls/{call.id}")


def test_what_left_the_bar_is_wrapped_up_or_corrected_on_the_calls_page(
    alice: User, sofia: User, as_: Callable[[User], FlaskClient]
) -> None:
    make_disposition("sale", "Sale")
    make_disposition("offer", "Offer sent")
    call = make_call(answered_by=alice, started_at=now() - timedelta(hours=12))
    browser = as_(alice)
    for code in ("sale", "offer"):
        assert f'action="/calls/{call.id}/wrap-up"' in browser.get(f"/calls/{call.id}").text
        browser.post(f"/calls/{call.id}/wrap-up", data={"disposition": code})
        page = browser.get(f"/calls/{call.id}").text
        assert f'name="disposition" value="{code}"' in page
        assert page.split(f'name="disposition" value="{code}"')[1].split(">")[0].endswith(" checked")
    assert '/wrap-up"' not in as_(sofia).get(f"/calls/{call.id}").text


def test_who_still_talks_finds_nothing_to_wrap_up_on_the_page(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    make_disposition("sale", "Sale")
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    assert "data-wrap-up" not in as_(alice).get(f"/calls/{call.id}").text
