"""One switch's events, from its connection to whoever records calls: in order, none lost, however often either fails.

Two threads meet at the journal. One keeps a connection: connects, takes a snapshot of what is alive, writes every frame
down, and begins anew when the connection dies. The other reads the journal, feeds the tracker and delivers; when
delivery fails it waits and tries again, so calls are late, not lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from telephony import retry
from telephony.delivery import Delivery, Event
from telephony.journal import Journal
from telephony.link import Connect, Link
from telephony.playback import Tracker
from telephony.status import BridgeStatus, Gauge

log = logging.getLogger(__name__)


class Bridge:
    """`deliver` is called from one thread, one event at a time; `on_status` from another, soon after a change."""

    def __init__(
        self,
        connect: Connect,
        tracker: Tracker,
        deliver: Callable[[Event], None],
        journal: Journal,
        stop: threading.Event,
        on_status: Callable[[BridgeStatus], None] | None = None,
        *,
        keep: timedelta = timedelta(days=14),
        resync_every: float = 300.0,
        longest_pause: float = 30.0,
    ) -> None:
        self._journal, self._stop, self._on_status = journal, stop, on_status
        self._gauge = Gauge()
        self._link = Link(connect, journal, self._gauge, stop, resync_every=resync_every, longest_pause=longest_pause)
        self._delivery = Delivery(
            journal,
            tracker,
            deliver,
            self._gauge,
            stop,
            on_forgery=self._link.look_twice,
            keep=keep,
            longest_pause=longest_pause,
        )

    @property
    def status(self) -> BridgeStatus:
        return replace(
            self._gauge.status,
            behind=self._journal.behind(self._delivery.position),
            problem="; ".join(filter(None, (self._link.problem, self._delivery.problem))),
        )

    def run(self) -> None:
        """Until `stop`."""
        threads = [threading.Thread(target=self._delivery.run, name="bridge-delivery", daemon=True)]
        if self._on_status is not None:
            threads.append(
                threading.Thread(target=self._tell, args=(self._on_status,), name="bridge-status", daemon=True)
            )
        for thread in threads:
            thread.start()
        try:
            self._link.run()
        except BaseException:
            self._stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _tell(self, on_status: Callable[[BridgeStatus], None]) -> None:
        told = None
        while True:
            stopped = self._stop.wait(retry.TICK)
            try:
                if (status := self.status) != told:
                    on_status(told := status)
            except Exception:
                log.exception("on_status failed")
            if stopped:
                return
