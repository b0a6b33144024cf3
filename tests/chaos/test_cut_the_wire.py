"""The proxy does what a bad network does: told by a server that answers everything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.asterisk import wait_for
from tests.chaos.proxy import Mode, Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Answers what it is told, in capitals."""
    door = socket.create_server(("127.0.0.1", 0))

    def answer(wire: socket.socket) -> None:
        with wire, suppress(OSError):
            while data := wire.recv(100):
                wire.sendall(data.upper())

    def serve() -> None:
        while True:
            try:
                wire, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(wire,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield door.getsockname()[1]
    door.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as proxy:
        yield proxy


@pytest.fixture
def wire(proxy: Proxy) -> Iterator[socket.socket]:
    with dial(proxy) as wire:
        yield wire


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 10)


def is_over(wire: socket.socket) -> bool:
    try:
        return wire.recv(1) == b""
    except ConnectionError:
        return True


def say(wire: socket.socket, words: bytes) -> bytes:
    wire.sendall(words)
    return wire.recv(100)


def test_it_passes_on_what_both_say(wire: socket.socket) -> None:
    assert say(wire, b"hello") == b"HELLO"


def test_cut_ends_what_is_there_and_what_comes(proxy: Proxy, wire: socket.socket) -> None:
    assert say(wire, b"hello") == b"HELLO"
    proxy.set(Mode.CUT)
    assert is_over(wire)
    proxy.set(Mode.PASS)
    with dial(proxy) as another:
        assert say(another, b"again") == b"AGAIN"


def test_half_open_says_nothing_and_ends_when_the_wire_is_whole_again(proxy: Proxy, wire: socket.socket) -> None:
    assert say(wire, b"hello") == b"HELLO"
    proxy.set(Mode.SWALLOW)
    wire.sendall(b"is anybody there?")
    wire.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    wait_for("the words to be swallowed", lambda: any(link.swallowed for link in proxy.links))
    proxy.set(Mode.PASS)
    wire.settimeout(10)
    assert is_over(wire)


def test_stalled_delivers_everything_afterwards(proxy: Proxy, wire: socket.socket) -> None:
    assert say(wire, b"hello") == b"HELLO"
    proxy.set(Mode.STALL)
    wire.sendall(b"later")
    wire.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    proxy.set(Mode.PASS)
    wire.settimeout(10)
    assert wire.recv(100) == b"LATER"


def test_slow_loses_nothing(proxy: Proxy, wire: socket.socket) -> None:
    proxy.set(Mode.SLOW)
    words = bytes(range(97, 123)) * 40
    wire.sendall(words)
    heard = b""
    while len(heard) < len(words):
        heard += wire.recv(4096)
    assert heard == words.upper()
