"""Logs tell what happened, never a secret, and a caller cannot write a line of his own into them."""

from __future__ import annotations

from webapp.logs import HIDDEN, hide_secrets, one_line


def test_values_under_secret_names_are_hidden() -> None:
    entry = hide_secrets(None, "", {"event": "login", "ami_secret": "s3cr3t", "Authorization": "Bearer x"})
    assert entry == {"event": "login", "ami_secret": HIDDEN, "Authorization": HIDDEN}


def test_secrets_inside_texts_and_addresses_are_hidden() -> None:
    entry = hide_secrets(None, "", {"event": "connecting to postgresql://u:hunter2@db with password=hunter2"})
    assert "hunter2" not in entry["event"]


def test_a_name_with_line_breaks_stays_in_its_line() -> None:
    entry = one_line(None, "", {"event": "call", "name": "a\r\nERROR all is lost\u2028\x00"})
    assert not set(entry["name"]) & set("\r\n\u2028\x00")
    assert "ERROR all is lost" in entry["name"]
