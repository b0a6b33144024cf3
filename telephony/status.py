"""How a bridge fares, for health pages."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """`since`: of being connected, or not."""

    connected: bool
    since: datetime
    problem: str = ""  # why not connected, or why events wait
    last_frame_at: datetime | None = None
    frames: int = 0
    behind: int = 0  # bytes of the journal that were not delivered yet
    delivered: int = 0
    set_aside: int = 0
    connections: int = 0
    tainted: int = 0  # frames that callers forged or tore, since the start
    tainted_at: datetime | None = None  # the last one
    tainted_call: str = ""  # and whose: the call's uid, or a channel


class Gauge:
    """A bridge's threads change it, others read it."""

    def __init__(self) -> None:
        self.status = BridgeStatus(connected=False, since=datetime.now(UTC))
        self._lock = threading.Lock()

    def change(self, **changes: Any) -> None:
        with self._lock:
            self.status = replace(self.status, **changes)

    def saw(self, frames: int) -> None:
        with self._lock:
            self.status = replace(self.status, frames=self.status.frames + frames, last_frame_at=datetime.now(UTC))
