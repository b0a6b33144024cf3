"""The database's schema: brought up to date by one command, made the same way in tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy.engine import Connection

from webapp.db import db

LOCK = 0x52696E67  # any number that nobody else of this database locks
_one_at_a_time = threading.Lock()  # Alembic keeps its context in a module
HERE = Path(__file__).parent / "migrations"


def upgrade(app: Flask, revision: str = "head") -> None:
    """Safe to run at every start, and by several processes at once: on PostgreSQL they wait for each other."""
    _move(app, command.upgrade, revision)


def downgrade(app: Flask, revision: str) -> None:
    """The way back to an older schema; what only the newer one can hold is lost."""
    _move(app, command.downgrade, revision)


def _move(app: Flask, move: Callable[[Config, str], None], revision: str) -> None:
    with _one_at_a_time, app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            connection.commit()
        _watch_references(connection, False)
        try:
            move(_config(connection), revision)
            connection.commit()
        finally:
            _watch_references(connection, True)
            if connection.dialect.name == "postgresql":
                connection.rollback()
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
                connection.commit()


def revise(app: Flask, message: str) -> None:
    """Write a migration for what the models have and the database has not. For developers."""
    with app.app_context(), db.engine.connect() as connection:
        command.revision(_config(connection), message, autogenerate=True)


def revisions() -> list[str]:
    """From the first to the newest."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def is_current(app: Flask) -> bool:
    with app.app_context(), db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        return current == ScriptDirectory.from_config(_config(connection)).get_current_head()


def differences(app: Flask) -> list[object]:
    """What the models have and the migrations have not made: must be nothing."""
    from alembic.autogenerate import compare_metadata

    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, db.metadata))


def _watch_references(connection: Connection, on: bool) -> None:
    """SQLite changes a table by making it anew and dropping the old one: rows that refer to it must not go with that."""
    if connection.dialect.name == "sqlite":
        if connection.in_transaction():
            connection.rollback()
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.cursor().execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config
