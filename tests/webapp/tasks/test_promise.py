""" "We call you on Tuesday at three": in the callee's time, whosever it is, kept or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import Direction
from tests.factories import make_party
from tests.webapp.tasks.callers import NINE, after, ended, entries, entry, story
from webapp.accounts.actions import set_head
from webapp.accounts.models import User
from webapp.db import db, transaction
from webapp.errors import Conflict, Invalid
from webapp.notices.models import Notice
from webapp.tasks import actions, audit, promises
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback, CallbackKind, CallbackState, ClosedAs
from webapp.tasks.promises import Kept, Owner, promise

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def gives_word(app: Flask, alice: User) -> Callable[..., Callback]:
    """Alice says at nine that we call in an hour, unless told otherwise."""

    def give(number: str = "6944000001", when: datetime | None = None, **more: object) -> Callback:
        with transaction():
            values: dict[str, object] = {"by": db.session.merge(alice), "at": NINE} | more
            return promise(number, when or after(60), **values)  # type: ignore[arg-type]

    return give


def kept(at: datetime, **of: object) -> Kept:
    return promises.kept(NINE, after(24 * 60), at=at, **of)  # type: ignore[arg-type]


@pytest.mark.req("N10")
def test_three_oclock_is_three_oclock_at_the_callees(gives_word: Callable[..., Callback]) -> None:
    callback = gives_word("+12125550123", datetime(2026, 11, 24, 15, 0))
    assert callback.promised_for == datetime(2026, 11, 24, 15, 0, tzinfo=NEW_YORK)
    assert (callback.promised_zone, callback.kind) == ("America/New_York", CallbackKind.PROMISE)


@pytest.mark.parametrize(
    ("number", "zone"), [("+306944000001", "Europe/Athens"), ("+18005550123", "America/Adak"), ("+88213300655", "ours")]
)
def test_where_somebody_is_whose_number_may_be_in_many_places_or_in_none(app: Flask, number: str, zone: str) -> None:
    assert promises.zone_of(number) == (app.config["BABEL_DEFAULT_TIMEZONE"] if zone == "ours" else zone)


def test_a_zone_or_an_offset_that_is_given_is_what_counts(gives_word: Callable[..., Callback]) -> None:
    assert gives_word(when=datetime(2026, 11, 24, 15, 0), zone="Asia/Tokyo").promised_for == datetime(
        2026, 11, 24, 6, 0, tzinfo=UTC
    )
    assert gives_word(when=after(90)).promised_for == after(90)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("number", {"number": "nobody"}),
        ("at", {"when": after(-1)}),
        ("at", {"when": after(400 * 24 * 60)}),
        ("zone", {"zone": "Mars/Olympus"}),
        ("note", {"note": "x" * 501}),
        ("note", {"note": "line\nbreak"}),
    ],
)
def test_what_cannot_be_promised_is_named(
    gives_word: Callable[..., Callback], field: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(Invalid) as refused:
        gives_word(**wrong)
    assert set(refused.value.fields) == {field}


def test_alice_is_reminded_before_and_the_head_hears_when_the_word_is_broken(
    gives_word: Callable[..., Callback], alice: User, sofia: User
) -> None:
    with transaction():
        set_head("Sales", db.session.merge(sofia))
    gives_word()
    sweep(at=after(49))
    assert entry().state is CallbackState.WAITING
    for minute in (50, 51, 64):
        sweep(at=after(minute))
    assert entry().state is CallbackState.OPEN
    sweep(at=after(65))
    told = db.session.execute(sa.select(Notice.user_id, Notice.kind).order_by(Notice.at)).all()
    assert [tuple(row) for row in told] == [(alice.id, "callback.promise"), (sofia.id, "callback.overdue")]


def test_anyones_is_nobodys_in_particular(gives_word: Callable[..., Callback], alice: User) -> None:
    assert gives_word(owner=Owner.ANYONE).assigned_to_id is None
    assert gives_word("2310000004").assigned_to_id == alice.id


@pytest.mark.req("N10")
@pytest.mark.parametrize(
    ("minute", "expected"), [(10, Kept(1, 0)), (64, Kept(1, 0)), (66, Kept(0, 1)), (300, Kept(0, 1))]
)
def test_a_word_is_kept_by_whichever_conversation_comes_in_time(
    gives_word: Callable[..., Callback], bob: User, minute: int, expected: Kept
) -> None:
    gives_word()
    ended("1", minute, by=bob, direction=Direction.OUTBOUND)
    assert kept(after(301)) == expected
    assert expected.rate in (1.0, 0.0)


def test_whose_time_has_not_come_counts_neither_way(gives_word: Callable[..., Callback]) -> None:
    gives_word()
    assert kept(after(60)) == Kept(0, 0)
    assert kept(after(60)).rate is None
    assert kept(after(66)) == Kept(0, 1)


def test_withdrawn_in_time_it_was_not_broken_and_later_it_was(gives_word: Callable[..., Callback], alice: User) -> None:
    for number, minute in (("6944000001", 30), ("6944000002", 80)):
        callback = gives_word(number)
        with transaction():
            found = db.session.get_one(Callback, callback.id)
            actions.dismiss(found, db.session.merge(alice), "Wrote a mail", at=after(minute))
    assert kept(after(100)) == Kept(0, 1)


def test_rates_are_of_a_person_or_of_a_team(
    gives_word: Callable[..., Callback], alice: User, bob: User, charlie: User
) -> None:
    gives_word("6944000001")
    gives_word("6944000002", by=charlie)
    ended("1", 10, number="6944000001", by=bob)
    assert kept(after(100)) == Kept(1, 1)
    assert kept(after(100), by=[alice.id]) == Kept(1, 0)
    assert kept(after(100), team_id=charlie.team_id) == Kept(0, 1)


def test_a_new_word_replaces_the_old_one_and_what_was_missed_goes_on_in_it(
    gives_word: Callable[..., Callback],
) -> None:
    ended("0", -30)
    gives_word()
    gives_word(when=after(120), at=after(10))
    assert story() == [((), "merged", ""), ((), "merged", ""), (("0",), "waiting", "")]
    last = entries()[-1]
    assert (last.promised_for, last.missed) == (after(120), 1)
    assert kept(after(100)) == Kept(0, 0)
    assert audit.problems() == []


def test_ringing_unanswered_before_the_moment_makes_it_urgent(gives_word: Callable[..., Callback], bob: User) -> None:
    gives_word(when=after(600))
    ended("1", 10)
    assert (entry().state, entry().due_at, entry().missed) == (CallbackState.OPEN, after(41), 1)
    ended("2", 15, by=bob)
    assert entry().closed_as is ClosedAs.RANG_IN
    assert kept(after(700)) == Kept(1, 0)


def test_a_conversation_of_before_the_word_does_not_keep_it(gives_word: Callable[..., Callback], bob: User) -> None:
    gives_word()
    ended("1", -5, by=bob)  # told late: the very one in which the word was given
    assert entry().is_open


def test_nobody_promises_over_the_head_of_who_is_on_it(gives_word: Callable[..., Callback], bob: User) -> None:
    ended("1", -30)
    with transaction():
        actions.claim(db.session.get_one(Callback, entry().id), bob, at=NINE)
    with pytest.raises(Conflict, match="Bob Keller"):
        gives_word()


def test_it_bears_the_name_of_whose_number_it_is(gives_word: Callable[..., Callback]) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    assert gives_word().party_id == dana.id
    assert gives_word("2310000004").promised_for - NINE == timedelta(hours=1)
