"""Nobody's phone rings twice at once: as long as Alice calls Dana, Bob does not."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask

from telephony.events import CallEnded, Caller, CallSummary, Direction, Result
from telephony.fake.switch import FakeSwitch
from tests.webapp.tasks.callers import DANA, after, ended, entry
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call
from webapp.db import db, transaction
from webapp.errors import Conflict
from webapp.tasks import actions, audit
from webapp.tasks.models import Callback, CallbackState, QueuePolicy


def calls_back(user: User, key: str) -> UUID:
    with transaction():
        return actions.call_back(db.session.get_one(Callback, entry().id), db.session.merge(user), key).id


def is_busy(call_id: UUID) -> None:
    call = db.session.get_one(Call, call_id)
    summary = CallSummary(
        uid=call.uid, linkedid=call.uid, direction=Direction.OUTBOUND, customer=Caller(DANA), result=Result.BUSY,
        started_at=call.started_at, ended_at=call.started_at,
    )  # fmt: skip
    capture.record(CallEnded(uid=call.uid, at=call.started_at, summary=summary), switch="main")


def taken_over(callback_id: UUID, user: User | None) -> None:
    """As a row of before this rule may stand."""
    with transaction():
        callback = db.session.get_one(Callback, callback_id)
        callback.state = CallbackState.CLAIMED if user else CallbackState.OPEN
        callback.claimed_by_id = user.id if user else None
        callback.claimed_until = after(60 * 24 * 3650) if user else None


def test_who_calls_cannot_give_it_away_before_the_call_is_over(app: Flask, alice: User, switch: FakeSwitch) -> None:
    ended("1", 0)
    call_id = calls_back(alice, "k1")
    with pytest.raises(Conflict, match="Alice Martin is calling"), transaction():
        actions.release(db.session.get_one(Callback, entry().id), db.session.merge(alice))
    assert entry().claimed_by_id == alice.id
    is_busy(call_id)
    assert entry().state is CallbackState.WAITING
    assert audit.problems() == []


def test_what_is_called_is_not_free_though_nobody_has_claimed_it(
    app: Flask, alice: User, bob: User, switch: FakeSwitch
) -> None:
    ended("1", 0)
    calls_back(alice, "k1")
    taken_over(entry().id, None)
    with pytest.raises(Conflict, match="Alice Martin is calling"), transaction():
        actions.claim(db.session.get_one(Callback, entry().id), db.session.merge(bob))
    with transaction():
        actions.claim(db.session.get_one(Callback, entry().id), db.session.merge(alice))
    assert entry().claimed_by_id == alice.id


@pytest.mark.parametrize("retries", [[5, 30], []])
def test_the_vain_end_of_one_call_takes_it_from_nobody_else(
    app: Flask, alice: User, bob: User, switch: FakeSwitch, retries: list[int]
) -> None:
    with transaction():
        db.session.add(QueuePolicy(queue="", zone="UTC", retry_minutes=retries))
    ended("1", 0)
    call_id = calls_back(alice, "k1")
    taken_over(entry().id, bob)
    is_busy(call_id)
    assert (entry().state, entry().claimed_by_id, entry().attempts) == (CallbackState.CLAIMED, bob.id, 1)
    assert audit.problems() == []
