from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from webapp.db import db


@pytest.fixture
def questions(app: Flask) -> Iterator[Callable[[Callable[[], object]], int]]:
    """How many statements something sends to the database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)

    def count(act: Callable[[], object]) -> int:
        sent.clear()
        act()
        return len(sent)

    yield count
    sa.event.remove(db.engine, "before_cursor_execute", note)
