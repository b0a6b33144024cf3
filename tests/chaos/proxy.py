"""A wire between Ringback and the switch that can be cut, half-opened, stopped and made slow."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from enum import StrEnum

LOOK = 0.1  # seconds
SLOW_PIECE = 256  # bytes


class Mode(StrEnum):
    PASS = "pass"
    CUT = "cut"  # all connections are reset, new ones too
    SWALLOW = "swallow"  # half-open: both sides may speak, nobody is heard, nobody is told
    STALL = "stall"  # nothing moves; afterwards everything that waited arrives
    SLOW = "slow"


class Proxy:
    """`with Proxy(port) as proxy: ... proxy.port`"""

    def __init__(self, target: int) -> None:
        self._target = target
        self.mode = Mode.PASS
        self.bytes_a_second = 8_000
        self.connections = 0
        self.links: set[_Link] = set()
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._door.close()
        self._reset(lambda link: True)

    def set(self, mode: Mode) -> None:
        self.mode = mode
        if mode is Mode.CUT:
            self._reset(lambda link: True)
        elif mode is not Mode.SWALLOW:
            self._reset(lambda link: link.swallowed)  # a byte is missing in them: they cannot go on

    def _reset(self, which: object) -> None:
        with self._lock:
            chosen = [link for link in self.links if which(link)]  # type: ignore[operator]
        for link in chosen:
            link.reset()

    def _accept(self) -> None:
        while not self._over.is_set():
            if not select.select([self._door], [], [], LOOK)[0]:
                continue
            near, _ = self._door.accept()
            if self.mode is Mode.CUT:
                _reset(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                _reset(near)
                continue
            self.connections += 1
            link = _Link(self, near, far)
            with self._lock:
                self.links = {each for each in self.links if not each.over} | {link}
            link.start()


class _Link:
    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy, self._near, self._far = proxy, near, far
        self.swallowed = self.over = False

    def start(self) -> None:
        for source, sink in ((self._near, self._far), (self._far, self._near)):
            source.settimeout(None)
            threading.Thread(target=self._pump, args=(source, sink), name="proxy-pump", daemon=True).start()

    def reset(self) -> None:
        self.over = True
        _reset(self._near)
        _reset(self._far)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while not self.over and self._piece(source, sink):
                pass
        self.reset()

    def _piece(self, source: socket.socket, sink: socket.socket) -> bool:
        ready = select.select([source], [], [], LOOK)[0]
        mode = self._proxy.mode
        if ready and mode is Mode.STALL:
            time.sleep(LOOK)
        if not ready or mode is Mode.STALL:
            return True
        data = source.recv(SLOW_PIECE if mode is Mode.SLOW else 65536)
        if not data:
            return False
        if self._proxy.mode is Mode.SWALLOW:
            self.swallowed = True
            return True
        if mode is Mode.SLOW:
            time.sleep(len(data) / self._proxy.bytes_a_second)
        sink.sendall(data)
        return True


def _reset(wire: socket.socket) -> None:
    """The other side is told at once, and a thread that waits for this wire is woken."""
    with suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()
