from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from telephony.commands import Originate
from telephony.errors import SwitchRefused, SwitchUnavailable
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_party
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState
from webapp.contacts.models import OwnNumber
from webapp.db import db, transaction


def test_a_click_is_written_down_and_the_switch_asked(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    answer = as_(alice).post("/calls", json={"number": "694 400 0001", "key": str(uuid4())})
    assert answer.status_code == 201
    db.session.rollback()
    call = db.session.scalars(sa.select(Call)).unique().one()
    assert answer.json == {"id": str(call.id), "rings_first": "agent"}
    assert (call.state, call.party_id, call.requested_by_id) == (CallState.REQUESTED, dana.id, alice.id)
    assert switch.commands == [Originate(uid=str(call.id), line="PJSIP/alice", number="+306944000001")]


def test_the_same_click_twice_is_one_call(alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    browser, wanted = as_(alice), {"number": "6944000001", "key": str(uuid4())}
    first, second = browser.post("/calls", json=wanted), browser.post("/calls", json=wanted)
    assert first.json == second.json
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Call)) == 1


@pytest.mark.parametrize(
    "number",
    ["", "call me", "+30694400000\r\nAction: Originate", "6944000001;rm", "69440\x0000001", "1" * 41, "2100000100"],
)
def test_what_is_no_number_or_our_own_is_never_dialled(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch, number: str
) -> None:
    with transaction():
        db.session.add(OwnNumber(value="+302100000100"))
    answer = as_(alice).post("/calls", json={"number": number, "key": str(uuid4())})
    assert answer.status_code == 422
    assert answer.json is not None
    assert "number" in answer.json["error"]["fields"]
    assert switch.commands == []


@pytest.mark.parametrize("body", [[], "x", {"number": 6944000001}, {"number": "6944000001"}, {"key": {"a": 1}}])
def test_a_strange_body_is_refused(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch, body: object
) -> None:
    assert as_(alice).post("/calls", json=body).status_code == 422
    assert switch.commands == []


def test_a_refusal_reaches_the_agent_and_their_bar(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchRefused("Extension does not exist")
    browser = as_(alice)
    answer = browser.post("/calls", json={"number": "6944000001", "key": str(uuid4())})
    assert answer.status_code == 503
    assert answer.json is not None
    assert "Extension does not exist" in answer.json["error"]["message"]
    assert "Extension does not exist" in browser.get("/desk/callbar").text


def test_a_switch_that_is_away_is_said_so(alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    switch.refuse_with = SwitchUnavailable("no connection")
    assert as_(alice).post("/calls", json={"number": "6944000001", "key": str(uuid4())}).status_code == 503


def test_one_call_at_a_time(alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=alice)
    assert as_(alice).post("/calls", json={"number": "6944000002", "key": str(uuid4())}).status_code == 409
    assert switch.commands == []


def test_who_has_no_phone_is_told(sofia: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch) -> None:
    answer = as_(sofia).post("/calls", json={"number": "6944000001", "key": str(uuid4())})
    assert answer.status_code == 409
    assert answer.json is not None
    assert "phone" in answer.json["error"]["message"]


def test_whom_the_button_meant_is_whose_call_it_is(
    alice: User, as_: Callable[[User], FlaskClient], switch: FakeSwitch
) -> None:
    make_party("Dana Reyes", "+306944000001")
    eli = make_party("Eli Reyes", "+306944000001")
    browser, wanted = as_(alice), {"number": "+306944000001", "key": str(uuid4())}
    assert browser.post("/calls", json=wanted | {"party": str(uuid4())}).status_code == 404
    assert browser.post("/calls", json=wanted | {"party": str(eli.id)}).status_code == 201
    db.session.rollback()
    assert db.session.scalars(sa.select(Call)).unique().one().party_id == eli.id
