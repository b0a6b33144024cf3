"""The result as a table, and every offender."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.chaos.run import Outcome

SHOWN = 40


def lines(outcome: Outcome) -> Iterator[str]:
    plan, verdict = outcome.plan, outcome.verdict
    yield f"seed {plan.seed}, {plan.database}, {plan.seconds / 60:.1f} min, {plan.rate:g} callers a second"
    yield from _table("calls", {"callers": outcome.callers, **verdict.counts})
    yield from _table("faults", outcome.faults)
    yield from _table("colleagues", outcome.colleagues)
    yield from _table("desk", outcome.desk)
    yield from _table("ended by themselves", {name: len(codes) for name, codes in outcome.own_ends.items()})
    yield from _table("furthest from CEL, s", {name: f"{value:.3f}" for name, value in verdict.furthest.items()})
    yield f"settled after {outcome.settled:.1f} s" if outcome.settled is not None else "never settled"
    yield from _list("problems of the run itself", outcome.problems)
    yield from _list("suffered too little", outcome.shortfalls)
    yield from _list("doubts about CEL", outcome.queue_doubts)
    yield from _table("offences", verdict.kinds)
    yield from _list("offenders", [f"{each.kind:<16} {each.who}: {each.what}" for each in verdict.offences])
    yield "PASSED" if outcome.passed else "FAILED"


def _table(title: str, rows: Mapping[str, object]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (f"  {name:<28} {value:>8}" for name, value in rows.items())


def _list(title: str, rows: Iterable[str]) -> Iterator[str]:
    rows = list(rows)
    if rows:
        yield f"{title}:"
        yield from (f"  {row}" for row in rows)
