"""Which queues the list of callbacks can be filtered by, after years of calls."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_callback
from webapp.db import db
from webapp.tasks import listing
from webapp.tasks.models import Callback

OPEN, CLOSED = 2_000, 200_000


@pytest.fixture
def years(unwritten: None) -> None:
    first = make_callback(queue="sales")
    number = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    number = number.union_all(sa.select(number.c.n + 1).where(number.c.n < OPEN + CLOSED))
    n, is_open = number.c.n, number.c.n <= OPEN
    queue = sa.case((n % 3 == 0, "sales"), (n % 3 == 1, "support"), (n == 200, None), else_="billing")
    some = {
        "id": sa.func.printf("%032x", n) if is_sqlite() else sa.cast(sa.func.lpad(sa.func.to_hex(n), 32, "0"), sa.Uuid),
        "open_key": sa.case((is_open, "tel:" + sa.cast(n, sa.String)), else_=None),
        "state": sa.case((is_open, "open"), else_="closed"),
        "queue": queue,
    }
    columns = [some.get(column.name, column) for column in Callback.__table__.columns]
    query = sa.select(*columns).join_from(Callback, number, sa.true()).where(Callback.id == first.id)
    db.session.execute(sa.insert(Callback).from_select([c.name for c in Callback.__table__.columns], query))
    db.session.execute(sa.text("ANALYZE callback"))


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def plan_of_queues() -> str:
    """How the database answers the question that the list asks."""
    asked: list[tuple[str, object]] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])), once=True)
    listing.queues()
    ((statement, values),) = asked
    explain = "EXPLAIN QUERY PLAN " if is_sqlite() else "EXPLAIN "
    rows = db.session.connection().exec_driver_sql(explain + statement, values)  # type: ignore[arg-type]
    return "\n".join(str(row[-1]) for row in rows)


def test_the_queues_of_two_hundred_thousand_callbacks_are_found_without_reading_them(years: None) -> None:
    assert listing.queues() == ["billing", "sales", "support"]
    plan = plan_of_queues()
    assert "ix_callback_queue" in plan
    assert "SCAN callback" not in plan and "Seq Scan on callback" not in plan, plan


def test_where_nobody_was_missed_there_is_no_queue(app: Flask) -> None:
    assert listing.queues() == []
    make_callback(queue=None)
    assert listing.queues() == []
