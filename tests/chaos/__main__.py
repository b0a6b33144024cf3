"""`python -m tests.chaos --minutes 10 --database postgresql --seed 7`"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from pathlib import Path

from tests.chaos import report
from tests.chaos.layouts import LAYOUTS, CannotRun
from tests.chaos.run import Plan, run


def main() -> int:
    words = argparse.ArgumentParser(prog="make chaos")
    words.add_argument("--minutes", type=float, default=10.0)
    words.add_argument("--database", choices=sorted(LAYOUTS), default="sqlite")
    words.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    words.add_argument("--rate", type=float, default=3.0, help="callers a second")
    words.add_argument("--every", type=float, default=4.0, help="seconds from one fault to the next")
    words.add_argument("--only", default="", help="faults whose name has this in it")
    words.add_argument("--asterisk", action="store_true", help="kill the switch too")
    words.add_argument("--keep", type=Path, help="an empty directory in which all that was written stays")
    words.add_argument("--report", type=Path, help="a file for the result")
    asked = words.parse_args()
    plan = Plan(
        seed=asked.seed, seconds=60 * asked.minutes, database=asked.database, rate=asked.rate, every=asked.every,
        with_asterisk=asked.asterisk, only=asked.only,
    )  # fmt: skip
    for ending in (signal.SIGINT, signal.SIGTERM):  # also when it runs in the background: all that was started ends
        signal.signal(ending, signal.default_int_handler)
    say(f"seed {plan.seed}, {plan.database}, {asked.minutes:g} min")
    try:
        outcome = run(plan, say, asked.keep)
    except CannotRun as why:
        say(f"cannot run: {why}")
        return 2
    text = "\n".join(report.lines(outcome))
    print(text)
    if asked.report:
        asked.report.write_text(f"{text}\n", encoding="utf-8")
    return 0 if outcome.passed else 1


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
