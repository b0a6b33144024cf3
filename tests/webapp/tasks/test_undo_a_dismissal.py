"""Who dismissed somebody by mistake takes it back, and it stands as if it had never been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_callback
from tests.webapp.tasks.callers import DANA_E164, after, ended
from webapp.accounts.models import User
from webapp.db import db, now, transaction
from webapp.errors import Conflict
from webapp.tasks import actions, audit, corrections
from webapp.tasks.models import Callback, CallbackState, ClosedAs

JSON = {"Accept": "application/json"}


def entries() -> list[Callback]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Callback).order_by(Callback.first_missed_at)).unique())


def dismiss(entry: Callback, by: User) -> None:
    with transaction():
        actions.dismiss(db.session.get_one(Callback, entry.id), db.session.merge(by), "Spam", at=after(2))


def undo(entry: Callback) -> None:
    with transaction():
        corrections.undo_dismissal(db.session.get_one(Callback, entry.id))


def test_they_are_in_the_list_again_and_nobody_is_on_it(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    entry = make_callback(due_at=now() + timedelta(minutes=9), claimed_by_id=alice.id)
    browser = as_(alice)
    assert browser.post(f"/callbacks/{entry.id}/dismiss", data={"reason": "Spam"}, headers=JSON).status_code == 204
    assert "Take up again" in browser.get("/callbacks?tab=closed").text

    assert browser.post(f"/callbacks/{entry.id}/restore", data={}, headers=JSON).status_code == 204

    [again] = entries()
    assert (again.state, again.closed_as, again.closed_by_id, again.reason) == (CallbackState.OPEN, None, None, "")
    assert (again.claimed_by_id, again.open_key) == (None, f"tel:{again.number}")


def test_whoever_called_again_meanwhile_is_one_entry(app: Flask, alice: User) -> None:
    ended("1", 0)
    [entry] = entries()
    dismiss(entry, alice)
    ended("2", 5)
    undo(entry)
    still, gone = sorted(entries(), key=lambda each: not each.is_open)
    assert (still.missed, still.first_missed_at, gone.closed_as) == (2, after(1), ClosedAs.MERGED)
    assert audit.problems() == []


def test_whom_somebody_talked_to_meanwhile_needs_no_call(app: Flask, alice: User) -> None:
    ended("1", 0)
    [entry] = entries()
    dismiss(entry, alice)
    ended("2", 5, by=alice)
    undo(entry)
    [closed] = entries()
    assert (closed.number, closed.closed_as, closed.reason) == (DANA_E164, ClosedAs.RANG_IN, "")


def test_only_a_dismissal_is_taken_back(app: Flask, alice: User) -> None:
    ended("1", 0)
    ended("2", 5, by=alice)
    [closed] = entries()
    with pytest.raises(Conflict):
        undo(closed)
