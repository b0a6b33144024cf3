"""One verb for many callbacks: what can be done is done, what is refused is told row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.factories import make_callback, many_callbacks
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.db import db, transaction
from webapp.notices.models import Notice
from webapp.tasks import forms
from webapp.tasks.models import Callback, CallbackState, ClosedAs

As = Callable[[User], FlaskClient]


def holders() -> dict[UUID, UUID | None]:
    db.session.rollback()
    return dict(db.session.execute(sa.select(Callback.id, Callback.assigned_to_id)).all())  # type: ignore[arg-type]


def told(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_sofia_gives_three_to_bob_and_he_is_told_once(sofia: User, bob: User, as_: As) -> None:
    chosen = [make_callback(f"+30694400000{i}") for i in range(3)]
    other = make_callback("+306944000009")
    order = {"verb": "assign", "ids": [str(row.id) for row in chosen], "to": str(bob.id)}
    assert told(as_(sofia).post("/callbacks/bulk", json=order)) == {"done": 3, "refused": 0, "why": []}
    assert holders() == {**{row.id: bob.id for row in chosen}, other.id: None}
    assert [notice.facts["count"] for notice in db.session.scalars(sa.select(Notice))] == ["3"]


def test_what_is_closed_meanwhile_is_refused_by_name_and_stops_nothing(sofia: User, bob: User, as_: As) -> None:
    here = make_callback("+306944000001")
    gone = make_callback("+306944000002", state=CallbackState.CLOSED, open_key=None, name_raw="Dana Reyes")
    order = {"verb": "assign", "ids": [str(gone.id), str(here.id), str(uuid4())], "to": str(bob.id)}
    answer = told(as_(sofia).post("/callbacks/bulk", json=order))
    assert (answer["done"], answer["refused"]) == (1, 2)
    assert answer["why"][0] == {"id": str(gone.id), "who": "Dana Reyes", "why": "This callback is already closed."}
    assert answer["why"][1]["why"] == "There is no such callback."
    assert holders()[here.id] == bob.id


def test_all_of_a_filter_and_nothing_else(sofia: User, alice: User, bob: User, as_: As) -> None:
    with transaction():
        db.session.add_all(many_callbacks(240))
    order = {"verb": "assign", "all": True, "filters": {"queue": "sales"}, "to": str(bob.id)}
    answer = told(as_(sofia).post("/callbacks/bulk", json=order))
    assert (answer["done"], answer["refused"]) == (80, 0)
    db.session.rollback()
    given = db.session.execute(sa.select(Callback.queue, Callback.assigned_to_id).distinct()).all()
    assert set(map(tuple, given)) == {("sales", bob.id), ("support", None), ("billing", None)}


@pytest.mark.parametrize("filters", [{"queue": "sales", "holder": "x"}, {"tab": "all"}, None, "all", {"due": "never"}])
def test_a_filter_that_is_not_understood_never_means_all(sofia: User, bob: User, as_: As, filters: Any) -> None:
    make_callback()
    order = {"verb": "assign", "all": True, "filters": filters, "to": str(bob.id)}
    answer = as_(sofia).post("/callbacks/bulk", json=order)
    assert answer.status_code == 422
    assert answer.json["error"]["fields"].keys() == {"filters"}
    assert set(holders().values()) == {None}


def test_giving_back_takes_it_from_whoever_had_it(sofia: User, alice: User, bob: User, as_: As) -> None:
    claimed = make_callback("+306944000001", state=CallbackState.CLAIMED, claimed_by_id=alice.id)
    given = make_callback("+306944000002", assigned_to_id=bob.id)
    order = {"verb": "release", "ids": [str(claimed.id), str(given.id)]}
    assert told(as_(sofia).post("/callbacks/bulk", json=order))["done"] == 2
    assert set(holders().values()) == {None}
    assert db.session.get_one(Callback, claimed.id).state is CallbackState.OPEN


def test_dismissing_many_needs_a_reason_and_leaves_what_somebody_is_on(sofia: User, alice: User, as_: As) -> None:
    free = make_callback("+306944000001")
    taken = make_callback("+306944000002", state=CallbackState.CLAIMED, claimed_by_id=alice.id)
    order = {"verb": "dismiss", "ids": [str(free.id), str(taken.id)]}
    refused = as_(sofia).post("/callbacks/bulk", json=order)
    assert refused.status_code == 422
    assert set(refused.json["error"]["fields"]) == {"reason"}
    answer = told(as_(sofia).post("/callbacks/bulk", json=order | {"reason": "Fair cancelled"}))
    assert (answer["done"], answer["why"][0]["why"]) == (1, "Alice Martin is already on it.")
    db.session.rollback()
    closed = db.session.get_one(Callback, free.id)
    assert (closed.closed_as, closed.reason, closed.closed_by_id) == (ClosedAs.DISMISSED, "Fair cancelled", sofia.id)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"verb": "sell"}, "verb"),
        ({"ids": "all"}, "ids"),
        ({"ids": ["x"]}, "ids"),
        ({"to": None}, "to"),
        ({"to": str(UUID(int=1))}, "to"),
        ({"to": "x"}, "to"),
    ],
)
def test_what_cannot_be_used_is_named(sofia: User, bob: User, as_: As, wrong: dict[str, Any], field: str) -> None:
    order = {"verb": "assign", "ids": [str(make_callback().id)], "to": str(bob.id)} | wrong
    answer = as_(sofia).post("/callbacks/bulk", json=order)
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {field}


def test_agents_do_not_give_work_to_others(alice: User, bob: User, as_: As) -> None:
    order = {"verb": "assign", "ids": [str(make_callback().id)], "to": str(bob.id)}
    assert as_(alice).post("/callbacks/bulk", json=order).status_code == 403


def test_who_may_dismiss_none_dismisses_not_many(sofia: User, as_: As) -> None:
    callback = make_callback()
    with transaction():
        for role in db.session.merge(sofia).roles:
            role.permissions = [each for each in role.permissions if each != Permission.CALLBACK_DISMISS.value]
    order = {"verb": "dismiss", "ids": [str(callback.id)], "reason": "Spam"}
    assert as_(sofia).post("/callbacks/bulk", json=order).status_code == 403
    db.session.rollback()
    assert db.session.get_one(Callback, callback.id).is_open


def test_all_is_not_more_than_can_be_named(sofia: User, bob: User, as_: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST_CHOSEN", 2)
    order = {"verb": "assign", "all": True, "filters": {}, "to": str(bob.id)}
    for position in range(3):
        make_callback(f"+30694400000{position}")
    answer = as_(sofia).post("/callbacks/bulk", json=order)
    assert (answer.status_code, answer.json["error"]["fields"].keys()) == (422, {"filters"})
    assert set(holders().values()) == {None}
