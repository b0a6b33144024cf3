"""From the switch to the screen in a big firm: 200 agents are connected, ten calls a second ring, a million contacts are on
PostgreSQL. Everything shares one machine's cores; the floors are measured in the same turns, beside the same crowd."""

from __future__ import annotations

import heapq
import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from telephony.fake.asterisk import FakeAsterisk
from telephony.fake.recast import Recast, Recaster, stamped
from tests.bench import bench_pop, crowd
from tests.bench.product import PAST, RECORDED_LINE, ROOT, Caller, Product, product, recorded_call
from tests.postgresql import PostgreSQL, find_binaries

AGENTS, CALLS_A_SECOND, CONTACTS = 200, 10, 1_000_000
TITLE = f"{AGENTS} agents, {CALLS_A_SECOND} calls a second, {CONTACTS:,} contacts on PostgreSQL"


class Traffic:
    """Ten callers a second, each at the next agent's phone; who was called first gives up first."""

    def __init__(self, pbx: FakeAsterisk, known: list[str], recaster: Recaster) -> None:
        self._pbx, self._numbers, self._frames, self._recaster = (
            pbx,
            itertools.cycle(known),
            recorded_call(),
            recaster,
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.calls = 0

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.time()
        due: list[tuple[float, int, bytes]] = []
        order = itertools.count()
        for call in itertools.count():
            at = begun + call / CALLS_A_SECOND
            recast = Recast(caller=next(self._numbers), lines={RECORDED_LINE: f"PJSIP/{crowd.username(call % AGENTS)}"})
            for offset, raw in self._recaster.cast(self._frames, recast):
                heapq.heappush(due, (at + offset, next(order), stamped(raw, at + offset - PAST)))
            self.calls += 1
            while due and due[0][0] < at + 1 / CALLS_A_SECOND:
                if self._ended.wait(max(0.0, due[0][0] - time.time())):
                    return
                self._pbx.send(heapq.heappop(due)[2])


@contextmanager
def _pages(firm: Product) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.bench.crowd", firm.url, str(AGENTS)]
    pages = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert pages.stdin and pages.stdout
    try:
        if pages.stdout.readline() != "ready\n":
            raise RuntimeError("the agents could not log in")
        yield pages
    finally:
        pages.stdin.close()
        pages.wait(60)


def run() -> dict[str, Any] | None:
    """As `bench_pop.run`, and {"calls", "asked", "refused"} of the crowd. None where there is no PostgreSQL."""
    binaries = find_binaries()
    if binaries is None:
        return None
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        database = running.enter_context(PostgreSQL(binaries))
        size = {"BENCH_AGENTS": str(AGENTS), "BENCH_CONTACTS": str(CONTACTS)}
        firm = running.enter_context(product(directory, RINGBACK_DATABASE_URL=database.url, **size))
        ours, theirs = crowd.numbers(CONTACTS, 2_000)[:1_000], crowd.numbers(CONTACTS, 2_000)[1_000:]
        with _pages(firm) as pages:
            recaster = Recaster()  # no two calls share an identity
            with Traffic(firm.pbx, theirs, recaster) as traffic:
                result = bench_pop.measured(firm, Caller(firm.pbx, ours, recaster))
            assert pages.stdin and pages.stdout
            pages.stdin.close()
            asked, refused = map(int, pages.stdout.readline().split())
    return result | {"calls": traffic.calls, "asked": asked, "refused": refused}


def lost(result: dict[str, Any] | None) -> int:
    return bench_pop.lost(result) + int(result["refused"]) if result else 0


def table(result: dict[str, Any] | None) -> str:
    if result is None:
        return "not measured: PostgreSQL's server is not installed"
    calls, asked, refused = (result[name] for name in ("calls", "asked", "refused"))
    beside = f"beside: {calls} calls, whose cards were asked for {asked} times, {refused} refused"
    return f"{bench_pop.table(result)}\n{beside}"


if __name__ == "__main__":
    print(table(found := run()))
    sys.exit(bool(lost(found)))
