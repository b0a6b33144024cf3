"""Alice fills in the form of her queue; what she typed is never lost, and what is missing is named."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.events import CallsMerged
from tests.conftest import PASSWORD
from tests.factories import make_call, make_callback, make_disposition
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction
from webapp.live import socketio
from webapp.tasks.models import Callback, CallbackKind
from webapp.wrapup import form_rows
from webapp.wrapup.models import WrapUp, WrapUpField
from webapp.wrapup.queries import form_for

As = Callable[[User], FlaskClient]
LONDON = "+442079460018"
KINDS = ("text", "number", "date", "choice", "yes_no")


@pytest.fixture
def asked(app: object) -> dict[str, str]:
    """Sales asks one question of each kind, all of which must be answered. By kind: the name of its field."""
    make_disposition("sale", "Sale", 1)
    typed = {"disposition_required": "1", "next_step": "1"}
    for at, kind in enumerate(KINDS):
        typed |= {f"field-{at}-label": kind.title(), f"field-{at}-kind": kind, f"field-{at}-required": "1"}
    with transaction():
        form_rows.save_form("sales", typed | {"field-3-options": "Red\nBlue"})
    return {question.kind.value: question.name for question in form_for("sales").questions}


def given(asked: dict[str, str], **other: str) -> dict[str, str]:
    said = {"text": "Two of them", "number": "12,50", "date": "2026-12-24", "choice": "Red", "yes_no": "yes"} | other
    return {"disposition": "sale"} | {asked[kind]: said[kind] for kind in KINDS}


def row_of(call: Call) -> WrapUp:
    db.session.rollback()
    return db.session.scalars(sa.select(WrapUp).where(WrapUp.call_id == call.id)).unique().one()


def test_what_she_answers_is_on_the_calls_page_and_in_what_happened(
    asked: dict[str, str], alice: User, as_: As
) -> None:
    call, browser = make_call(answered_by=alice), as_(alice)
    assert browser.post(f"/calls/{call.id}/wrap-up", json=given(asked)).status_code == 204
    assert f'id="card-{call.id}"' not in browser.get("/desk/callbar").text
    assert [answer.value for answer in row_of(call).answers] == ["Two of them", "12.50", "2026-12-24", "Red", "yes"]
    page = browser.get(f"/calls/{call.id}").text
    for text in ("Alice Martin: Sale", "Two of them", "12.50", "<dd><bdi>Yes</bdi></dd>"):
        assert text in page


def test_a_blank_answer_is_refused_at_its_field_and_all_of_them_at_once(
    asked: dict[str, str], alice: User, as_: As
) -> None:
    call, browser = make_call(answered_by=alice), as_(alice)
    answer = browser.post(f"/calls/{call.id}/wrap-up", json={})
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {"disposition", *asked.values()}
    assert f'id="card-{call.id}"' in browser.get("/desk/callbar").text


@pytest.mark.parametrize(
    ("kind", "value"),
    [("number", "twelve"), ("number", "NaN"), ("number", "1e999"), ("number", "٣"), ("date", "24.12.2026"),
     ("date", "2026-02-30"), ("choice", "Green"), ("yes_no", "maybe"), ("text", "x" * 501), ("text", "a\x00b")],
)  # fmt: skip
def test_what_is_no_answer_is_named(asked: dict[str, str], alice: User, as_: As, kind: str, value: str) -> None:
    call = make_call(answered_by=alice)
    answer = as_(alice).post(f"/calls/{call.id}/wrap-up", json=given(asked, **{kind: value}))
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {asked[kind]})


def test_what_is_typed_is_there_after_a_reload_and_on_another_device(
    asked: dict[str, str], alice: User, as_: As
) -> None:
    call, browser = make_call(answered_by=alice), as_(alice)
    typed = {"disposition": "sale", asked["text"]: "Half a sen", asked["choice"]: "Blue"}
    assert browser.patch(f"/calls/{call.id}/wrap-up", json=typed).status_code == 200
    bar = browser.get("/desk/callbar").text
    assert 'value="Half a sen"' in bar
    assert 'value="Blue" checked' in bar
    assert row_of(call).saved_at is None
    browser.post(f"/calls/{call.id}/wrap-up", json=given(asked))
    assert row_of(call).draft == {}


def test_what_is_typed_in_two_tabs_is_joined_field_by_field(
    app: Flask, asked: dict[str, str], alice: User, as_: As
) -> None:
    call, browser, other = make_call(answered_by=alice), as_(alice), as_(alice)
    desk = contextvars.Context().run(lambda: socketio.test_client(app, flask_test_client=other))
    browser.patch(f"/calls/{call.id}/wrap-up", json={asked["text"]: "Two of them", "next": "1"})
    kept = other.patch(f"/calls/{call.id}/wrap-up", json={asked["choice"]: "Blue", "next": ""}).json
    assert kept == {
        "version": row_of(call).version,
        "draft": {asked["text"]: "Two of them", asked["choice"]: "Blue", "next": ""},
    }
    bar = browser.get("/desk/callbar").text
    assert f'data-version="{kept["version"]}"' in bar
    assert 'value="Two of them"' in bar
    assert 'value="Blue" checked' in bar
    told = [message["args"][0] for message in desk.get_received()]
    assert told[-1] == {"kind": "answers", "ids": [str(call.id)], "version": kept["version"]}


def test_who_corrects_one_answer_keeps_the_others_and_may_empty_one(
    asked: dict[str, str], alice: User, as_: As
) -> None:
    call, browser = make_call(answered_by=alice), as_(alice)
    browser.post(f"/calls/{call.id}/wrap-up", json=given(asked))
    browser.patch(f"/calls/{call.id}/wrap-up", json={asked["text"]: "", asked["choice"]: "Blue"})
    page = browser.get(f"/calls/{call.id}").text
    form = page[page.index('id="page-wrap-') :]
    for text in ('value="sale"', 'value="12.50"', 'value="Blue" checked'):
        assert text in form
    assert 'value="Two of them"' not in form


def test_a_draft_is_no_place_to_keep_books(asked: dict[str, str], alice: User, as_: As) -> None:
    call = make_call(answered_by=alice)
    browser, half = as_(alice), "x" * 10_000
    assert browser.patch(f"/calls/{call.id}/wrap-up", json={"disposition": half}).status_code == 200
    assert browser.patch(f"/calls/{call.id}/wrap-up", json={"next_note": half}).status_code == 422


def test_she_promises_a_call_on_the_customers_clock(alice: User, as_: As) -> None:
    make_disposition("sale", "Sale")
    call = make_call(number=LONDON, answered_by=alice)
    there = (now() + timedelta(days=2)).astimezone(ZoneInfo("Europe/London")).replace(hour=15, minute=0, second=0)
    step = {
        "disposition": "sale", "next": "1", "next_date": f"{there:%Y-%m-%d}", "next_time": "15:00",
        "next_zone": "Europe/London", "next_whose": "anyone", "next_note": "About the red ones",
    }  # fmt: skip
    browser = as_(alice)
    assert 'value="Europe/London"' in browser.get("/desk/callbar").text
    assert browser.post(f"/calls/{call.id}/wrap-up", json=step).status_code == 204
    db.session.rollback()
    (promised,) = db.session.scalars(sa.select(Callback)).unique().all()
    assert (promised.kind, promised.number, promised.note) == (CallbackKind.PROMISE, LONDON, "About the red ones")
    assert promised.promised_for == there.replace(microsecond=0)
    assert (promised.assigned_to_id, promised.promised_by_id) == (None, alice.id)
    assert row_of(call).callback_id == promised.id


def test_a_promise_that_cannot_be_made_saves_nothing_and_says_why(alice: User, as_: As) -> None:
    make_disposition("sale", "Sale")
    call = make_call(number=LONDON, answered_by=alice)
    step = {"disposition": "sale", "next": "1", "next_date": "2020-01-01", "next_time": "", "next_zone": "Mars/Base"}
    answer = as_(alice).post(f"/calls/{call.id}/wrap-up", json=step)
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {"next_time", "next_zone"})
    db.session.rollback()
    assert db.session.get_one(Call, call.id).disposition is None


def test_whom_a_colleague_is_calling_back_she_promises_nothing(alice: User, bob: User, as_: As) -> None:
    make_disposition("sale", "Sale")
    make_callback(LONDON, claimed_by_id=bob.id, claimed_at=now(), claimed_until=now() + timedelta(minutes=9))
    call = make_call(number=LONDON, answered_by=alice)
    tomorrow = now() + timedelta(days=1)
    step = {"disposition": "sale", "next": "1", "next_date": f"{tomorrow:%Y-%m-%d}", "next_time": "12:00",
            "next_zone": "UTC"}  # fmt: skip
    answer = as_(alice).post(f"/calls/{call.id}/wrap-up", json=step)
    assert (answer.status_code, "Bob Keller" in answer.json["error"]["message"]) == (409, True)
    db.session.rollback()
    assert db.session.get_one(Call, call.id).disposition is None


def test_where_it_ended_so_that_somebody_must_call_she_says_when(alice: User, as_: As) -> None:
    later = make_disposition("later", "Call me later")
    with transaction():
        later.asks_callback = True
    call, browser = make_call(answered_by=alice), as_(alice)
    answer = browser.post(f"/calls/{call.id}/wrap-up", json={"disposition": "later"})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {"next_date", "next_time", "next_zone"})
    withheld = make_call(number=None, answered_by=alice)
    assert browser.post(f"/calls/{withheld.id}/wrap-up", json={"disposition": "later"}).status_code == 204


def test_what_the_queue_does_not_offer_is_refused(asked: dict[str, str], alice: User, as_: As) -> None:
    make_disposition("offer", "Offer sent")
    with transaction():
        form_rows.save_form("sales", {"offers": "some", "offer-sale": "1"})
    call, browser = make_call(answered_by=alice), as_(alice)
    answer = browser.post(f"/calls/{call.id}/wrap-up", json={"disposition": "offer"})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {"disposition"})


def test_where_nothing_need_be_said_saving_is_enough(alice: User, as_: As) -> None:
    with transaction():
        form_rows.save_form("sales", {})
    call, browser = make_call(answered_by=alice), as_(alice)
    assert browser.post(f"/calls/{call.id}/wrap-up", json={}).status_code == 204
    assert f'id="card-{call.id}"' not in browser.get("/desk/callbar").text
    assert "Alice Martin wrapped it up" in browser.get(f"/calls/{call.id}").text


def test_both_who_talked_say_their_own(asked: dict[str, str], alice: User, bob: User, as_: As) -> None:
    make_disposition("offer", "Offer sent", 2)
    call = make_call(answered_by=alice)
    with transaction():
        leg = next(iter(db.session.get_one(Call, call.id).legs))
        db.session.add(type(leg)(call_id=call.id, uid="second", line="PJSIP/bob", user_id=bob.id, rang_at=leg.rang_at,
                                 answered_at=leg.answered_at, ended_at=leg.ended_at, talk_seconds=1.0))  # fmt: skip
    as_(alice).post(f"/calls/{call.id}/wrap-up", json=given(asked))
    as_(bob).post(f"/calls/{call.id}/wrap-up", json=given(asked, text="Bob's") | {"disposition": "offer"})
    page = as_(alice).get(f"/calls/{call.id}").text
    for text in ("Alice Martin: Sale", "Bob Keller: Offer sent", "Two of them", "Bob&#39;s"):
        assert text in page


def test_an_answer_outlives_its_question(asked: dict[str, str], alice: User, as_: As) -> None:
    call, browser = make_call(answered_by=alice), as_(alice)
    browser.post(f"/calls/{call.id}/wrap-up", json=given(asked))
    with transaction():
        form_rows.remove_form("sales")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(WrapUpField)) == 0
    assert "Two of them" in browser.get(f"/calls/{call.id}").text


def test_what_was_typed_of_a_call_that_became_part_of_another_goes_with_it(
    asked: dict[str, str], alice: User, as_: As
) -> None:
    first, second = make_call(state=CallState.ANSWERED, answered_by=alice), make_call(answered_by=alice)
    browser = as_(alice)
    browser.patch(f"/calls/{second.id}/wrap-up", json={asked["text"]: "of the second"})
    capture.record(CallsMerged(uid=first.uid, merged=second.uid, at=now()), switch="main")
    assert row_of(first).draft == {asked["text"]: "of the second"}


def test_the_header_says_how_many_wait(asked: dict[str, str], alice: User, client: FlaskClient) -> None:
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    with transaction():
        db.session.get_one(User, alice.id).logged_in_at = now() - timedelta(hours=1)
    for _ in range(2):
        make_call(answered_by=alice)
    assert "Wrap-up: 2" in client.get("/desk/status").text


def test_the_bar_asks_no_more_questions_for_more_wrap_ups(
    asked: dict[str, str], alice: User, as_: As, questions: Callable[[Callable[[], object]], int]
) -> None:
    browser = as_(alice)
    make_call(number=LONDON, answered_by=alice)
    one = questions(lambda: browser.get("/desk/callbar"))
    for i in range(3):
        make_call(number=f"+30694400009{i}", answered_by=alice)
    assert questions(lambda: browser.get("/desk/callbar")) <= one
