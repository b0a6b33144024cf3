"""The database is away for a while: whoever asks for a page is told so, and that it is worth to try again."""

from __future__ import annotations

from sqlite3 import OperationalError as Locked

import pytest
import sqlalchemy as sa
from flask import Flask

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


def test_what_is_wrong_with_us_is_still_a_fault(app: Flask) -> None:
    with app.test_request_context("/calls", headers={"Accept": "application/json"}):
        answer, status = app.handle_user_exception(sa.exc.ProgrammingError("SELEKT", {}, Exception("syntax error")))
        assert (status, answer.json["error"]["code"]) == (500, "server_error")
