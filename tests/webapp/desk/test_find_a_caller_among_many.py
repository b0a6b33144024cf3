"""A card is looked up, not searched for: however many contacts there are, no table of people is read through."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_call, make_party
from webapp.accounts.models import User
from webapp.calls.models import CallState
from webapp.contacts.models import ContactPoint, Party
from webapp.db import db, now
from webapp.desk.cards import cards_of

MANY = 50_000
CALLER = "+306944000001"


@pytest.fixture
def call_among_many(unwritten: None, alice: User) -> UUID:
    """Dana's, and many others in the contacts."""
    caller = make_party("Dana Reyes", CALLER)
    call_id = make_call(state=CallState.RINGING, ringing=(alice,), started_at=now(), party=caller, number=CALLER).id
    caller_id = caller.id
    for model in (Party, ContactPoint):
        number = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        number = number.union_all(sa.select(number.c.n + 1).where(number.c.n < MANY))
        some = {"id": _id(number.c.n)}
        if model is ContactPoint:
            some |= {"party_id": _id(number.c.n), "value": "+3021" + sa.cast(10_000_000 + number.c.n, sa.String)}
        columns = [some.get(column.name, column) for column in model.__table__.columns]
        like = sa.select(*columns).join_from(model, number, sa.true())
        like = like.where((ContactPoint.party_id if model is ContactPoint else Party.id) == caller_id)
        db.session.execute(sa.insert(model).from_select([column.name for column in model.__table__.columns], like))
        db.session.execute(sa.text("ANALYZE"))  # else PostgreSQL reads all of them for each reference that it checks
    return call_id


def _id(number: sa.ColumnElement[int]) -> sa.ColumnElement[object]:
    if db.engine.dialect.name == "sqlite":
        return sa.func.printf("%032x", number)
    return sa.cast(sa.func.lpad(sa.func.to_hex(number), 32, "0"), sa.Uuid)


@pytest.fixture
def statements(app: Flask) -> Iterator[list[tuple[str, object]]]:
    sent: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        sent.append((statement, values))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_the_card_of_one_among_fifty_thousand_reads_no_table_through(
    call_among_many: UUID, alice: User, statements: list[tuple[str, object]]
) -> None:
    db.session.expire_all()
    [card] = cards_of(db.session.get_one(User, alice.id))

    assert (card.call.uid, card.party and card.party.name) == (str(call_among_many), "Dana Reyes")
    asked = [(statement, values) for statement, values in statements if statement.startswith("SELECT")]
    assert len([statement for statement, _ in asked if "contact_point.value IN" in statement]) == 1, "looked up once"
    explain = "EXPLAIN QUERY PLAN " if db.engine.dialect.name == "sqlite" else "EXPLAIN "
    for statement, values in asked:
        rows = db.session.connection().exec_driver_sql(explain + statement, values)  # type: ignore[arg-type]
        plan = "\n".join(str(row[-1]) for row in rows)
        for table in ("contact_point", "party"):
            assert f"SCAN {table}" not in plan and f"Seq Scan on {table}" not in plan, f"{statement}\n{plan}"
