"""After a call: "we call you on Tuesday at three", from the page of the call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.factories import make_call
from webapp.accounts.models import User
from webapp.db import db, now
from webapp.tasks.models import Callback, CallbackKind

JSON = {"Accept": "application/json"}
As = Callable[[User], FlaskClient]


def tomorrow_at_three() -> str:
    return f"{now() + timedelta(days=1):%Y-%m-%d}T15:00"


def test_it_is_kept_in_the_callees_time_with_who_gave_it(alice: User, as_: As) -> None:
    call = make_call(number="+12125550123", answered_by=alice)
    sent = {"at": tomorrow_at_three(), "note": "Wants an offer", "owner": "me"}
    answer = as_(alice).post(f"/calls/{call.id}/promise", json=sent)
    assert answer.status_code == 201
    db.session.rollback()
    callback = db.session.scalars(sa.select(Callback)).unique().one()
    assert callback.promised_for == datetime.fromisoformat(sent["at"]).replace(tzinfo=ZoneInfo("America/New_York"))
    assert (callback.kind, callback.note, callback.promised_by_id) == (CallbackKind.PROMISE, "Wants an offer", alice.id)
    assert callback.assigned_to_id == alice.id


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("at", "tomorrow"),
        ("at", ""),
        ("at", "2020-01-01T10:00"),
        ("owner", "bob"),
        ("zone", "Mars"),
        ("note", "x" * 501),
    ],
)
def test_what_is_wrong_is_named(alice: User, as_: As, field: str, wrong: str) -> None:
    call = make_call(answered_by=alice)
    sent = {"at": tomorrow_at_three()} | {field: wrong}
    answer = as_(alice).post(f"/calls/{call.id}/promise", json=sent)
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {field}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 0


def test_who_hides_the_number_cannot_be_promised_a_call(alice: User, as_: As) -> None:
    call = make_call(number=None, answered_by=alice)
    answer = as_(alice).post(f"/calls/{call.id}/promise", data={"at": tomorrow_at_three()}, headers=JSON)
    assert answer.status_code == 409


def test_a_colleagues_call_is_not_there(alice: User, charlie: User, as_: As) -> None:
    call = make_call(answered_by=alice)
    answer = as_(charlie).post(f"/calls/{call.id}/promise", data={"at": tomorrow_at_three()}, headers=JSON)
    assert answer.status_code == 404
