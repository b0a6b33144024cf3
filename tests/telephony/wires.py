"""Both ends of an AMI connection: a client that is logged in, a server that is told line by line what to do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from telephony.ami.client import AmiClient
from telephony.fake.asterisk import FakeAsterisk, FakeUser

USERS = {"crm": FakeUser("crm's secret")}
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def eventually(condition: Callable[[], Any], timeout: float = 10.0) -> Any:
    """The condition's first true value; a failure names what never came."""
    until = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < until, f"never: {condition}"
        time.sleep(0.005)
    return result


@contextlib.contextmanager
def logged_in(pbx: FakeAsterisk, events: str = "on", **options: Any) -> Iterator[AmiClient]:
    client = AmiClient(**options)
    try:
        client.connect(pbx.host, pbx.port)
        client.login("crm", "crm's secret", events)
        yield client
    finally:
        client.close()


class Script:
    """A server that does only what the test says; one connection."""

    def __init__(self, banner: bytes = BANNER) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._banner = banner
        self.sock = socket.socket()
        self._ready = threading.Event()
        self._received = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            unconnected, (self.sock, _) = self.sock, self._listener.accept()
            unconnected.close()
            self.sock.settimeout(10)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(self._banner)
            self._ready.set()

    def send(self, data: bytes) -> None:
        if data:
            self.sock.sendall(data)

    def action(self) -> dict[str, str]:
        """The next action that the client sends."""
        assert self._ready.wait(10)
        while b"\r\n\r\n" not in self._received:
            data = self.sock.recv(65536)
            assert data, "the client went away"
            self._received += data
        raw, _, self._received = self._received.partition(b"\r\n\r\n")
        return dict(line.split(": ", 1) for line in raw.decode().split("\r\n"))

    def answer(self, action: dict[str, str], *lines: str) -> None:
        head = ["Response: Success", f"ActionID: {action['ActionID']}"]
        self.send("\r\n".join([*head, *lines]).encode() + b"\r\n\r\n")

    def hang_up(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def close(self) -> None:
        self._listener.close()
        self.sock.close()


@contextlib.contextmanager
def scripted(banner: bytes = BANNER, **options: Any) -> Iterator[tuple[Script, AmiClient]]:
    """A scripted server and a client that is connected to it (not logged in: nobody asks for it here)."""
    script = Script(banner)
    client = AmiClient(**options)
    try:
        client.connect("127.0.0.1", script.port)
        assert script._ready.wait(10)
        yield script, client
    finally:
        script.close()
        client.close()
