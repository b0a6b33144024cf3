"""How to go on after a failure: when to try again, and what to say meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator

TICK = 0.25  # how soon a stop or a lost connection is noticed


def pauses(first: float, longest: float) -> Iterator[float]:
    """Twice as long each time, and never the same for two bridges."""
    while True:
        yield first * random.uniform(0.5, 1.0)
        first = min(longest, first * 2)


def told(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
