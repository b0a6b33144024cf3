"""A run in which nothing happened proves nothing, and does not pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import Verdict
from tests.chaos.run import Outcome, Plan

SHORT, LONG = Plan(seed=1, seconds=60), Plan(seed=1, seconds=600)
BUSY = {"calls by CEL": 110, "answered": 60, "missed": 40}


def outcome(plan: Plan = SHORT, counts: dict[str, int] = BUSY, **more: Any) -> Outcome:
    facts: dict[str, Any] = {
        "callers": 120, "faults": {"web kill -9": 1}, "colleagues": {}, "desk": {}, "own_ends": {}, "settled": 1.0,
        "kinds": ["web kill -9", "AMI cut"],
    }  # fmt: skip
    return Outcome(plan=plan, verdict=Verdict(counts=dict(counts)), **(facts | more))


def test_a_short_run_that_suffered_passes() -> None:
    assert outcome().passed


@pytest.mark.parametrize("name", sorted(BUSY))
def test_calls_that_never_came(name: str) -> None:
    assert not outcome(counts=BUSY | {name: 0}).passed
    assert not outcome(counts=BUSY | {name: 0}, callers=0).passed


def test_no_fault_and_doubts() -> None:
    assert not outcome(faults={}).passed
    assert not outcome(queue_doubts=["queue_log knows 1.0, CEL does not"]).passed


def test_in_ten_minutes_each_kind_of_fault_comes() -> None:
    assert outcome(LONG).shortfalls == ["never done: AMI cut"]
    every = {"web kill -9": 3, "AMI cut": 1}
    assert outcome(LONG, faults=every).passed
    assert not outcome(LONG, faults=every, disk_spared="only root may").passed
    assert outcome(replace(LONG, only="web")).passed
