"""A claim is a lease: one has it, until it runs out or is given back; nobody else calls meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from telephony.events import Direction
from tests.factories import make_call, make_callback
from tests.webapp.tasks.callers import NINE, after, entry, together
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction
from webapp.errors import Conflict
from webapp.tasks import actions
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback, CallbackAttempt, CallbackState

AGENTS = 50


def claim(callback: Callback, by: User, minute: float) -> None:
    with transaction():
        actions.claim(db.session.get_one(Callback, callback.id), by, at=after(minute))


def calls_up(callback: Callback, by: User) -> None:
    """A call that was made for it is still going on."""
    call = make_call(direction=Direction.OUTBOUND, state=CallState.RINGING, ringing=(by,), started_at=NINE)
    with transaction():
        db.session.add(CallbackAttempt(call_id=call.id, callback_id=callback.id, by_id=by.id))


def test_a_claim_that_runs_out_falls_to_whoever_asks_next(app: Flask, alice: User, bob: User) -> None:
    callback = make_callback(due_at=after(30))
    claim(callback, alice, 0)
    with pytest.raises(Conflict, match="Alice Martin is already on it"):
        claim(callback, bob, 9)
    claim(callback, bob, 11)
    assert entry().claimed_by_id == bob.id


def test_renewing_keeps_it_and_only_the_claimer_renews(app: Flask, alice: User, bob: User) -> None:
    callback = make_callback(due_at=after(30))
    claim(callback, alice, 0)
    with transaction():
        actions.renew(db.session.get_one(Callback, callback.id), alice, at=after(9))
    with pytest.raises(Conflict):
        claim(callback, bob, 11)
    with pytest.raises(Conflict, match="not yours"), transaction():
        actions.renew(db.session.get_one(Callback, callback.id), bob, at=after(11))
    assert entry().claimed_until == after(19)


def test_the_sweep_gives_back_what_was_left_lying(app: Flask, alice: User) -> None:
    callback = make_callback(due_at=after(60), first_missed_at=NINE)
    claim(callback, alice, 0)
    sweep(at=after(10))
    assert entry().state is CallbackState.CLAIMED
    sweep(at=after(10.1))
    assert (entry().state, entry().claimed_by_id, entry().claimed_until) == (CallbackState.OPEN, None, None)


def test_while_the_call_is_up_the_claim_holds(app: Flask, alice: User, bob: User) -> None:
    callback = make_callback(due_at=after(90), first_missed_at=NINE)
    claim(callback, alice, 0)
    calls_up(callback, alice)
    sweep(at=after(60))
    with pytest.raises(Conflict, match="Alice Martin"):
        claim(callback, bob, 60)
    assert entry().claimed_by_id == alice.id


def test_a_retry_that_waits_may_be_called_sooner_and_waits_again_when_given_back(app: Flask, alice: User) -> None:
    callback = make_callback(state=CallbackState.WAITING, retry_at=after(30), due_at=after(60))
    claim(callback, alice, 5)
    with transaction():
        actions.release(db.session.get_one(Callback, callback.id), alice, at=after(6))
    assert (entry().state, entry().retry_at) == (CallbackState.WAITING, after(30))


@pytest.fixture
def crowd(person: Callable[..., User]) -> list[User]:
    return [person(f"agent{number}", f"Agent {number}") for number in range(AGENTS)]


@pytest.mark.req("N2")
def test_of_fifty_who_reach_for_it_one_has_it(installed_app: Flask, app: Flask, crowd: list[User]) -> None:
    callback_id, ids, at = make_callback(due_at=now() + timedelta(hours=1)).id, [user.id for user in crowd], now()
    db.session.rollback()

    def reach(position: int) -> str:
        with transaction():
            user = db.session.get_one(User, ids[position])
            actions.claim(db.session.get_one(Callback, callback_id), user, at=at)
        return "has it"

    results = together(installed_app, AGENTS, reach)
    assert results.count("has it") == 1
    winner = ids[results.index("has it")]
    assert sum(isinstance(result, Conflict) for result in results) == AGENTS - 1
    assert entry().claimed_by_id == winner


@pytest.mark.req("N2")
def test_of_fifty_who_call_at_once_one_call_is_made(installed_app: Flask, app: Flask, crowd: list[User]) -> None:
    callback_id, ids = make_callback(due_at=now() + timedelta(hours=1)).id, [user.id for user in crowd]
    db.session.rollback()

    def call(position: int) -> str:
        with transaction():
            user = db.session.get_one(User, ids[position])
            actions.call_back(db.session.get_one(Callback, callback_id), user, str(uuid4()))
        return "calls"

    assert together(installed_app, AGENTS, call).count("calls") == 1
    db.session.rollback()
    assert db.session.query(Call).count() == db.session.query(CallbackAttempt).count() == 1


def test_the_head_takes_it_from_whoever_is_on_it(
    alice: User, person: Callable[..., User], as_: Callable[[User], FlaskClient]
) -> None:
    entry = make_callback(
        state=CallbackState.CLAIMED, claimed_by_id=alice.id, claimed_until=now() + timedelta(minutes=9)
    )
    sofia = as_(person("sofia", "Sofia", role="supervisor"))
    assert f"/callbacks/{entry.id}/take-away" in sofia.get("/callbacks").text
    assert (
        sofia.post(f"/callbacks/{entry.id}/take-away", data={}, headers={"Accept": "application/json"}).status_code
        == 204
    )
    db.session.rollback()
    taken = db.session.get_one(Callback, entry.id)
    assert (taken.state, taken.claimed_by_id) == (CallbackState.OPEN, None)
