from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.factories import make_call, make_callback
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState
from webapp.contacts.models import Party
from webapp.db import db
from webapp.tasks.models import Callback

JSON = {"Accept": "application/json"}


def test_an_unknown_caller_becomes_a_contact_and_the_call_is_theirs(
    alice: User, as_: Callable[[User], FlaskClient]
) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    callback = make_callback("+306944000001")
    data = {"name": "Dana Reyes", "number": "+306944000001", "call": str(call.id)}
    answer = as_(alice).post("/contacts", data=data, headers=JSON)
    assert answer.status_code == 201
    db.session.rollback()
    dana = db.session.scalars(sa.select(Party)).one()
    assert answer.json == {"id": str(dana.id), "url": f"/contacts/{dana.id}"}
    assert [point.value for point in dana.phones] == ["+306944000001"]
    assert db.session.get_one(Call, call.id).party_id == dana.id
    assert db.session.get_one(Callback, callback.id).party_id == dana.id


def test_a_withheld_caller_becomes_a_contact_without_a_number(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    call = make_call(number=None, state=CallState.ANSWERED, answered_by=alice)
    data = {"name": "Dana Reyes", "number": "", "call": str(call.id)}
    assert as_(alice).post("/contacts", data=data, headers=JSON).status_code == 201
    db.session.rollback()
    dana = db.session.scalars(sa.select(Party)).one()
    assert dana.phones == []
    assert db.session.get_one(Call, call.id).party_id == dana.id


def test_nobody_names_the_caller_of_a_colleagues_call(
    alice: User, bob: User, as_: Callable[[User], FlaskClient]
) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    data = {"name": "Dana Reyes", "number": "+306944000001", "call": str(call.id)}
    assert as_(bob).post("/contacts", data=data, headers=JSON).status_code == 404
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Party)) == 0
    assert db.session.get_one(Call, call.id).party_id is None


def test_a_wrong_name_is_answered_by_field(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    data = {"name": "Dana\x00", "number": "+306944000001", "call": str(call.id)}
    answer = as_(alice).post("/contacts", data=data, headers=JSON)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"name"}
