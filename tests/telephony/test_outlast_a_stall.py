"""Whoever writes calls down stalls for half a minute under a thousand events a second; then the reader itself is stopped,
and the switch cuts it off. Memory stays bounded, the gap is noticed, what is alive is known again, and nothing is lost.

Volume stands for time: thirty thousand frames are half a minute of a thousand a second.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from telephony import retry
from telephony.ami.listening import connector
from telephony.ami.tracker import CallTracker
from telephony.bridge import Bridge
from telephony.delivery import Event
from telephony.events import CallEnded
from telephony.fake import asterisk
from telephony.fake.asterisk import FakeAsterisk
from telephony.journal import Journal
from tests.telephony.forgers import HIS_CHANNEL, HIS_UID, his_call
from tests.telephony.wires import USERS, eventually

FRAMES = 30_000
BOUND = 8 << 20  # bytes; the frames themselves are twice as many
BATCH = 1_000


@pytest.fixture
def pbx(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAsterisk]:
    monkeypatch.setattr(retry, "TICK", 0.02)
    monkeypatch.setattr(asterisk, "WRITE_TIMEOUT", 1.0)
    with FakeAsterisk(USERS) as pbx:
        yield pbx


def calls(first: int, count: int) -> list[bytes]:
    """Whole calls, each of eight frames, one after the other."""
    frames: list[bytes] = []
    for number in range(first, first + count):
        uid, channel = b"1795426600.%d" % number, b"PJSIP/trunk-%08x" % number
        for raw in his_call("6944000001", 1_795_426_600.0 + number / 100):
            frames.append(raw.replace(HIS_UID.encode(), uid).replace(HIS_CHANNEL.encode(), channel))
    return frames


def test_a_stall_of_delivery_costs_time_and_neither_memory_nor_calls(pbx: FakeAsterisk, tmp_path: Path) -> None:
    released, stop = threading.Event(), threading.Event()
    ended: set[str] = set()

    def deliver(event: Event) -> None:
        released.wait()
        if isinstance(event, CallEnded):
            ended.add(event.uid)

    whole = calls(0, FRAMES // 8)
    with closing(Journal(tmp_path / "pbx")) as journal:
        bridge = Bridge(
            connector(pbx.host, pbx.port, "crm", USERS["crm"].secret), CallTracker(), deliver, journal, stop
        )
        thread = threading.Thread(target=bridge.run)
        thread.start()
        try:
            eventually(lambda: bridge.status.connected)
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            for first in range(0, len(whole), BATCH):
                pbx.send_raw(b"".join(whole[first : first + BATCH]))
            eventually(lambda: bridge.status.frames >= len(whole), timeout=60)
            assert bridge.status.behind > 10 << 20  # what waits, waits on disk
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak - before < BOUND
            assert not ended
            assert bridge.status.connected  # the switch did not have to cut us off
            released.set()
            eventually(lambda: not bridge.status.behind, timeout=60)
        finally:
            released.set()
            stop.set()
            thread.join(20)
            tracemalloc.stop()
    assert len(ended) == FRAMES // 8
    assert bridge.status.connections == 1


READER = """
import json, sys, threading
from pathlib import Path
from telephony.ami.listening import connector
from telephony.ami.tracker import CallTracker
from telephony.bridge import Bridge
from telephony.events import CallEnded, Resynced
from telephony.journal import Journal

def deliver(event):
    if isinstance(event, CallEnded):
        print(json.dumps(["ended", event.uid, event.summary.result]), flush=True)
    elif isinstance(event, Resynced):
        print(json.dumps(["resynced", sorted(event.open_uids)]), flush=True)

host, port, secret, folder = sys.argv[1:]
journal = Journal(Path(folder))
Bridge(connector(host, int(port), "crm", secret), CallTracker(), deliver, journal, threading.Event()).run()
"""


class Reader:
    """A bridge in a process of its own, which can be stopped as a machine that swaps is."""

    def __init__(self, pbx: FakeAsterisk, folder: Path) -> None:
        command = [sys.executable, "-c", READER, pbx.host, str(pbx.port), USERS["crm"].secret, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.told: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line.strip())

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def memory(self) -> int:
        """The most that it ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10

    def close(self) -> None:
        self.go_on()
        self.process.kill()
        self.process.wait()
        self._listener.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def reader(pbx: FakeAsterisk, tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(pbx, tmp_path / "pbx")
    yield reader
    reader.close()


def until(condition: Callable[[], object]) -> None:
    eventually(condition, timeout=60)


def test_a_reader_that_is_stopped_is_cut_off_and_knows_afterwards_what_is_alive(
    pbx: FakeAsterisk, reader: Reader, tmp_path: Path
) -> None:
    until(lambda: reader.told)  # the first snapshot
    before = reader.memory()
    stays, goes, unseen = calls(1, 3)[:8], calls(1, 3)[8:16], calls(1, 3)[16:24]
    pbx.send(*(raw.removesuffix(b"\r\n\r\n") for raw in stays[:4] + goes[:4]))
    until(lambda: b"1795426600.2" in b"".join(path.read_bytes() for path in (tmp_path / "pbx").glob("*.ami")))
    reader.stop()
    assert pbx.listeners == 1
    filler = b"".join(calls(1_000, 2_000))

    def cut_off() -> bool:
        pbx.send_raw(filler)
        return not pbx.listeners

    until(cut_off)
    pbx.send(*(raw.removesuffix(b"\r\n\r\n") for raw in goes[4:] + unseen))  # while nobody listens
    heard_before = len(reader.told)
    reader.go_on()
    until(lambda: any(line.startswith('["resynced"') for line in reader.told[heard_before:]))
    last = [line for line in reader.told if line.startswith('["resynced"')][-1]
    assert last == '["resynced", ["1795426600.1"]]'
    journal = b"".join(path.read_bytes() for path in sorted((tmp_path / "pbx").glob("*.ami")))
    assert b" gap\r\n" in journal
    assert '["ended", "1795426600.2", "lost"]' in reader.told  # how it went, the books tell
    pbx.send(*(raw.removesuffix(b"\r\n\r\n") for raw in stays[4:]))
    until(lambda: '["ended", "1795426600.1", "abandoned"]' in reader.told)
    assert reader.memory() - before < BOUND
