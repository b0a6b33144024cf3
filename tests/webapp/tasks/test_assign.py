"""Whose it is: the contact's owner, else who talked with them last, else whose turn it is; or whom somebody says."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import Direction
from tests.factories import make_call, make_callback, make_party
from tests.webapp.tasks.callers import after, ended, entries, entry
from webapp.accounts.actions import add_absence, logged_in, logged_out, set_head
from webapp.accounts.models import User
from webapp.calls.models import CallState
from webapp.contacts.actions import set_owner
from webapp.db import db, now, transaction
from webapp.errors import Conflict, Invalid
from webapp.notices.models import Notice
from webapp.tasks import actions
from webapp.tasks.jobs import find_owners
from webapp.tasks.models import Callback, CallbackAttempt, CallbackState
from webapp.tasks.people import is_answered_for_by
from webapp.tasks.promises import promise


@pytest.fixture(autouse=True)
def _at_work(alice: User, bob: User, charlie: User) -> None:
    with transaction():
        for user in (alice, bob, charlie):
            logged_in(db.session.merge(user))


def goes_home(user: User) -> None:
    with transaction():
        logged_out(db.session.merge(user))


def falls_ill(user: User) -> None:
    with transaction():
        add_absence(db.session.merge(user), now() - timedelta(hours=1), now() + timedelta(days=3))


def whose() -> tuple[str, str]:
    callback = entries()[-1]
    return (callback.assigned_to.username if callback.assigned_to else "", callback.assigned_by)


@pytest.fixture
def danas_owner(charlie: User) -> User:
    dana = make_party("Dana Reyes", "+306944000001")
    with transaction():
        set_owner(db.session.merge(dana), charlie)
    return charlie


def test_the_contacts_owner_comes_first(app: Flask, danas_owner: User, bob: User) -> None:
    ended("0", -10, by=bob)
    ended("1", 0, rang=(bob,))
    assert whose() == ("charlie", "owner")


@pytest.mark.parametrize("leaves", [goes_home, falls_ill])
def test_an_owner_who_is_not_here_is_left_out(app: Flask, danas_owner: User, bob: User, leaves: object) -> None:
    leaves(danas_owner)  # type: ignore[operator]
    ended("0", -10, by=bob)
    ended("1", 0)
    assert whose() == ("bob", "last_agent")


def test_who_talked_last_comes_before_whose_turn_it_is(app: Flask, alice: User, bob: User) -> None:
    ended("0", -20, by=bob)
    ended("1", -10, by=alice, direction=Direction.OUTBOUND)
    ended("2", 0, rang=(bob,))
    assert whose() == ("alice", "last_agent")


def test_they_take_turns_and_only_those_who_serve_the_queue(app: Flask, alice: User, bob: User) -> None:
    make_call(ringing=(alice, bob))
    with transaction():
        db.session.execute(sa.text("UPDATE leg SET queue = 'sales'"))
    got = []
    for number in range(4):
        ended(f"{number}", number, number=f"231000000{number}")
        got.append(whose())
    assert got == [("alice", "turn"), ("bob", "turn")] * 2


def test_with_nobody_here_it_is_everybodys_until_the_owner_comes(
    app: Flask, danas_owner: User, alice: User, bob: User
) -> None:
    for user in (alice, bob, danas_owner):
        goes_home(user)
    ended("1", 0)
    assert whose() == ("", "")
    with transaction():
        logged_in(db.session.merge(alice))
    find_owners()
    assert whose() == ("", ""), "what came in the night is not heaped on the first who comes"
    with transaction():
        logged_in(db.session.merge(danas_owner))
    find_owners()
    assert whose() == ("charlie", "owner")


def test_somebody_decides_and_the_new_owner_hears_of_it(app: Flask, bob: User, sofia: User) -> None:
    callback = make_callback()
    with transaction():
        actions.assign(db.session.get_one(Callback, callback.id), bob, sofia)
    assert whose() == ("bob", "person")
    (notice,) = db.session.scalars(sa.select(Notice))
    assert (notice.user_id, notice.kind, notice.facts["by"]) == (bob.id, "callback.assigned", "Sofia Head")


def test_whoever_had_claimed_it_is_told_and_has_it_no_more(app: Flask, alice: User, bob: User, sofia: User) -> None:
    callback = make_callback()
    with transaction():
        actions.claim(db.session.get_one(Callback, callback.id), alice)
    with transaction():
        actions.assign(db.session.get_one(Callback, callback.id), bob, sofia)
    assert (entry().state, entry().claimed_by_id, whose()) == (CallbackState.OPEN, None, ("bob", "person"))
    assert {(notice.user_id, notice.kind) for notice in db.session.scalars(sa.select(Notice))} == {
        (alice.id, "callback.taken"), (bob.id, "callback.assigned")
    }  # fmt: skip


def test_who_is_calling_them_this_moment_is_not_interrupted(app: Flask, alice: User, bob: User, sofia: User) -> None:
    callback = make_callback()
    call = make_call(direction=Direction.OUTBOUND, state=CallState.RINGING, ringing=(alice,))
    with transaction():
        actions.claim(db.session.get_one(Callback, callback.id), alice)
        db.session.add(CallbackAttempt(call_id=call.id, callback_id=callback.id, by_id=alice.id))
    with pytest.raises(Conflict, match="Alice Martin is calling them now"), transaction():
        actions.assign(db.session.get_one(Callback, callback.id), bob, sofia)
    assert entry().claimed_by_id == alice.id


def test_nobody_who_is_away_or_gone_is_given_any(app: Flask, bob: User, sofia: User) -> None:
    callback = make_callback()
    falls_ill(bob)
    with pytest.raises(Invalid) as refused, transaction():
        actions.assign(db.session.get_one(Callback, callback.id), bob, sofia)
    assert refused.value.fields == {"to": "Bob Keller is absent."}
    with transaction():
        db.session.merge(bob).active = False
    with pytest.raises(Invalid, match="may not call back"), transaction():
        actions.assign_many([callback.id], db.session.merge(bob), sofia)


def test_of_many_each_is_assigned_or_says_why_not(app: Flask, alice: User, bob: User, sofia: User) -> None:
    free, closed, busy = (make_callback(f"+30694400000{number}") for number in (1, 2, 3))
    call = make_call(direction=Direction.OUTBOUND, state=CallState.RINGING, ringing=(alice,))
    with transaction():
        actions.dismiss(db.session.get_one(Callback, closed.id), alice, "Spam")
        actions.claim(db.session.get_one(Callback, busy.id), alice)
        db.session.add(CallbackAttempt(call_id=call.id, callback_id=busy.id, by_id=alice.id))
    nowhere = uuid4()
    with transaction():
        refused = actions.assign_many([free.id, closed.id, busy.id, nowhere, free.id], bob, sofia)
    assert {(refusal.callback_id, refusal.reason) for refusal in refused} == {
        (closed.id, "This callback is already closed."),
        (busy.id, "Alice Martin is calling them now."),
        (nowhere, "There is no such callback."),
    }
    assert [callback.assigned_to_id for callback in entries() if callback.id == free.id] == [bob.id]
    assert after(0) < now()


def test_a_head_answers_for_what_the_team_has_and_for_what_is_nobodys(
    app: Flask, alice: User, charlie: User, sofia: User
) -> None:
    with transaction():
        set_head("Sales", db.session.merge(sofia))
    theirs = make_callback("+306944000001", assigned_to_id=alice.id)
    nobodys = make_callback("+306944000002")
    make_callback("+306944000003", assigned_to_id=charlie.id)
    taken = make_callback("+306944000004", assigned_to_id=charlie.id, claimed_by_id=alice.id)
    found = db.session.scalars(sa.select(Callback.id).where(is_answered_for_by(sofia)))
    assert set(found) == {theirs.id, nobodys.id, taken.id}


def test_who_is_ill_today_keeps_what_they_promised_for_the_day_after_next_week(
    app: Flask, alice: User, bob: User
) -> None:
    with transaction():
        promised = promise("+306944000009", now() + timedelta(days=7), by=db.session.merge(alice))
        soon = promise("+306944000008", now() + timedelta(days=2), by=db.session.merge(alice))
    falls_ill(alice)
    find_owners()
    db.session.rollback()
    assert db.session.get_one(Callback, promised.id).assigned_to_id == alice.id
    assert db.session.get_one(Callback, soon.id).assigned_to_id != alice.id
