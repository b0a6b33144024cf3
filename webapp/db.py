"""The database: types that SQLite and PostgreSQL share, and `transaction()`, the one place that commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from uuid_utils.compat import uuid7

from webapp import events

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)  # the database is, and will come back


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as UTC. A naive datetime is refused: it means somebody guessed a time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_type(enum: type[StrEnum]) -> sa.Enum:
    """A string enum as text with a CHECK, alike on both databases."""
    return sa.Enum(
        enum,
        name=enum.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    registry = registry(
        metadata=sa.MetaData(naming_convention=NAMING),
        type_annotation_map={datetime: UTCDateTime(), UUID: sa.Uuid(), dict[str, Any]: sa.JSON(), list[str]: sa.JSON()},
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:

    class Model(Base):
        """What every table's class inherits; its table is named after it."""

        __abstract__ = True
else:
    Model = db.Model


Row = TypeVar("Row", bound=Model)


def now() -> datetime:
    return datetime.now(UTC)


def lock(row: Model) -> None:
    """Inside a transaction: nobody else changes this row until its end, and what they changed before is seen now."""
    if row in db.session.info.get("locked", ()):
        return
    db.session.flush()  # what this transaction wrote already must not be forgotten
    db.session.refresh(row, with_for_update={"of": type(row)})


def lock_all(query: sa.Select[Row], of: type[Row]) -> Sequence[Row]:
    """The rows of this query, locked in one question: `lock` of each of them asks no more until the transaction ends."""
    db.session.flush()
    locking = query.with_for_update(of=of).execution_options(populate_existing=True)
    rows = db.session.scalars(locking).unique().all()
    db.session.info["locked"].update(rows)
    return rows


def new_id() -> UUID:
    """UUIDv7: sorts by time, so rows made together lie together."""
    return uuid7()


class Identified:
    """Every table's key: it is in URLs and events, so it must not be guessable."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


@contextmanager
def transaction() -> Iterator[None]:
    """The one way to write. Subscribers of `@on` join it; `@after_commit` subscribers run once it is durable.

    Does not nest and never spans the network. On SQLite it takes the write lock at its beginning (BEGIN IMMEDIATE):
    a transaction that reads first and writes later would otherwise fail when another was faster.
    """
    session = db.session()
    if events.collecting():
        raise RuntimeError("transaction() does not nest: actions and subscribers join the caller's")
    session.rollback()
    session.expire_all()  # what was read before the lock may have been changed since
    session.info["locked"] = set()
    with events.collect() as published:
        try:
            session.connection(execution_options={"ringback_writes": True})
            yield
            session.flush()
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info.pop("locked")
    events.deliver(published)


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA busy_timeout = 5000")
        cursor.close()


@event.listens_for(Engine, "begin")
def _begin_on_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("ringback_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
