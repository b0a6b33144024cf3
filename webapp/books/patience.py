"""When the books have their say. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = timedelta(seconds=5)  # a call's end reaches us by its events sooner than this
LONGEST = timedelta(seconds=30)  # that events which wait in the journal are waited for, and clocks that differ


@dataclass(frozen=True, slots=True)
class Bridge:
    """What the bridge of the same switch is doing."""

    connected: bool
    behind: bool  # its journal holds what was not delivered yet


def is_due(ended_at: datetime, told_at: datetime, at: datetime, bridge: Bridge) -> bool:
    """A call that ended, and that the books told us of at `told_at`: what events are about to say of it is theirs to
    say, since it is no recovery. Whoever hears nothing is told at once."""
    if at - told_at >= LONGEST:
        return True
    if bridge.behind:
        return False
    return not bridge.connected or at - ended_at >= GRACE
