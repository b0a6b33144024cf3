"""Logs tell what happened, never a secret, and a caller cannot write a line of his own into them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from webapp.db import db
from webapp.logs import HIDDEN, hide_secrets, one_line


def test_values_under_secret_names_are_hidden() -> None:
    entry = hide_secrets(None, "", {"event": "login", "ami_secret": "s3cr3t", "Authorization": "Bearer x"})
    assert entry == {"event": "login", "ami_secret": HIDDEN, "Authorization": HIDDEN}


def test_secrets_inside_texts_and_addresses_are_hidden() -> None:
    entry = hide_secrets(None, "", {"event": "connecting to postgresql://u:hunter2@db with password=hunter2"})
    assert "hunter2" not in entry["event"]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "Cookie: theme=dark; ringback=hunter2",
        """{"password": "swordfish hunter2"}""",
        "redis://:sword@hunter2@redis/0",
    ],
)
def test_a_secret_in_a_text_is_hidden_whole(text: str) -> None:
    assert "hunter2" not in hide_secrets(None, "", {"event": text})["event"]


def test_secrets_inside_a_structure_are_hidden() -> None:
    entry = hide_secrets(None, "", {"event": "asked", "sent": {"Authorization": "x", "to": ["password=x", 5]}})
    assert entry["sent"] == {"Authorization": HIDDEN, "to": [f"password={HIDDEN}", 5]}


def test_an_error_of_the_database_does_not_tell_the_values(app: Flask) -> None:
    with pytest.raises(sa.exc.DBAPIError) as raised:
        db.session.execute(sa.text("SELECT :number FROM nowhere"), {"number": "+306944000001"})
    db.session.rollback()
    assert "nowhere" in str(raised.value)
    assert "+306944000001" not in str(raised.value)


def test_a_name_with_line_breaks_stays_in_its_line() -> None:
    entry = one_line(None, "", {"event": "call", "name": "a\r\nERROR all is lost\u2028\x00"})
    assert not set(entry["name"]) & set("\r\n\u2028\x00")
    assert "ERROR all is lost" in entry["name"]
