"""A remote switch's spooler sends its books: byte for byte, once, whatever is repeated, missing or forged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from config.settings import Settings
from tests.webapp.books.stories import all_of, at
from webapp.books import actions, intake
from webapp.books.copy import KEPT, Copy, Gap
from webapp.books.keeper import Bookkeeper
from webapp.books.models import BookedCall, Source
from webapp.books.patience import Bridge
from webapp.books.place import end_of
from webapp.books.reading import open_reader
from webapp.db import now, transaction

TOKEN = "a-token-of-at-least-twenty-four-letters"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "books"
SPOOLER = Path(__file__).parents[3] / "config" / "asterisk" / "ringback-spooler"


class Spooler:
    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def send(self, data: bytes, offset: int = 0, *, generation: str = "77", kind: str = "cel", token: str = TOKEN,
             switch: str = "main") -> Any:  # fmt: skip
        return self._client.post(
            f"/books/{switch}/{kind}", query_string={"generation": generation, "offset": offset}, data=data,
            headers={"Authorization": f"Bearer {token}"}, content_type="application/octet-stream",
        )  # fmt: skip


@pytest.fixture
def settings_with_token(app: Flask, tmp_path: Path) -> Iterator[Settings]:
    before: Settings = app.extensions["ringback.settings"]
    known = app.extensions["ringback.switch_settings"]
    switch = replace(before.switch("main"), books_token=TOKEN)
    app.extensions["ringback.settings"] = settings = replace(before, data_dir=tmp_path, switches=(switch,))
    app.extensions["ringback.switch_settings"] = {"main": switch}
    yield settings
    app.extensions["ringback.settings"], app.extensions["ringback.switch_settings"] = before, known


@pytest.fixture
def spooler(client: FlaskClient, settings_with_token: Settings) -> Spooler:
    return Spooler(client)


def kept(tmp_path: Path, name: str = "cel") -> bytes:
    return (tmp_path / "books" / "main" / name).read_bytes()


def test_what_is_sent_is_kept_and_acknowledged(spooler: Spooler, tmp_path: Path) -> None:
    answer = spooler.send(b"one\n")
    assert (answer.status_code, answer.json) == (200, {"offset": 4})
    assert spooler.send(b"two\n", 4).json == {"offset": 8}
    assert kept(tmp_path) == b"one\ntwo\n"
    assert spooler.send(b"1|2\n", kind="queue_log").json == {"offset": 4}
    assert kept(tmp_path, "queue_log") == b"1|2\n"


def test_the_same_again_changes_nothing(spooler: Spooler, tmp_path: Path) -> None:
    for _ in range(3):
        assert spooler.send(b"one\ntwo\n").json == {"offset": 8}
    assert spooler.send(b"one\n").json == {"offset": 8}
    assert spooler.send(b"two\nthree\n", 4).json == {"offset": 14}
    assert kept(tmp_path) == b"one\ntwo\nthree\n"


def test_a_gap_is_answered_with_what_is_wanted(spooler: Spooler, tmp_path: Path) -> None:
    answer = spooler.send(b"late\n", 100)
    assert (answer.status_code, answer.json) == (409, {"offset": 0})
    spooler.send(b"one\n")
    assert (spooler.send(b"late\n", 100).status_code, spooler.send(b"late\n", 100).json) == (409, {"offset": 4})
    assert kept(tmp_path) == b"one\n"


def test_asking_with_nothing_tells_where_to_go_on(spooler: Spooler) -> None:
    spooler.send(b"one\n")
    assert spooler.send(b"", 4).json == {"offset": 4}


def test_a_rotated_file_is_rotated_here(spooler: Spooler, tmp_path: Path) -> None:
    spooler.send(b"one\n")
    spooler.send(b"two\n", generation="78")
    assert (kept(tmp_path), kept(tmp_path, "cel.1")) == (b"two\n", b"one\n")
    assert spooler.send(b"one\n").json == {"offset": 4}  # the acknowledgement had been lost
    assert (kept(tmp_path), kept(tmp_path, "cel.1")) == (b"two\n", b"one\n")


def test_another_file_under_the_same_number_is_another_file(spooler: Spooler, tmp_path: Path) -> None:
    spooler.send(b"one\n")
    assert spooler.send(b"new\nnewer\n").json == {"offset": 10}
    assert (kept(tmp_path), kept(tmp_path, "cel.1")) == (b"new\nnewer\n", b"one\n")
    assert spooler.send(b"more\n", 10).json == {"offset": 15}


def test_old_generations_go(tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        Copy(tmp_path, "cel").accept(str(number), 0, b"%d\n" % number)
    there = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert len(there) == KEPT and (tmp_path / f"cel.{KEPT - 1}").read_bytes() == b"5\n"


def test_a_copy_that_was_cut_off_while_it_rotated_goes_on(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "cel")
    copy.accept("1", 0, b"one\n")
    copy.path.rename(tmp_path / "cel.1")  # and then the power went
    assert copy.accept("1", 4, b"two\n") == 8
    assert copy.accept("2", 0, b"three\n") == 6
    assert {path.name: path.read_bytes() for path in tmp_path.glob("cel*")} == {
        "cel": b"three\n", "cel.1" if (tmp_path / "cel.1").exists() else "cel.2": b"one\ntwo\n",
    }  # fmt: skip


def test_bytes_that_do_not_fit_on_the_disk_are_not_acknowledged(
    spooler: Spooler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "RESERVED", 1 << 60)
    assert spooler.send(b"one\n").status_code == 503
    assert not (tmp_path / "books").exists()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "π" * 30])
def test_who_has_not_the_token_leaves_nothing(spooler: Spooler, tmp_path: Path, token: str) -> None:
    assert spooler.send(b"one\n", token=token).status_code == 401
    assert not (tmp_path / "books").exists()


def test_a_switch_without_a_token_takes_none(client: FlaskClient, app: Flask) -> None:
    assert Spooler(client).send(b"one\n", token="").status_code == 401
    assert Spooler(client).send(b"one\n", switch="nowhere").status_code == 401


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"switch": "../main"}, 404),
        ({"switch": "..%2f..%2fetc"}, 404),
        ({"switch": "other"}, 401),
        ({"kind": "passwd"}, 404),
        ({"kind": "..%2fcel"}, 404),
        ({"kind": "cel.1"}, 404),
        ({"generation": "../../x"}, 422),
        ({"generation": "a" * 65}, 422),
        ({"generation": ""}, 422),
        ({"offset": -1}, 422),
        ({"offset": "1e3"}, 422),
        ({"offset": 10**30}, 422),
    ],
)
def test_names_that_would_lead_elsewhere(spooler: Spooler, tmp_path: Path, more: dict[str, Any], status: int) -> None:
    answer = spooler.send(b"one\n", **more)
    assert answer.status_code == status
    assert not (tmp_path / "books").exists()


def test_more_than_a_request_may_bring_is_refused(spooler: Spooler, tmp_path: Path) -> None:
    assert spooler.send(b"x" * 1_000_001).status_code == 413
    assert not (tmp_path / "books" / "main" / "cel").exists()


def test_a_gap_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(Gap):
        Copy(tmp_path, "cel").accept("1", 1, b"x")
    assert not (tmp_path / "cel").exists()


def test_the_copy_is_read_as_the_books_themselves(
    app: Flask, spooler: Spooler, settings_with_token: Settings, tmp_path: Path
) -> None:
    with transaction():
        actions.open_books("main").began_at = datetime.fromisoformat("2020-01-01T00:00:00Z")
    keeper = Bookkeeper(app, settings_with_token.switch("main"), lambda: Bridge(False, False), open_reader)
    keeper.turn(at(0))
    assert keeper.health()["problem"] == "nothing was sent yet"
    for generation, name in (("1", "in-queue-abandoned"), ("2", "in-direct-answered")):
        for kind, ending in (("queue_log", "queue_log"), ("cel", "cel.csv")):
            path = FIXTURES / f"{name}.{ending}"
            if not path.exists():
                continue
            data = path.read_bytes()
            for offset in range(0, len(data), 700):
                spooler.send(data[offset : offset + 700], offset, generation=generation, kind=kind)
                keeper.turn(at(0))
    keeper.turn(at(1))
    assert sorted(call.result.value for call in all_of(BookedCall) if call.result) == ["abandoned", "answered"]
    assert {call.source for call in all_of(BookedCall)} == {Source.SPOOLED}


@pytest.fixture
def served(app: Flask, settings_with_token: Settings) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/books/main"
    server.shutdown()
    thread.join()


def test_the_spooler_that_is_shipped_delivers_here(served: str, tmp_path: Path) -> None:
    logs, token = tmp_path / "asterisk", tmp_path / "token"
    (logs / "cel-custom").mkdir(parents=True)
    token.write_text(TOKEN)
    cel, queue_log = logs / "cel-custom" / "ringback.csv", logs / "queue_log"
    command = [sys.executable, str(SPOOLER), "--url", served, "--insecure-http", "--token-file", str(token),
               "--state", str(tmp_path / "state.json"), "--logs", str(logs), "--once"]  # fmt: skip

    def send() -> None:
        subprocess.run(command, check=True, timeout=60, capture_output=True)

    cel.write_bytes(b"one\n")
    queue_log.write_bytes(b"1|2\n")
    send()
    assert (kept(tmp_path), kept(tmp_path, "queue_log")) == (b"one\n", b"1|2\n")
    cel.rename(f"{cel}.1")
    with Path(f"{cel}.1").open("ab") as older:
        older.write(b"its last\n")
    cel.write_bytes(b"two\n")
    send()
    assert (kept(tmp_path, "cel.1"), kept(tmp_path)) == (b"one\nits last\n", b"two\n")
    (tmp_path / "state.json").unlink()  # it has forgotten everything, and sends all again as files of another name
    send()
    assert (kept(tmp_path), kept(tmp_path, "cel.1")) == (b"two\n", b"two\n")


def test_a_spooler_that_is_silent_is_not_a_quiet_night(spooler: Spooler, tmp_path: Path) -> None:
    files = tmp_path / "books" / "main" / "cel", tmp_path / "books" / "main" / "queue_log"
    spooler.send(b"one\n")
    assert end_of(files, now()) is None
    spooler.send(b"", 4)
    said = end_of(files, now())
    assert said is not None and end_of(files, at(0)) == at(0)
    spooler.send(b"two\n", kind="queue_log")
    assert end_of(files, now()) is None
