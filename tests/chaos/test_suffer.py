"""A minute in which everything goes wrong, on a real Asterisk: afterwards each call is one true row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.layouts import CannotRun
from tests.chaos.run import Plan, run

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_call_is_lost_or_doubled_and_no_caller_forgotten(database: str, tmp_path: Path) -> None:
    plan = Plan(seed=20, seconds=60.0, database=database, rate=2.0, every=3.0)
    try:
        outcome = run(plan, print, tmp_path)
    except CannotRun as why:
        pytest.skip(str(why))
    assert outcome.passed, "\n".join(report.lines(outcome))
