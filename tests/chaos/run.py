"""One run: a call centre under load, everything that can go wrong, time to settle, and then the comparison."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.chaos import faults, truth
from tests.chaos.centre import WITHHELD, Centre, make_pbx
from tests.chaos.checker import Rows, Verdict, check, normal
from tests.chaos.desk import Desk
from tests.chaos.disk import Disk
from tests.chaos.layouts import LAYOUTS, CannotRun, Layout
from tests.chaos.proxy import Proxy
from webapp.trial.install import default_cache, ensure_sipp, find_or_install

LAST_CALLS = 60.0  # seconds that the calls which are there at the end may take to end by themselves
SETTLING = 300.0  # seconds; two cores are shared with the load
LONG = 600.0  # seconds of a run in which each kind of fault must come
LEAST_CALLS, LEAST_OF_A_SORT = 0.5, 0.02  # of the callers that were planned
UNFAIR = {"answer 500", "answer 404", "answer 422"}  # whatever fails, a page says so: 503

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seconds: float
    database: str = "sqlite"
    rate: float = 3.0  # callers a second
    every: float = 4.0  # seconds from one fault to the next
    with_asterisk: bool = False  # the switch itself is killed too
    only: str = ""  # faults whose name has this in it


@dataclass(slots=True)
class Outcome:
    plan: Plan
    verdict: Verdict
    callers: int
    faults: dict[str, int]
    colleagues: dict[str, int]
    desk: dict[str, int]
    own_ends: dict[str, list[int]]
    settled: float | None  # seconds; None: it never did
    problems: list[str] = field(default_factory=list)
    queue_doubts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)  # of faults that could have been done
    disk_spared: str = ""  # why the journal's disk was not filled

    @property
    def passed(self) -> bool:
        return not (
            self.settled is None or self.verdict.offences or self.problems or self.queue_doubts or self.shortfalls
        )

    @property
    def shortfalls(self) -> list[str]:
        """Where the run suffered too little to prove anything."""
        counts = self.verdict.counts
        wanted = {
            "calls by CEL": max(1, int(self.callers * LEAST_CALLS)),
            **dict.fromkeys(("answered", "missed"), max(1, int(self.callers * LEAST_OF_A_SORT))),
        }
        few = [f"{name}: {counts.get(name, 0)}, at least {least}" for name, least in wanted.items()
               if counts.get(name, 0) < least]  # fmt: skip
        few += [] if self.faults else ["no fault was done"]
        if self.plan.seconds >= LONG and not self.plan.only:
            few += [f"never done: {kind}" for kind in self.kinds if not self.faults.get(kind)]
            few += [f"never done: disk of the journal full ({self.disk_spared})"] if self.disk_spared else []
        return few


def run(plan: Plan, say: Say, folder: Path | None = None) -> Outcome:
    """Raises CannotRun with the reason, where a part is missing."""
    installation, sipp = find_or_install(default_cache(), say), ensure_sipp(default_cache(), say)
    if installation is None or sipp is None:
        raise CannotRun("there is no Asterisk or no SIPp here")
    dice = Random(plan.seed)
    with ExitStack() as everything:
        folder = folder or Path(everything.enter_context(tempfile.TemporaryDirectory(prefix="ringback-chaos-")))
        centre = everything.enter_context(Centre(make_pbx(installation, folder / "pbx"), sipp, Random(dice.random())))
        proxy = everything.enter_context(Proxy(centre.pbx.ports.ami))
        switch = replace(centre.pbx.switch("main"), port=proxy.port)
        (folder / "product").mkdir()
        layout = LAYOUTS[plan.database](folder / "product", switch)
        disk = everything.enter_context(Disk(layout.journal))
        if disk.why_not:
            say(f"the journal's disk does not fill: {disk.why_not}")
        everything.enter_context(layout)
        return _suffer(plan, dice, say, centre, layout, proxy, disk)


def _suffer(plan: Plan, dice: Random, say: Say, centre: Centre, layout: Layout, proxy: Proxy, disk: Disk) -> Outcome:
    everything_bad = faults.of(layout, proxy, disk, centre.pbx if plan.with_asterisk else None)
    chosen = [fault for fault in everything_bad if plan.only in fault.name]
    planned = faults.schedule(chosen, Random(dice.random()), plan.seconds, plan.every)
    nemesis = faults.Nemesis(planned, say)
    desk = Desk(layout, Random(dice.random()))
    centre.open(seconds=plan.seconds, rate=plan.rate)
    desk.start()
    try:
        nemesis.run(plan.seconds)
        say("all is put right; the last calls are ending")
    finally:
        desk.stop()
    problems = [*nemesis.problems, *(f"a page: {what}" for what in desk.done if what in UNFAIR)]
    if not centre.close(LAST_CALLS):
        say("some calls did not end by themselves; they were ended")
    settled = _settle(layout, centre, say)
    if layout.database is not None:
        layout.database.dump(layout.folder / "database.sql")
    steps = truth.read_cel(centre.pbx.cel_file)
    calls = truth.calls(steps)
    withheld = {call.uid for call in calls if WITHHELD.fullmatch(normal(call.number) or "") or not normal(call.number)}
    verdict = check(calls, Rows.read(layout.database_url), withheld=withheld)
    assert centre.callers is not None
    return Outcome(
        plan=plan,
        verdict=verdict,
        callers=centre.callers.planned,
        faults=nemesis.done,
        colleagues=centre.colleagues.done,
        desk=desk.done,
        own_ends={name: program.own_ends for name, program in layout.programs.items() if program.own_ends},
        settled=settled,
        problems=problems,
        queue_doubts=_doubts(centre, calls),
        kinds=[fault.name for fault in chosen],
        disk_spared=disk.why_not,
    )


def _settle(layout: Layout, centre: Centre, say: Say) -> float | None:
    """Until the bridge hears the switch and nothing waits anywhere: seconds, or None."""
    steps = truth.read_cel(centre.pbx.cel_file)
    last = max((step.at for step in steps), default=0.0)
    began = time.monotonic()
    while time.monotonic() - began < SETTLING:
        if _is_settled(layout, last):
            return time.monotonic() - began
        time.sleep(0.5)
    say(f"it did not settle: {layout.health()}\n{layout.last_words()}")
    return None


def _is_settled(layout: Layout, last: float) -> bool:
    bridge = layout.bridge()
    if not (bridge.get("connected") and bridge.get("behind") == 0):
        return False
    books = bridge.get("books")
    if books is None:
        return _nothing_open(layout)
    read_to = time_of(books.get("last_record_at"))
    return bool(books["behind"] == 0 and books["waiting"] == 0 and read_to >= last - 0.001) and _nothing_open(layout)


def _nothing_open(layout: Layout) -> bool:
    return all(call.is_over for call in Rows.read(layout.database_url).calls)


def time_of(text: str | None) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _doubts(centre: Centre, calls: list[truth.TrueCall]) -> list[str]:
    """Where Asterisk's own queue_log tells otherwise than CEL: then the judge is not to be trusted."""
    entered, connected = truth.queue_witness(centre.pbx.log_dir / "queue_log")
    by_uid = {uid: call for call in calls for uid in (call.uid, *call.other_ids)}
    unknown = [f"queue_log knows {uid}, CEL does not" for uid in entered - by_uid.keys()]
    return unknown + [
        f"queue_log says that {uid} was answered, CEL does not"
        for uid in connected & by_uid.keys()
        if by_uid[uid].answered is None
    ]
