from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from tests.factories import make_callback
from webapp import live
from webapp.accounts.models import User
from webapp.db import transaction


def test_a_page_that_was_away_asks_what_it_missed(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    with transaction():
        live.touch([alice.id])
    browser = as_(alice)
    assert browser.get("/live/since?v=0").json == {"v": 1, "changed": True}
    assert browser.get("/live/since?v=1").json == {"v": 1, "changed": False}
    assert browser.get("/live/since?v=nonsense").json == {"v": 1, "changed": True}
    assert as_(bob).get("/live/since?v=0").json == {"v": 0, "changed": False}


def test_badges_count_what_is_open(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    browser = as_(alice)
    assert browser.get("/desk/badges").json == {"callbacks": 0, "notices": 0}
    make_callback()
    assert browser.get("/desk/badges").json == {"callbacks": 1, "notices": 0}


def test_the_time_to_the_painted_card_is_logged_within_bounds(
    alice: User, as_: Callable[[User], FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    call, browser = uuid4(), as_(alice)
    for ms in (31.4, -5, 10**9):
        sent = {"uid": str(call), "version": 3, "ms": ms}
        assert browser.post("/live/painted", json=sent).status_code == 204
    told = [record.msg for record in caplog.records if "pop painted" in str(record.msg)]
    assert [entry["ms"] for entry in told] == [31.4, 0, 60_000]
    assert {(entry["call"], entry["user"]) for entry in told} == {(str(call), str(alice.id))}


@pytest.mark.parametrize(
    "sent",
    [{}, [], {"uid": "x\r\n", "version": 1, "ms": 1}, {"uid": str(uuid4()), "version": 1, "ms": "NaN"},
     {"uid": str(uuid4()), "version": [], "ms": 1}, {"uid": str(uuid4()), "version": 1, "ms": True}],
)  # fmt: skip
def test_nonsense_is_not_logged(alice: User, as_: Callable[[User], FlaskClient], sent: object) -> None:
    answer = as_(alice).post("/live/painted", data=json.dumps(sent), content_type="application/json")
    assert answer.status_code == 422
