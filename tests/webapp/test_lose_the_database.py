"""The database is away for a while: whoever asks for a page is told so, and that it is worth to try again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from sqlite3 import OperationalError as Locked
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from webapp.accounts.models import User
from webapp.cli import main
from webapp.db import db

GONE = [
    sa.exc.OperationalError("BEGIN IMMEDIATE", {}, Locked("database is locked")),
    sa.exc.InterfaceError("SELECT 1", {}, Exception("the connection is closed")),
    sa.exc.TimeoutError("QueuePool limit reached"),
]


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_it_is_told_as_a_state_and_not_as_a_fault(app: Flask, error: Exception) -> None:
    with app.test_request_context("/calls", headers={"Accept": "application/json"}):
        answer, status = app.handle_user_exception(error)
        assert (status, answer.json["error"]["code"]) == (503, "unavailable")
        assert "try again" in answer.json["error"]["message"]
    with app.test_request_context("/calls"):
        page, status = app.handle_user_exception(error)
        assert status == 503 and "try again" in page


def test_it_is_told_without_asking_the_database_who_asks(app: Flask, alice: User, as_: Callable[[User], Any]) -> None:
    @sa.event.listens_for(db.engine, "do_connect")
    @sa.event.listens_for(db.engine, "before_cursor_execute")
    def refuse(*_: Any) -> None:
        raise GONE[0]

    browser = as_(alice)
    try:
        answers = [browser.get("/calls"), browser.get("/calls", headers={"Accept": "application/json"})]
    finally:
        sa.event.remove(db.engine, "do_connect", refuse)
        sa.event.remove(db.engine, "before_cursor_execute", refuse)
    assert [answer.status_code for answer in answers] == [503, 503]
    assert browser.get("/calls").status_code == 200


def test_an_answer_that_is_made_is_given_although_the_database_went_meanwhile(
    app: Flask, alice: User, as_: Callable[[User], Any]
) -> None:
    browser = as_(alice)

    @sa.event.listens_for(db.engine, "rollback")
    def refuse(*_: Any) -> None:
        raise GONE[0]

    try:
        assert browser.get("/calls").status_code == 200
    finally:
        sa.event.remove(db.engine, "rollback", refuse)


def test_what_is_wrong_with_us_is_still_a_fault(app: Flask) -> None:
    with app.test_request_context("/calls", headers={"Accept": "application/json"}):
        answer, status = app.handle_user_exception(sa.exc.ProgrammingError("SELEKT", {}, Exception("syntax error")))
        assert (status, answer.json["error"]["code"]) == (500, "server_error")


def test_a_command_says_so_in_a_sentence(tmp_path: Path) -> None:
    """Whoever looks after the programs starts it again; nobody needs a traceback for that."""
    nowhere = f"postgresql://ringback@/ringback?host={tmp_path}"
    env = {"RINGBACK_TEST_DATABASE": None, "RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_DATABASE_URL": nowhere}
    done = CliRunner().invoke(main, ["db", "upgrade"], env=env)
    assert done.exit_code == 1
    assert done.output.startswith("Error: the database does not answer: ") and "Traceback" not in done.output
