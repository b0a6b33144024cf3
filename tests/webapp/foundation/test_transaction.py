"""One place commits; the world hears of a change afterwards, and of nothing that was undone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from webapp import events
from webapp.accounts.models import Team
from webapp.db import db, lock, lock_all, transaction
from webapp.leases import Lease


@dataclass(frozen=True)
class SomethingHappened:
    what: str


@pytest.fixture
def heard(app: Flask) -> Iterator[dict[str, list[str]]]:
    """What subscribers heard, by when they are told. Their registrations end with the test."""
    told: dict[str, list[str]] = {"inside": [], "after": []}
    events.on(SomethingHappened)(lambda event: told["inside"].append(event.what))
    events.after_commit(SomethingHappened)(lambda event: told["after"].append(event.what))
    yield told
    events._inside.pop(SomethingHappened)
    events._after.pop(SomethingHappened)


def teams() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Team.name)))


def test_what_is_written_is_there_afterwards(app: Flask) -> None:
    with transaction():
        db.session.add(Team(name="Sales"))
    assert teams() == {"Sales"}


def test_an_error_undoes_all_of_it_and_nobody_hears(app: Flask, heard: dict[str, list[str]]) -> None:
    with pytest.raises(LookupError), transaction():
        db.session.add(Team(name="Sales"))
        events.publish(SomethingHappened("sale"))
        raise LookupError
    assert teams() == set()
    assert heard["after"] == []


def test_subscribers_inside_join_the_transaction_and_others_hear_after_the_commit(
    app: Flask, heard: dict[str, list[str]]
) -> None:
    with transaction():
        events.publish(SomethingHappened("sale"))
        assert heard == {"inside": ["sale"], "after": []}
    assert heard["after"] == ["sale"]


def test_a_subscriber_that_fails_inside_undoes_the_publisher(app: Flask, heard: dict[str, list[str]]) -> None:
    def refuse(_event: SomethingHappened) -> None:
        raise RuntimeError("no callback could be written")

    events.on(SomethingHappened)(refuse)
    with pytest.raises(RuntimeError), transaction():
        db.session.add(Team(name="Sales"))
        db.session.flush()
        events.publish(SomethingHappened("sale"))
    assert teams() == set()


def test_a_subscriber_that_fails_after_the_commit_fails_alone(app: Flask, heard: dict[str, list[str]]) -> None:
    def fail(_event: SomethingHappened) -> None:
        raise RuntimeError("no socket")

    events._after[SomethingHappened].insert(0, fail)
    with transaction():
        db.session.add(Team(name="Sales"))
        events.publish(SomethingHappened("sale"))
    assert teams() == {"Sales"}
    assert heard["after"] == ["sale"]


def test_many_changes_of_one_transaction_are_told_together_once(app: Flask, heard: dict[str, list[str]]) -> None:
    together: list[list[str]] = []
    events.after_commit_together(SomethingHappened)(lambda all: together.append([event.what for event in all]))
    try:
        with transaction():
            for what in ("one", "two", "three"):
                events.publish(SomethingHappened(what))
            assert together == []
        with pytest.raises(LookupError), transaction():
            events.publish(SomethingHappened("four"))
            raise LookupError
    finally:
        events._together.pop(SomethingHappened)
    assert together == [["one", "two", "three"]]


def test_rows_that_were_locked_together_are_not_asked_for_again(
    app: Flask, questions: Callable[[Callable[[], object]], int]
) -> None:
    with transaction():
        db.session.add_all([Team(name=name) for name in ("Sales", "Support")])
    with transaction():
        both = lock_all(sa.select(Team), Team)
        assert questions(lambda: [lock(team) for team in both]) == 0
    with transaction():
        assert questions(lambda: lock(both[0])) == 1, "another transaction knows nothing of it"


def test_it_does_not_nest(app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="does not nest"), transaction():
        pass


def test_publishing_outside_is_a_mistake(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="outside transaction"):
        events.publish(SomethingHappened("sale"))


def test_eight_writers_that_read_first_all_come_through(app: Flask) -> None:
    """On SQLite a deferred transaction that reads and then writes fails when another was faster: ours begin as writers."""
    with transaction():
        db.session.add(Team(name="0"))
    failures: list[BaseException] = []

    def count_up() -> None:
        with app.app_context():
            for _ in range(10):
                try:
                    with transaction():
                        team = db.session.scalars(sa.select(Team).with_for_update()).one()
                        team.name = str(int(team.name) + 1)
                except BaseException as error:
                    failures.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert teams() == {"80"}


def test_a_naive_moment_is_refused(app: Flask) -> None:
    from datetime import datetime

    with pytest.raises(sa.exc.StatementError, match="naive"), transaction():
        db.session.add(Lease(name="x", holder="y", expires_at=datetime(2026, 1, 1)))
