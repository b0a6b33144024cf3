"""Ill or on holiday: from when until when, told at the command line."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from webapp.accounts.actions import add_absence, logged_in
from webapp.accounts.models import Absence, User
from webapp.accounts.queries import absence_of, absent_ids, by_username, present
from webapp.cli import main
from webapp.db import db, transaction
from webapp.errors import Invalid

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def away(user: User, first: int, last: int) -> None:
    with transaction():
        add_absence(db.session.merge(user), MONDAY + timedelta(days=first), MONDAY + timedelta(days=last))


def test_from_the_beginning_until_the_end_and_no_longer(app: Flask, alice: User) -> None:
    away(alice, 1, 3)
    assert [alice.id in absent_ids(MONDAY + timedelta(days=day)) for day in (0, 1, 2, 3)] == [False, True, True, False]


def test_present_is_who_is_employed_not_away_and_logged_in(app: Flask, alice: User, bob: User, charlie: User) -> None:
    with transaction():
        for user in (alice, bob):
            logged_in(db.session.merge(user))
    away(alice, 0, 1)
    people = [db.session.merge(user) for user in (alice, bob, charlie)]
    assert [user.username for user in present(people, MONDAY)] == ["bob"]
    assert [user.username for user in present(people, MONDAY + timedelta(days=1))] == ["alice", "bob"]


def test_it_cannot_end_before_it_begins(app: Flask, alice: User) -> None:
    with pytest.raises(Invalid) as refused:
        away(alice, 1, 1)
    assert set(refused.value.fields) == {"until"}


@pytest.fixture
def command(tmp_path: Path) -> CliRunner:
    env: dict[str, str | None] = {name: None for name in os.environ if name.startswith("RINGBACK_")}
    env |= {"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_TIMEZONE": "Europe/Athens", "RINGBACK_LOG_LEVEL": "WARNING"}
    runner = CliRunner(env=env)
    added = runner.invoke(
        main, ["user", "add", "alice", "--name", "Alice", "--password-file", "-"], input="a long password"
    )
    assert added.exit_code == 0, added.output
    return runner


def test_a_day_is_the_whole_day_of_the_firm(command: CliRunner) -> None:
    told = command.invoke(
        main, ["user", "absent", "alice", "--from", "2026-12-01", "--until", "2026-12-02", "--note", "flu"]
    )
    assert told.exit_code == 0, told.output
    assert "Alice is absent from 2026-12-01 00:00 until 2026-12-03 00:00 (Europe/Athens)" in told.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nobody", "--from", "2026-12-01", "--until", "2026-12-02"], "nobody is called nobody"),
        (["alice", "--from", "1.12.2026", "--until", "2026-12-02"], "--from"),
        (["alice", "--from", "2026-12-01", "--until", "later"], "--until"),
        (["alice", "--from", "2026-12-02T15:00", "--until", "2026-12-02T14:00"], "until"),
    ],
)
def test_what_is_wrong_is_said(command: CliRunner, arguments: list[str], named: str) -> None:
    told = command.invoke(main, ["user", "absent", *arguments])
    assert told.exit_code != 0
    assert named in told.output


def test_what_overlaps_is_refused_and_what_follows_is_not(app: Flask, alice: User, bob: User) -> None:
    away(alice, 1, 3)
    for first, last in ((0, 2), (2, 4), (1, 3), (0, 9), (2, 3)):
        with pytest.raises(Invalid) as refused:
            away(alice, first, last)
        assert set(refused.value.fields) == {"from"}
    away(alice, 0, 1)
    away(alice, 3, 4)
    away(bob, 1, 3)


def test_of_several_the_longest_is_the_one(app: Flask, alice: User) -> None:
    """As older versions let them be written."""
    with transaction():
        for days in (2, 5):
            db.session.add(Absence(user_id=alice.id, begins_at=MONDAY, ends_at=MONDAY + timedelta(days=days)))
    found = absence_of(alice, MONDAY)
    assert found is not None
    assert found.ends_at == MONDAY + timedelta(days=5)
    assert by_username("alice") is not None
