"""Events that wait for slow handlers: bounded, and what does not fit is dropped, counted and told."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

MOST = 10_000  # events


class Backlog:
    def __init__(self) -> None:
        self.overflowed = 0
        self._batches: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self.waiting = 0  # events, with those that are being handled
        self._lock = threading.Lock()

    def put(self, batch: list[bytes]) -> None:
        with self._lock:
            full = self.waiting + len(batch) > MOST
            if not full:
                self.waiting += len(batch)
        if full:
            if not self.overflowed:
                log.error("event handlers are too slow: events are being dropped")
            self.overflowed += len(batch)
        else:
            self._batches.put(batch)

    def end(self) -> None:
        self._batches.put(None)

    def __iter__(self) -> Iterator[list[bytes]]:
        """Until the end; a batch counts as long as it is being handled."""
        while (batch := self._batches.get()) is not None:
            yield batch
            with self._lock:
                self.waiting -= len(batch)
