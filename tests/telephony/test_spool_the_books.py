"""The program that sends a remote PBX's books: whatever happens in between, what arrives is what was written."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.telephony.books import FOLDER

SPOOLER = Path(__file__).parents[2] / "config" / "asterisk" / "ringback-spooler"
TOKEN = "a-token"
PATIENCE = 20.0


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, as Ringback does. It can be told to be out of order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept: dict[tuple[str, str], bytes] = {}  # by kind and generation, in the order in which they began
        self.requests: list[tuple[str, str, int]] = []
        self.failures = 0  # so many answers are "500"
        self.deaf = 0  # so many pieces are kept, and the answer never comes
        self.refused: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/books/main"

    def received(self, kind: str) -> bytes:
        with self.lock:
            return b"".join(text for (of, _), text in self.kept.items() if of == kind)

    def generations(self, kind: str) -> int:
        with self.lock:
            return sum(1 for of, _ in self.kept if of == kind)

    def handle_error(self, *_: Any) -> None:
        """A client that was killed."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        parts, receiver = urlsplit(self.path), self.server
        query = parse_qs(parts.query)
        kind, generation, offset = parts.path.rpartition("/")[2], query["generation"][0], int(query["offset"][0])
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with receiver.lock:
            receiver.requests.append((kind, generation, offset))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                receiver.refused.append(str(self.headers["Authorization"]))
                return self._answer(403, {})
            if receiver.failures:
                receiver.failures -= 1
                return self._answer(500, {})
            kept = receiver.kept.setdefault((kind, generation), b"")
            if offset > len(kept):
                return self._answer(409, {"offset": len(kept)})
            receiver.kept[kind, generation] = kept + data[len(kept) - offset :]
            if receiver.deaf:
                receiver.deaf -= 1
                self.close_connection = True
                return None
            return self._answer(200, {"offset": len(receiver.kept[kind, generation])})

    def _answer(self, status: int, told: dict[str, int]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Host:
    """The PBX's host: its two files, and the program that sends them."""

    def __init__(self, directory: Path, receiver: Receiver) -> None:
        self.directory, self.receiver = directory, receiver
        self.cel = directory / "cel-custom" / "ringback.csv"
        self.queue_log = directory / "queue_log"
        self.cel.parent.mkdir(parents=True)
        self.token = directory / "token"
        self.token.write_text(TOKEN + "\n")
        self.written = {"cel": b"", "queue_log": b""}
        self.program: subprocess.Popen[bytes] | None = None

    def write(self, kind: str, text: bytes) -> None:
        path = self.cel if kind == "cel" else self.queue_log
        with path.open("ab") as file:
            file.write(text)
        self.written[kind] += text

    def command(self, *more: str) -> list[str]:
        return [
            sys.executable, str(SPOOLER), "--url", self.receiver.url, "--insecure-http", "--logs", str(self.directory),
            "--token-file", str(self.token), "--state", str(self.directory / "state.json"), "--interval", "0.02", *more,
        ]  # fmt: skip

    def start(self) -> None:
        self.program = subprocess.Popen(self.command(), stderr=subprocess.PIPE)

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.program
        self.program.send_signal(number)
        status = self.program.wait(PATIENCE)
        assert self.program.stderr
        self.program.stderr.close()
        self.program = None
        return status

    def run_once(self) -> str:
        done = subprocess.run(self.command("--once"), stderr=subprocess.PIPE, timeout=PATIENCE, check=True)
        return done.stderr.decode()

    def arrives(self) -> None:
        """All that was ever written, once, in order."""
        for kind, text in self.written.items():
            wait_for(f"{kind} to arrive", lambda kind=kind, text=text: len(self.receiver.received(kind)) >= len(text))
            assert self.receiver.received(kind) == text


def wait_for(what: str, look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def host(tmp_path: Path, receiver: Receiver) -> Iterator[Host]:
    host = Host(tmp_path / "asterisk", receiver)
    yield host
    if host.program:
        host.kill()


CEL = (FOLDER / "blind-transfer.cel.csv").read_bytes()
QUEUE_LOG = (FOLDER / "blind-transfer.queue_log").read_bytes()


def test_what_is_written_arrives_while_it_is_written(host: Host) -> None:
    host.start()
    for line in CEL.splitlines(keepends=True):
        host.write("cel", line)
    host.write("queue_log", QUEUE_LOG)
    host.arrives()
    assert host.kill(signal.SIGTERM) == 0


def test_files_that_do_not_exist_yet_are_waited_for(host: Host) -> None:
    host.run_once()
    assert host.receiver.requests == []
    host.write("queue_log", QUEUE_LOG)
    host.run_once()
    host.arrives()


def test_killed_in_the_middle_it_goes_on_without_loss_or_repetition(host: Host) -> None:
    for number in range(6):
        host.receiver.deaf = number % 2  # a piece was kept, and the program died before it heard so
        host.write("cel", CEL * 40)
        host.start()
        wait_for(
            "something to arrive",
            lambda size=len(host.receiver.received("cel")): len(host.receiver.received("cel")) > size,
        )
        host.kill()
    host.start()
    host.arrives()


def test_a_server_that_fails_is_tried_again(host: Host) -> None:
    host.receiver.failures = 3
    host.write("cel", CEL)
    assert "answered 500; trying again" in host.run_once()
    host.arrives()
    assert host.receiver.failures == 0


def test_a_server_that_lost_a_part_gets_it_again(host: Host) -> None:
    """Its disk was set back to yesterday's."""
    host.write("cel", CEL)
    host.run_once()
    ((key, kept),) = host.receiver.kept.items()
    host.receiver.kept[key] = kept[:1000]
    host.write("cel", CEL)
    host.run_once()
    host.arrives()


@pytest.mark.parametrize("running", [True, False], ids=["running", "asleep"])
def test_rotation_loses_nothing(host: Host, running: bool) -> None:
    host.write("cel", CEL)
    host.write("queue_log", QUEUE_LOG)
    host.start()
    host.arrives()
    if not running:
        host.kill()
    for kind, path in (("cel", host.cel), ("queue_log", host.queue_log)):
        for number in range(2):  # twice, and Asterisk still writes to the old file for a moment
            host.write(kind, b"last words before %d\n" % number)
            path.rename(path.with_name(f"{path.name}.{2 - number}"))
            with path.with_name(f"{path.name}.{2 - number}").open("ab") as old:
                old.write(b"and after\n")
            host.written[kind] += b"and after\n"
            host.write(kind, b"first words %d\n" % number)
    if not running:
        host.start()
    host.arrives()
    assert host.receiver.generations("cel") == 3


def test_copytruncate_loses_nothing_that_was_copied(host: Host) -> None:
    host.write("cel", CEL)
    host.run_once()
    host.write("cel", b"not sent yet\n")
    host.cel.with_name("ringback.csv.1").write_bytes(host.cel.read_bytes())
    os.truncate(host.cel, 0)
    host.write("cel", CEL.replace(b"17954", b"17955") * 2)  # longer than what was sent: the size alone does not tell
    host.run_once()
    host.arrives()
    assert host.receiver.generations("cel") == 2


def test_a_file_that_grew_again_after_truncation_is_not_taken_for_the_old_one(host: Host) -> None:
    host.write("cel", b"old\n")
    host.run_once()
    os.truncate(host.cel, 0)
    host.write("cel", b"new and longer\n")
    host.run_once()
    host.arrives()


def test_a_wrong_token_is_said_and_nothing_is_lost(host: Host) -> None:
    host.write("cel", CEL)
    host.token.write_text("wrong")
    host.start()
    wait_for("a refusal", lambda: host.receiver.refused)
    host.token.write_text(TOKEN)  # read anew for every piece
    host.arrives()
    assert set(host.receiver.refused) == {"Bearer wrong"}


def test_two_at_once_are_refused(host: Host) -> None:
    host.write("cel", CEL)
    host.start()
    host.arrives()
    second = subprocess.run(host.command(), stderr=subprocess.PIPE, timeout=PATIENCE)
    assert second.returncode == 1
    assert b"another ringback-spooler" in second.stderr


def test_a_token_is_not_sent_in_the_clear_unless_somebody_says_so(host: Host) -> None:
    command = [word for word in host.command() if word != "--insecure-http"]
    refused = subprocess.run(command, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert refused.returncode == 2
    assert b"must begin with https://" in refused.stderr


def test_it_runs_on_old_pythons_and_needs_nothing_else() -> None:
    tree = ast.parse(SPOOLER.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert os.access(SPOOLER, os.X_OK)
