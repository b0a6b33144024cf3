"""Somebody who goes on doing something in a thread of their own, until they are stopped; what they did is counted."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Routine(ABC):
    def __init__(self, name: str) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.done: dict[str, int] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    @abstractmethod
    def _work(self) -> None:
        """Until `_over` is set."""

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1
