"""Alembic's entry: the same migrations for SQLite (batch mode) and PostgreSQL."""

from __future__ import annotations

from typing import Any

from alembic import context

from webapp.db import UTCDateTime, db

connection = context.config.attributes["connection"]


def _render(kind: str, item: Any, _autogen: Any) -> str | bool:
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and type(item).__name__ == "AsaList":
        return "sa.UnicodeText()"
    return False


context.configure(
    connection=connection,
    target_metadata=db.metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
