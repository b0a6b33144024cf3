"""Reminders, overdue, the second step: who is told, when, and once. The clock is an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from config.settings import Settings
from tests.factories import make_callback
from tests.webapp.tasks.callers import NINE, after, ended, entry, together
from webapp.accounts.actions import add_absence, logged_in, set_head
from webapp.accounts.models import User
from webapp.app import create_app
from webapp.db import db, transaction
from webapp.notices import queries as notices
from webapp.notices.models import Notice
from webapp.tasks import actions
from webapp.tasks.jobs import find_owners, sweep
from webapp.tasks.models import Callback, CallbackState, QueuePolicy

ATHENS = ZoneInfo("Europe/Athens")
HOURS = {str(day): [["09:00", "18:00"]] for day in range(5)}


def told(kind: str = "") -> list[tuple[str, str]]:
    """Who was told what, in the order of time."""
    db.session.rollback()
    query = (
        sa.select(User.username, Notice.kind).join(User, User.id == Notice.user_id).order_by(Notice.at, User.username)
    )
    return [(who, what) for who, what in db.session.execute(query) if not kind or what == kind]


@pytest.fixture
def head(sofia: User, alice: User) -> User:
    with transaction():
        set_head("Sales", db.session.merge(sofia))
    return sofia


def assigned(to: User, **columns: object) -> Callback:
    """Whoever called at nine and was talked to by nobody."""
    moments = {"first_missed_at": NINE, "last_missed_at": NINE, "due_at": after(30), "remind_at": after(15)}
    return make_callback(**(moments | {"assigned_to_id": to.id} | columns))


@pytest.mark.req("R59")
def test_whoever_has_it_is_reminded_after_15_20_and_30_minutes_each_once(app: Flask, alice: User) -> None:
    with transaction():
        logged_in(db.session.merge(alice))
    ended("1", -1, rang=(alice,))
    for minute in (14, 15, 15.1, 19, 20, 21, 29.9, 30, 31):
        sweep(at=after(minute))
    moments = db.session.scalars(sa.select(Notice.at).where(Notice.kind == "callback.reminder").order_by(Notice.at))
    assert list(moments) == [after(15), after(20), after(30)]
    assert told("callback.reminder") == [("alice", "callback.reminder")] * 3


@pytest.mark.req("R59")
@pytest.mark.parametrize("minutes", [15, 20, 30])
def test_the_deadline_itself_may_be_15_20_or_30_minutes(app: Flask, minutes: int) -> None:
    with transaction():
        db.session.add(QueuePolicy(queue="sales", zone="UTC", callback_minutes=minutes))
    ended("1", -1)
    assert entry().due_at == after(minutes)


def test_what_is_nobodys_is_told_to_all_who_may_work_it(app: Flask, alice: User, bob: User, charlie: User) -> None:
    ended("1", -1, rang=(alice, bob))
    sweep(at=after(15))
    assert told() == [("alice", "callback.reminder"), ("bob", "callback.reminder")], "Charlie serves another queue"


@pytest.mark.req("R60")
def test_overdue_tells_the_head_within_ten_seconds_and_once(app: Flask, alice: User, head: User) -> None:
    assigned(alice)
    sweep(at=after(30) - timedelta(seconds=1))
    assert told("callback.overdue") == []
    for second in range(0, 20, 2):
        sweep(at=after(30) + timedelta(seconds=second))
    assert told("callback.overdue") == [("sofia", "callback.overdue")]
    (notice,) = notices.unread(db.session.merge(head), size=9)
    assert notice.at - after(30) < timedelta(seconds=10)
    assert entry().overdue_told_at == after(30)


@pytest.mark.req("R60")
def test_a_restart_across_the_moment_loses_and_doubles_nothing(
    app: Flask, settings: Settings, alice: User, head: User
) -> None:
    assigned(alice, remind_at=None)
    sweep(at=after(29.9))
    db.session.remove()
    again = create_app(settings)  # the program that was started after the moment had passed
    with again.app_context():
        sweep(at=after(30.1))
        sweep(at=after(30.2))
        db.session.remove()
        db.engine.dispose()
    assert told() == [("sofia", "callback.overdue")]


def test_after_a_while_those_above_are_told_too(
    app: Flask, alice: User, head: User, person: Callable[..., User]
) -> None:
    person("ada", "Ada Admin", role="admin", lines=())
    person("sven", "Sven Second", role="supervisor", lines=())
    assigned(alice, remind_at=None)
    for minute in (30, 59, 60, 61):
        sweep(at=after(minute))
    assert told() == [
        ("sofia", "callback.overdue"), ("ada", "callback.still_overdue"), ("sven", "callback.still_overdue")
    ]  # fmt: skip


def test_who_is_above_and_away_is_not_told(app: Flask, alice: User, head: User, person: Callable[..., User]) -> None:
    person("ada", "Ada Admin", role="admin", lines=())
    sven = person("sven", "Sven Second", role="supervisor", lines=())
    with transaction():
        add_absence(db.session.merge(sven), NINE - timedelta(days=1), NINE + timedelta(days=1))
    assigned(alice, remind_at=None)
    for minute in (30, 60):
        sweep(at=after(minute))
    assert told("callback.still_overdue") == [("ada", "callback.still_overdue")]


def test_many_sweeps_at_once_tell_it_once(installed_app: Flask, app: Flask, alice: User, head: User) -> None:
    for number in range(5):
        assigned(alice, number=f"+30694400000{number}", remind_at=after(29))
    db.session.rollback()
    together(installed_app, 8, lambda _position: sweep(at=after(30)))
    assert sorted(told()) == [("alice", "callback.reminder")] * 5 + [("sofia", "callback.overdue")] * 5


def test_without_a_team_it_is_the_heads_of_those_who_serve_the_queue(
    app: Flask, alice: User, charlie: User, head: User
) -> None:
    with transaction():
        set_head("Support", db.session.merge(charlie))
    ended("1", -1, rang=(alice,))
    sweep(at=after(31))
    assert told("callback.overdue") == [("sofia", "callback.overdue")]


def test_who_stands_in_for_a_head_who_is_away(app: Flask, alice: User, head: User, person: Callable[..., User]) -> None:
    person("ada", "Ada Admin", role="admin", lines=())
    assigned(alice, remind_at=None)
    with transaction():
        add_absence(db.session.merge(head), NINE - timedelta(days=1), NINE + timedelta(days=1))
    sweep(at=after(31))
    assert told() == [("ada", "callback.overdue")]


def test_who_is_absent_is_not_reminded_and_keeps_nothing(app: Flask, alice: User, bob: User) -> None:
    with transaction():
        for user in (alice, bob):
            logged_in(db.session.merge(user))
        add_absence(db.session.merge(alice), after(5), after(600), "ill")
    assigned(alice)
    find_owners(at=after(4))
    assert entry().assigned_to_id == alice.id
    find_owners(at=after(6))
    assert (entry().assigned_to_id, entry().assigned_by) == (bob.id, "turn")
    sweep(at=after(15))
    assert told() == [("bob", "callback.reminder")]


def test_a_closed_one_says_nothing_more(app: Flask, alice: User, bob: User, head: User) -> None:
    ended("1", -1, rang=(alice,))
    ended("2", 5, by=bob)
    sweep(at=after(100))
    assert told() == []


def test_being_given_a_later_time_it_is_overdue_anew(app: Flask, alice: User, head: User) -> None:
    with transaction():
        db.session.add(QueuePolicy(queue="", zone="UTC", retry_minutes=[60]))
    callback = assigned(alice, remind_at=None)
    sweep(at=after(30))
    with transaction():
        from webapp.tasks.ledger import _wait

        found = db.session.get_one(Callback, callback.id)
        found.attempts = 1
        _wait(found, after(40))
    assert (entry().state, entry().due_at) == (CallbackState.WAITING, after(100 + 30))
    sweep(at=after(129))
    assert len(told("callback.overdue")) == 1
    sweep(at=after(131))
    assert len(told("callback.overdue")) == 2


def test_a_reminder_that_comes_much_too_late_says_nothing_new(app: Flask, alice: User, head: User) -> None:
    assigned(alice)
    sweep(at=after(26))
    assert told() == []
    sweep(at=after(31))
    assert told() == [("alice", "callback.reminder"), ("sofia", "callback.overdue")]


def test_an_earlier_call_that_is_told_late_does_not_tell_the_head_again(app: Flask, alice: User, head: User) -> None:
    ended("1", -1, rang=(alice,))
    sweep(at=after(31))
    ended("0", -60)
    assert entry().due_at == after(-59 + 30)
    sweep(at=after(32))
    assert told("callback.overdue") == [("sofia", "callback.overdue")]


@pytest.mark.req("R60")
def test_missed_on_friday_at_ten_to_six_it_is_overdue_on_monday_at_five_past_nine(
    app: Flask, alice: User, head: User
) -> None:
    with transaction():
        db.session.add(QueuePolicy(queue="sales", zone="Europe/Athens", hours=HOURS, callback_minutes=15))
    friday = datetime(2026, 11, 27, 17, 49, tzinfo=ATHENS)
    monday = datetime(2026, 11, 30, 9, 5, tzinfo=ATHENS)
    ended("1", (friday - NINE) / timedelta(minutes=1), rang=(alice,))
    assert entry().due_at == monday
    for moment in (friday + timedelta(hours=20), monday - timedelta(seconds=1)):
        sweep(at=moment)
        assert told("callback.overdue") == []
    sweep(at=monday)
    assert told("callback.overdue") == [("sofia", "callback.overdue")]


def test_a_reminder_is_read_in_the_readers_language_and_stays_until_then(app: Flask, alice: User, head: User) -> None:
    from flask_babel import force_locale

    from webapp.notices import texts

    assigned(alice)
    sweep(at=after(30))
    (notice,) = notices.unread(db.session.merge(head), size=9)
    with force_locale("el"):
        greek = texts.title(notice.kind, notice.facts)
    assert "+30 694 400 0001" in greek or "694" in greek
    assert notices.how_many_unread(head) == 1
    with transaction():
        actions.dismiss(db.session.get_one(Callback, entry().id), db.session.merge(alice), "Spam")
    assert notices.how_many_unread(head) == 1


def test_an_overdue_caller_without_a_number_is_named_as_such(app: Flask, alice: User, head: User) -> None:
    from webapp.notices import texts

    assigned(alice, number=None, number_raw="")
    sweep(at=after(60))
    (notice,) = [each for each in notices.unread(db.session.merge(head), size=9) if each.kind == "callback.overdue"]
    assert texts.title(notice.kind, notice.facts) == "Overdue: Number withheld"
