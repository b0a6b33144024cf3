"""Hundreds that are overdue at the same moment: the head knows at once, and reads one notice instead of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.webapp.tasks.callers import after
from webapp.accounts.models import Team, User
from webapp.db import db, transaction
from webapp.notices.models import Notice
from webapp.tasks import jobs, oversight
from webapp.tasks.jobs import sweep
from webapp.tasks.models import Callback


@pytest.fixture
def sofia_heads(person: Callable[..., User], sofia: User) -> User:
    person("alice2", "Alice Two", team="Sales")
    with transaction():
        db.session.scalars(sa.select(Team).where(Team.name == "Sales")).one().head_id = sofia.id
    return sofia


def miss(how_many: int) -> None:
    with transaction():
        for i in range(how_many):
            number = f"+3069440{i:05}"
            db.session.add(
                Callback(open_key=f"tel:{number}", number=number, switch="main", queue="sales", missed=1, attempts=0,
                         first_missed_at=after(0), last_missed_at=after(0), due_at=after(30))
            )  # fmt: skip


def told(kind: str) -> list[Notice]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Notice).where(Notice.kind == kind)))


def untold() -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count()).where(Callback.overdue_told_at.is_(None))) or 0


def test_a_burst_is_told_of_in_a_few_notices(app: Flask, sofia_heads: User) -> None:
    miss(120)
    sweep(at=after(31))
    notices = told(oversight.OVERDUE_MANY)
    assert told(oversight.OVERDUE) == [] and untold() == 0
    assert sum(int(each.facts["count"]) for each in notices) == 120 and len(notices) <= 3
    sweep(at=after(31))
    assert len(told(oversight.OVERDUE_MANY)) == len(notices)


def test_a_few_are_told_of_one_by_one(app: Flask, sofia_heads: User) -> None:
    miss(3)
    sweep(at=after(31))
    assert len(told(oversight.OVERDUE)) == 3 and told(oversight.OVERDUE_MANY) == []


def test_one_that_fails_does_not_hold_up_the_burst(
    app: Flask, sofia_heads: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    miss(60)
    real = jobs.policy_for
    calls = iter(range(10_000))

    def sometimes(queue: str | None) -> object:
        if next(calls) == 10:
            raise RuntimeError("poison")
        return real(queue)

    with monkeypatch.context() as poison:
        poison.setattr(jobs, "policy_for", sometimes)
        sweep(at=after(31))
    assert sum(int(each.facts["count"]) for each in told(oversight.OVERDUE_MANY)) == 60 and untold() == 0


def test_overdue_is_told_before_anything_else(app: Flask, sofia_heads: User, monkeypatch: pytest.MonkeyPatch) -> None:
    miss(1)

    def fails(_: object) -> None:
        raise RuntimeError("the rest of the sweep")

    monkeypatch.setattr(jobs, "remind_people", fails)
    with pytest.raises(RuntimeError):
        sweep(at=after(31))
    assert len(told(oversight.OVERDUE)) == 1


def test_a_caller_writes_no_line_of_his_own(app: Flask) -> None:
    with transaction():
        callback = Callback(number=None, number_raw="6944\r\n\r\nYour password expires: https://evil.example/" + "x" * 900,
                            name_raw="Dana\r\nHead", switch="main", missed=1, attempts=0, first_missed_at=after(0),
                            last_missed_at=after(0), due_at=after(30), open_key="tel:evil")  # fmt: skip
        db.session.add(callback)
        db.session.flush()
        facts = oversight._facts(callback)
    assert facts["who"] == "Dana Head"
    assert len(facts["number"]) <= oversight.LONGEST_FACT and facts["number"].isprintable()
