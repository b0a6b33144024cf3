"""How long a ringing phone takes to reach its agent: from the switch's frame to the socket, and to the painted card.

The product and its floors are served by one process (`tests.bench.product`) and measured in one run, in turns: read the
ratios, they survive a busy machine.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from tests.bench.product import PATIENCE, Agent, Caller, Product, hear, product, until

BLOCKS, SOCKETS, PAINTS, WARM_UP = 5, 40, 12, 3  # samples of each kind in a block; the first few of all are not counted
WATCH = """() => {
  const seen = new Set();
  let tell = null;
  window.bench = {
    next: () => new Promise((resolve) => { tell = resolve; setTimeout(() => resolve(null), %d); }),
    now: () => performance.timeOrigin + performance.now(),
  };
  const look = () => {
    for (const shown of document.querySelectorAll("%s")) {
      const id = shown.dataset.uid ?? shown.textContent;
      if (!id || seen.has(id)) continue;
      seen.add(id);
      const drawn = window.bench.now();
      requestAnimationFrame(() => setTimeout(() => tell?.({ drawn, painted: window.bench.now() })));
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}"""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
CALM = """() => new Promise((done) => {
  let before = -1;
  const look = () => {
    const fetched = performance.getEntriesByType("resource").length;
    if (fetched === before) return done();
    before = fetched;
    setTimeout(look, 350);
  };
  look();
})"""  # a page that heard of a call draws other parts of itself a little later
CARD, SAID = "ringback-callbar .cb-card[data-state=ringing]", "#said"


@dataclass
class Samples:
    """Milliseconds."""

    times: list[float] = field(default_factory=list)
    lost: int = 0

    def row(self) -> dict[str, float]:
        cuts = statistics.quantiles(self.times, n=100, method="inclusive")
        return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "samples": len(self.times), "lost": self.lost}


SOCKET, ECHO = "frame to agent's socket", "floor: bare websocket, there and back"
PAINTED, BARE = "frame to painted card", "floor: bare message to painted text"


class Sockets:
    """Raw clients: one as the agent's page is, one at the bare echo."""

    def __init__(self, product: Product, caller: Caller, agent: Agent) -> None:
        self._caller, self._agent = caller, agent
        self._echo = websocket.create_connection(f"ws://{product.url}/bench/echo", timeout=PATIENCE)

    def open(self) -> None:
        self._hearing = self._agent.listen()  # anew for each block: who answers no ping meanwhile is taken for gone

    def close(self) -> None:
        self._hearing.close()

    def pop(self) -> float | None:
        sent = self._caller.ring(self._agent.username)
        try:
            hear(self._hearing, "ringing")
            took = time.time() - sent
            self._caller.give_up()
            hear(self._hearing, "ended")
        except websocket.WebSocketTimeoutException:
            return None
        time.sleep(0.03)  # what follows the end (history, callback) is written
        return took * 1000

    def echo(self) -> float | None:
        words = json.dumps({"uid": "0" * 36, "version": 2, "state": "ringing", "v": 1})
        sent = time.time()
        self._echo.send(words)
        self._echo.recv()
        return (time.time() - sent) * 1000


class Pages:
    """Chromium: the agent's desk, and the bare page, in windows of their own."""

    def __init__(self, product: Product, caller: Caller, agent: Agent, browser: Any) -> None:
        self._caller, self._agent = caller, agent
        self._tell = websocket.create_connection(f"ws://{product.url}/bench/tell", timeout=PATIENCE)
        self._url = f"http://{product.url}"
        self._desk, self._bare = (self._page(browser, selector) for selector in (CARD, SAID))
        self._desk.context.add_cookies(
            [{"name": each.name, "value": each.value or "", "url": self._url} for each in agent.cookies]
        )
        self._words = itertools.count()
        self.stages: dict[str, list[float]] = {}
        self.uncertain = 0.0  # ms between the browser's clock and ours

    def _page(self, browser: Any, selector: str) -> Any:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.add_init_script(f"({WATCH % (PATIENCE * 1000, selector)})()")
        return page

    def open(self) -> None:
        self._hearing = self._agent.listen()
        self._desk.goto(f"{self._url}/desk")
        self._bare.goto(f"{self._url}/bench/page")
        connected = "() => performance.getEntriesByType('resource').some((entry) => entry.name.includes('/live/since'))"
        until(lambda: self._desk.evaluate(connected), "the desk's socket")
        until(lambda: self._bare.evaluate("() => socket.readyState === 1"), "the bare page's socket")
        self._desk.evaluate(CALM)
        self._offsets = {page: self._offset(page) for page in (self._desk, self._bare)}

    def close(self) -> None:
        self._hearing.close()
        for page in (self._desk, self._bare):
            page.goto("about:blank")

    def _offset(self, page: Any) -> float:
        """What to take off the page's clock to have ours: from the quickest of many questions."""
        asked = []
        for _ in range(30):
            before, told, after = time.time(), page.evaluate("() => bench.now()"), time.time()
            asked.append((after - before, told / 1000 - (before + after) / 2))
        took, offset = min(asked)
        self.uncertain = max(self.uncertain, took / 2 * 1000)
        return offset

    def pop(self) -> float | None:
        self._desk.evaluate("() => performance.clearResourceTimings()")
        seen, sent = self._painted(self._desk, lambda: self._caller.ring(self._agent.username))
        if seen is not None:
            self._stage(sent)
        self._caller.give_up()
        try:
            hear(self._hearing, "ended")
        except websocket.WebSocketTimeoutException:
            return None
        self._desk.evaluate(CALM)
        return seen and (seen["painted"] / 1000 - self._offsets[self._desk] - sent) * 1000

    def bare(self) -> float | None:
        def tell() -> float:
            sent = time.time()
            self._tell.send(f"call {next(self._words)}")
            return sent

        seen, sent = self._painted(self._bare, tell)
        return seen and (seen["painted"] / 1000 - self._offsets[self._bare] - sent) * 1000

    def _painted(self, page: Any, act: Callable[[], float]) -> tuple[dict[str, float] | None, float]:
        """What the page saw, and when the act was done: it is done beside, while the page is being watched."""
        sent: list[float] = []
        beside = threading.Timer(random.uniform(0.03, 0.05), lambda: sent.append(act()))
        beside.start()
        self._seen = seen = page.evaluate("() => bench.next()")
        beside.join()
        return seen, sent[0]

    def _stage(self, sent: float) -> None:
        """Where a pop's time goes, by the page's own record."""
        entry = self._desk.evaluate(
            "() => { const e = performance.getEntriesByName(location.origin + '/desk/callbar')[0];"
            " return e && [performance.timeOrigin + e.startTime, performance.timeOrigin + e.responseEnd]; }"
        )
        if not entry:
            return
        sent = (sent + self._offsets[self._desk]) * 1000
        moments = [sent, *entry, self._seen["drawn"], self._seen["painted"]]
        names = ("frame to the page's question", "question to answer", "answer to new page", "new page to painted")
        for name, (before, after) in zip(names, itertools.pairwise(moments), strict=True):
            self.stages.setdefault(name, []).append(after - before)


def run() -> dict[str, Any]:
    """{"rows": {name: {p50, p95, p99, samples, lost}}, "ratios", "stages" (medians, ms), "clock" (ms of doubt)}."""
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        firm = running.enter_context(product(directory))
        return measured(firm, Caller(firm.pbx))


def measured(firm: Product, caller: Caller) -> dict[str, Any]:
    """As `run`, at a product that is up."""
    samples = {name: Samples() for name in (SOCKET, ECHO, PAINTED, BARE)}
    with ExitStack() as running:
        sockets = Sockets(firm, caller, Agent(firm, "bob"))
        browser = running.enter_context(chromium())
        pages = Pages(firm, caller, Agent(firm, "alice"), browser) if browser else None
        for block in range(BLOCKS):
            warm_up = 0 if block else WARM_UP
            sockets.open()
            _take(samples, {SOCKET: sockets.pop, ECHO: sockets.echo}, SOCKETS, warm_up)
            sockets.close()
            if pages:
                pages.open()
                _take(samples, {PAINTED: pages.pop, BARE: pages.bare}, PAINTS, warm_up)
                pages.close()
    rows = {name: each.row() for name, each in samples.items() if each.times or each.lost}
    stages = {name: statistics.median(times) for name, times in pages.stages.items()} if pages else {}
    return {"rows": rows, "ratios": _ratios(rows), "stages": stages, "clock": pages.uncertain if pages else 0.0}


def _take(samples: dict[str, Samples], kinds: dict[str, Callable[[], float | None]], count: int, warm_up: int) -> None:
    for i in range(warm_up + count):
        for name, sample in kinds.items():
            took = sample()
            if took is None:
                samples[name].lost += 1
                if samples[name].lost > 5:
                    raise RuntimeError(f"{name}: too many never arrived")
            elif i >= warm_up:
                samples[name].times.append(took)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or None where there is none."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=FLAGS)
        except Error as error:
            print(f"no Chromium, so no painting is measured: {str(error).splitlines()[0]}", file=sys.stderr)
            yield None
            return
        yield browser
        browser.close()


def _ratios(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    pairs = {"agent's socket over bare websocket": (SOCKET, ECHO), "painted card over bare text": (PAINTED, BARE)}
    return {
        name: {cut: rows[ours][cut] / rows[floor][cut] for cut in ("p50", "p95", "p99")}
        for name, (ours, floor) in pairs.items()
        if ours in rows
    }


def lost(result: dict[str, Any]) -> int:
    return sum(int(row["lost"]) for row in result["rows"].values())


def table(result: dict[str, Any]) -> str:
    lines = [f"{'ms':40}{'p50':>9}{'p95':>9}{'p99':>9}{'samples':>9}{'lost':>6}"]
    for name, row in result["rows"].items():
        figures = "".join(f"{row[cut]:>9.2f}" for cut in ("p50", "p95", "p99"))
        lines.append(f"{name:40}{figures}{row['samples']:>9.0f}{row['lost']:>6.0f}")
    lines.append("")
    for name, ratio in result["ratios"].items():
        lines.append(f"{name:40}" + "".join(f"{ratio[cut]:>9.1f}" for cut in ("p50", "p95", "p99")))
    if result["stages"]:
        lines += ["", "of a painted card (medians, ms; the clocks agree to " + f"{result['clock']:.1f}):"]
        lines += [f"  {name:38}{took:>9.2f}" for name, took in result["stages"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(result := run()))
    sys.exit(bool(lost(result)))
