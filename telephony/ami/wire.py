"""The wire under an AMI connection: a TCP or TLS socket, its greeting, and actions as bytes."""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol, TypeVar

from telephony.errors import BadValue

T = TypeVar("T")

RECEIVE_BUFFER = (
    4 << 20
)  # what the kernel keeps for us while we are busy; Asterisk cuts off a client that does not read
MAX_LINE = 1022  # measured on Asterisk 22: a longer line spoils the action, and is not answered
MAX_BANNER = 512

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Wire(Protocol):
    """What is used of a socket."""

    def recv_into(self, buffer: bytearray, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...
    def settimeout(self, seconds: float, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


def open_wire(host: str, port: int, tls: ssl.SSLContext | None, deadline: float) -> tuple[Wire, str, str, bytes]:
    """Connect and read the greeting: the socket, the greeting's title and version, and what came after it already."""
    plain = _tcp(host, port, deadline)
    try:
        plain.settimeout(_left(deadline))
        wire: Wire = plain if tls is None else _TlsWire(tls.wrap_socket(plain, server_hostname=host))
        return wire, *_greeting(wire, deadline)
    except BaseException:
        plain.close()
        raise


def _greeting(wire: Wire, deadline: float) -> tuple[str, str, bytes]:
    data = b""
    while b"\r\n" not in data:
        if len(data) > MAX_BANNER:
            raise OSError("no AMI greeting")
        wire.settimeout(_left(deadline))
        more = wire.recv(MAX_BANNER)
        if not more:
            raise OSError("closed before the greeting")
        data += more
    line, _, rest = data.partition(b"\r\n")
    title, slash, version = line.decode("utf-8", "replace").partition("/")
    if not slash or not title.startswith("Asterisk Call Manager"):
        raise OSError("no AMI greeting")
    return title.strip(), version.strip(), rest


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())


def encoded(headers: Mapping[str, object]) -> bytes:
    """The action on the wire. What could begin a line, a header or an action of its own is refused, never stripped."""
    lines = []
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise BadValue("header name", f"{name!r} is none")
        lines += [_line(name, str(item)) for item in _values(value)]
    return b"\r\n".join([*lines, b"", b""])


def _values(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _line(name: str, value: str) -> bytes:
    if _CONTROL.search(value):
        raise BadValue(name, "contains a control character")
    try:
        line = f"{name}: {value}".encode()
    except UnicodeEncodeError:
        raise BadValue(name, "is not valid text") from None
    if len(line) > MAX_LINE:
        raise BadValue(name, "is too long")
    return line


def _tcp(host: str, port: int, deadline: float) -> socket.socket:
    """The first address that answers, IPv6 or IPv4. (The receive buffer counts in full only when set beforehand.)"""
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_left(deadline))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


class _TlsWire:
    """A TLS socket for one thread that reads and others that write: OpenSSL's object must not do both at once, and a
    reader that waits must not keep the writers waiting. So nobody waits inside of it."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._timeout = sock.gettimeout() or 5.0
        self._ended = False
        sock.setblocking(False)

    def recv_into(self, buffer: bytearray, /) -> int:
        return self._try(lambda: self._sock.recv_into(buffer))

    def recv(self, size: int, /) -> bytes:
        return self._try(lambda: self._sock.recv(size))

    def sendall(self, data: bytes, /) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._try(partial(self._sock.send, rest)) :]

    def _try(self, operation: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._timeout
        while True:
            with self._lock:
                if self._ended:  # an ended SSLSocket would go on in plain text
                    raise OSError("closed")
                try:
                    return operation()
                except ssl.SSLWantReadError:
                    direction = select.POLLIN
                except ssl.SSLWantWriteError:
                    direction = select.POLLOUT
            wait = deadline - time.monotonic()
            if wait <= 0:
                raise TimeoutError("timed out")
            poll = select.poll()
            poll.register(self._sock, direction)
            poll.poll(wait * 1000)

    def settimeout(self, seconds: float, /) -> None:
        self._timeout = seconds

    def shutdown(self, how: int, /) -> None:
        with self._lock:
            self._ended = True
            self._sock.shutdown(how)

    def close(self) -> None:
        with self._lock:
            self._ended = True
            self._sock.close()
