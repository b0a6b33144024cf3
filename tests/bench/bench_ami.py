"""How fast a switch's events are read: AmiClient, the library underneath as it comes, and the least that Python must do.

One recorded load (500 calls at 25 a second on a real Asterisk, every class of events), sent over loopback by a process of
its own as fast as it is taken. All in one run, in turns, medians: read the ratios, they survive a busy machine.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asterisk.manager import Manager

from telephony.ami.client import AmiClient
from telephony.ami.frames import END, Frame, FrameSplitter
from telephony.ami.listening import WANTED

SAMPLE = Path(__file__).parents[1] / "fixtures/journals/load-sample.ami.gz"
LAST = b"Event: BenchEnd\r\nPrivilege: user,all"
FAST, SLOW = 150_000, 4_000  # events per round
ROUNDS = 3
NEEDED = {name.encode(): pattern for name, pattern in WANTED.items()}
BARS = {
    "needed events, times stock pyst2": (100.0, ">="),
    "needed events, CPU over the floor": (1.5, "<="),
    "all events, CPU over the floor": (1.6, "<="),
}


def sample(events: int) -> bytes:
    """So many events, and one that is the last."""
    with gzip.open(SAMPLE) as file:
        recorded = [raw for raw in file.read().split(END) if raw.startswith(b"Event: ")]
    chosen = [recorded[number % len(recorded)] for number in range(events)]
    return END.join([*chosen, LAST, b""])


def serve() -> None:
    """A switch for one client at a time: greets, accepts any log-in, then sends as many events as standard input says."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    buffers = {events: sample(events) for events in (FAST, SLOW)}
    for line in sys.stdin:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), client:
            client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            log_in(client)
            client.sendall(buffers[int(line)])
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass


def log_in(client: socket.socket) -> None:
    splitter = FrameSplitter()
    while True:
        for raw in splitter.feed(client.recv(4096)):
            action = Frame(raw)
            client.sendall(f"Response: Success\r\nActionID: {action.get('ActionID', '')}\r\n\r\n".encode())
            if action["Action"] == "Login":
                return


class Measured:
    """Wall and CPU seconds of this process from the first event to the last."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self._began = (time.perf_counter(), time.process_time())

    def finish(self) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.cpu = time.process_time() - self._began[1]
        self.done.set()


def stock(port: int) -> Measured:
    manager = Manager()
    manager.connect("127.0.0.1", port)
    measured = Measured()
    manager.register_event("*", lambda event, manager: None)
    manager.register_event("BenchEnd", lambda event, manager: measured.finish())
    manager.login("bench", "bench")
    measured.done.wait()
    manager.message_thread.join()
    return measured


def ours(port: int, wanted: dict[str, Any] | None) -> Measured:
    """As the bridge uses it, with every wanted event parsed."""
    measured: Measured

    def parse(frames: list[bytes]) -> None:
        for raw in frames:
            Frame(raw).get("Uniqueid")
        if frames[-1] == LAST:
            measured.finish()

    client = AmiClient(on_frames=parse, wanted=wanted, ping_interval=60)
    client.connect("127.0.0.1", port)
    measured = Measured()
    client.login("bench", "bench")
    measured.done.wait()
    client.close()
    return measured


def needed(port: int) -> Measured:
    return ours(port, {**WANTED, "BenchEnd": None})


def everything(port: int) -> Measured:
    return ours(port, None)


def floor(port: int, parse: Callable[[list[bytes]], None]) -> Measured:
    """The least: one large read, one split, dictionaries."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.connect(("127.0.0.1", port))
    sock.recv(4096)
    measured = Measured()
    sock.sendall(b"Action: Login\r\nUsername: bench\r\nSecret: bench\r\n\r\n")
    buffer = bytearray(1 << 18)
    view, tail = memoryview(buffer), b""
    while not measured.done.is_set():
        size = sock.recv_into(buffer)
        parts = (tail + bytes(view[:size])).split(END)
        tail = parts.pop()
        parse(parts)
        if parts and parts[-1] == LAST:
            measured.finish()
    sock.close()
    return measured


def floor_needed(port: int) -> Measured:
    def parse(parts: list[bytes], needed: dict[bytes, Any] = NEEDED) -> None:
        for raw in parts:
            name = raw[7 : raw.find(b"\r\n", 7)]
            if name in needed and ((pattern := needed[name]) is None or pattern.search(raw)):
                dict([line.split(": ", 1) for line in raw.decode("utf-8", "replace").split("\r\n")])

    return floor(port, parse)


def floor_everything(port: int) -> Measured:
    def parse(parts: list[bytes]) -> None:
        for raw in parts:
            dict([line.split(": ", 1) for line in raw.decode("utf-8", "replace").split("\r\n")])

    return floor(port, parse)


CLIENTS: dict[str, tuple[Callable[[int], Measured], int]] = {
    "pyst2 as it comes, all parsed": (stock, SLOW),
    "AmiClient, needed events": (needed, FAST),
    "floor, needed events": (floor_needed, FAST),
    "AmiClient, all events": (everything, FAST),
    "floor, all events": (floor_everything, FAST),
}


def run() -> dict[str, Any]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bench_ami", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert server.stdin is not None and server.stdout is not None
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    try:
        with _own_core(server.pid):
            port = int(server.stdout.readline())
            for _ in range(ROUNDS):
                for name, (client, events) in CLIENTS.items():
                    server.stdin.write(f"{events}\n")
                    server.stdin.flush()
                    measured = client(port)
                    rounds[name].append((events / measured.wall, measured.cpu / events * 100_000))
    finally:
        server.terminate()
        server.wait()
    rows = {
        name: {
            "events_per_second": statistics.median(rate for rate, _ in results),
            "cpu_seconds_per_100k": statistics.median(cpu for _, cpu in results),
        }
        for name, results in rounds.items()
    }
    return {"clients": rows, "ratios": _ratios(rows)}


def _ratios(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    def rate(name: str) -> float:
        return rows[name]["events_per_second"]

    def cpu(name: str) -> float:
        return rows[name]["cpu_seconds_per_100k"]

    stock_rate = rate("pyst2 as it comes, all parsed")
    return {
        "needed events, times stock pyst2": rate("AmiClient, needed events") / stock_rate,
        "needed events, CPU over the floor": cpu("AmiClient, needed events") / cpu("floor, needed events"),
        "all events, times stock pyst2": rate("AmiClient, all events") / stock_rate,
        "all events, CPU over the floor": cpu("AmiClient, all events") / cpu("floor, all events"),
    }


class _own_core:
    """Server and client side by side, where the system lets us say so."""

    def __init__(self, server: int) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        cores = sorted(self._before)
        if len(cores) > 1:
            os.sched_setaffinity(self._server, {cores[0]})
            os.sched_setaffinity(0, set(cores[1:2]))

    def __exit__(self, *_: object) -> None:
        if self._before:
            os.sched_setaffinity(0, self._before)


def table(result: dict[str, Any]) -> str:
    lines = [f"{'':34}{'events/s':>12}{'CPU s / 100k':>14}"]
    for name, row in result["clients"].items():
        lines.append(f"{name:34}{row['events_per_second']:>12,.0f}{row['cpu_seconds_per_100k']:>14.2f}")
    lines.append("")
    for name, ratio in result["ratios"].items():
        bar, direction = BARS.get(name, (None, ""))
        met = "" if bar is None else f"   {direction} {bar:g}: " + ("yes" if _met(ratio, bar, direction) else "NO")
        lines.append(f"{name:34}{ratio:>12.2f}{met}")
    return "\n".join(lines)


def _met(ratio: float, bar: float, direction: str) -> bool:
    return ratio >= bar if direction == ">=" else ratio <= bar


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        logging.disable(logging.WARNING)  # each round ends with a lost connection
        print(table(run()))
