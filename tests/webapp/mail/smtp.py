"""A mail server for tests, on loopback: takes what it is handed, or refuses as it is told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[str] = []
        self.answers: dict[str, str] = {}  # the beginning of a command: what is answered instead
        self.hangs_up_at = ""  # the recipient at whose name it breaks off
        self.silent_after_data = False  # takes a letter and hangs up before it says so

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Talk(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self._say("220 here")
        sender, recipients = "", []
        while line := self.rfile.readline().decode("utf-8", "replace").rstrip("\r\n"):
            command = line.upper()
            refusal = next((said for begins, said in self.server.answers.items() if command.startswith(begins)), None)
            if refusal:
                self._say(refusal)
            elif command.startswith("EHLO"):
                self._say("250-here\r\n250-8BITMIME\r\n250 AUTH PLAIN")
            elif command.startswith("AUTH"):
                self.server.logins.append(line.split()[-1])
                self._say("235 welcome")
            elif command.startswith("MAIL FROM"):
                sender, recipients = line[10:], []
                self._say("250 ok")
            elif command.startswith("RCPT TO"):
                if self.server.hangs_up_at and self.server.hangs_up_at in line:
                    return
                recipients.append(line[8:].strip("<>"))
                self._say("250 ok")
            elif command == "DATA":
                self._say("354 go on")
                self._take(sender, recipients)
                if self.server.silent_after_data:
                    return
                self._say("250 taken")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self, sender: str, recipients: list[str]) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        letter: Any = message_from_bytes(b"".join(lines), policy=default)
        self.server.taken.append(letter)
        self.server.envelopes.append((sender, recipients))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)
