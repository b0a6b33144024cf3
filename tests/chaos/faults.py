"""What goes wrong, when, and for how long: drawn from a seed, every kind of it before any comes twice."""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.chaos.centre import ChaosPbx
from tests.chaos.disk import Disk
from tests.chaos.layouts import Layout
from tests.chaos.proxy import Mode, Proxy


@dataclass(frozen=True, slots=True)
class Fault:
    """`target`: two faults of one target are never at the same time."""

    name: str
    target: str
    do: Callable[[Random], None]
    undo: Callable[[], None]
    shortest: float
    longest: float


@dataclass(frozen=True, slots=True)
class Planned:
    at: float  # seconds from the beginning
    fault: Fault
    length: float
    dice: Random


def of(layout: Layout, proxy: Proxy, disk: Disk, pbx: ChaosPbx | None) -> list[Fault]:
    """All that this layout can suffer; with `pbx`, the switch itself too."""
    faults = [*_of_programs(layout), *_of_the_wire(proxy), *_of_the_database(layout)]
    if not disk.why_not:
        faults.append(Fault("disk of the journal full", "disk", lambda _: disk.fill(), disk.free, 2, 12))
    if pbx is not None:
        faults.append(Fault("asterisk kill -9", "asterisk", lambda _: pbx.kill(), pbx.start, 1, 3))
    return faults


def _of_programs(layout: Layout) -> Iterator[Fault]:
    for name, program in layout.programs.items():
        yield Fault(f"{name} kill -9", name, lambda _, it=program: it.kill(), program.start, 0.5, 15)  # type: ignore[misc]
        if name != "redis":
            yield Fault(f"{name} stopped", name, lambda _, it=program: it.freeze(), program.thaw, 1, 15)  # type: ignore[misc]


def _of_the_wire(proxy: Proxy) -> Iterator[Fault]:
    def set_to(mode: Mode) -> Callable[[Random], None]:
        def do(dice: Random) -> None:
            proxy.bytes_a_second = dice.choice((2_000, 8_000, 20_000))
            proxy.set(mode)

        return do

    for mode, what in (
        (Mode.CUT, "cut"), (Mode.SWALLOW, "half-open"), (Mode.STALL, "stalled"), (Mode.SLOW, "slow"),
    ):  # fmt: skip
        yield Fault(f"AMI {what}", "AMI", set_to(mode), lambda: proxy.set(Mode.PASS), 1, 20)


def _of_the_database(layout: Layout) -> Iterator[Fault]:
    server = layout.database
    if server is not None:
        yield Fault("PostgreSQL crashed", "database", lambda _: server.crash(), server.start, 0.5, 15)
        return
    lock = _SqliteLock(layout)
    yield Fault("SQLite locked", "database", lambda _: lock.take(), lock.give_back, 1, 12)


class _SqliteLock:
    """Another program that writes, and takes its time."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.database_url.removeprefix("sqlite:///")
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        self._connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
        with suppress(sqlite3.OperationalError):  # the product itself was stopped in the middle of a transaction
            self._connection.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        if self._connection is not None:
            self._connection.rollback()
            self._connection.close()
            self._connection = None


def schedule(faults: Sequence[Fault], dice: Random, seconds: float, every: float) -> list[Planned]:
    """Deck after deck, so that each comes before any comes again."""
    planned: list[Planned] = []
    deck: list[Fault] = []
    free_at: dict[str, float] = {}
    at = 2.0
    while at < seconds - 2:
        deck = deck or dice.sample(faults, len(faults))
        fault = next((each for each in deck if free_at.get(each.target, 0.0) <= at), None)
        if fault is not None:
            deck.remove(fault)
            length = min(fault.shortest + (fault.longest - fault.shortest) * dice.random() ** 2, seconds - at)
            planned.append(Planned(at, fault, length, Random(dice.random())))
            free_at[fault.target] = at + length + 1.0
        at += every * dice.uniform(0.5, 1.5)
    return planned


class Nemesis:
    """Carries a schedule out, in the thread that calls it, and puts everything right at the end."""

    def __init__(self, planned: Sequence[Planned], say: Callable[[str], None]) -> None:
        self._say = say
        self.done: dict[str, int] = {}
        self.problems: list[str] = []
        self._to_do = [(each.at, number, each) for number, each in enumerate(planned)]
        self._to_undo: list[tuple[float, int, Planned]] = []
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        self._began = time.monotonic()
        try:
            while self._to_do or self._to_undo:
                undo = bool(self._to_undo) and (not self._to_do or self._to_undo[0][0] <= self._to_do[0][0])
                at, number, planned = heapq.heappop(self._to_undo if undo else self._to_do)
                time.sleep(max(0.0, self._began + at - time.monotonic()))
                if undo:
                    self._undo(planned.fault)
                else:
                    self._do(planned, number)
            time.sleep(max(0.0, self._began + seconds - time.monotonic()))
        finally:
            for _, _, planned in self._to_undo:
                self._undo(planned.fault)

    def _do(self, planned: Planned, number: int) -> None:
        fault, now = planned.fault, time.monotonic() - self._began
        self._say(f"{now:6.1f} s  {fault.name}, for {planned.length:.1f} s")
        heapq.heappush(self._to_undo, (now + planned.length, number, planned))
        try:
            fault.do(planned.dice)
            self.done[fault.name] = self.done.get(fault.name, 0) + 1
        except Exception as error:
            self.problems.append(f"{fault.name}: {type(error).__name__}: {error}")

    def _undo(self, fault: Fault) -> None:
        for attempt in range(3):
            try:
                fault.undo()
                return
            except Exception as error:
                self.problems.append(f"undoing {fault.name}: {type(error).__name__}: {error}")
                time.sleep(1 + attempt)
