"""Who waits for the answers to which actions, and what came for them."""

from __future__ import annotations

import logging
import threading

from telephony.ami.frames import Frame

log = logging.getLogger(__name__)

_ACTION_ID = b"\r\nActionID: "


class Waiter:
    """Somebody who waits for the answer to one action."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: Frame | None = None
        self.listing = False  # a list began
        self.complete = False  # all has come; `done` alone may be the end of the connection
        self.events: list[Frame] = []


class Waiters:
    """By ActionID. Senders come and go on their own threads, answers on the reader's."""

    def __init__(self) -> None:
        self.listing = 0  # of them are being sent a list
        self._waiting: dict[bytes, Waiter] = {}
        self._lock = threading.Lock()
        self._over = False

    def add(self, action_id: bytes) -> Waiter | None:
        """None: an action with this id is under way."""
        waiter = Waiter()
        with self._lock:
            if action_id in self._waiting:
                return None
            self._waiting[action_id] = waiter
            if self._over:
                waiter.done.set()
        return waiter

    def remove(self, action_id: bytes) -> None:
        with self._lock:
            self.listing -= self._waiting.pop(action_id).listing

    def wake_all(self) -> None:
        """The connection is over: nothing will come any more."""
        with self._lock:
            self._over = True
            waiters = [*self._waiting.values()]
        for waiter in waiters:
            waiter.done.set()

    def answer(self, raw: bytes) -> None:
        frame = Frame(raw)
        with self._lock:
            waiter = self._waiting.get(frame.get("ActionID", "").encode())
            if waiter is None or waiter.answer is not None:
                log.debug("an answer that nobody waits for: %r", raw[:200])
                return
            waiter.answer = frame
            waiter.listing = _list_mark(frame) == "start"
            self.listing += waiter.listing
            waiter.complete = not waiter.listing
        if waiter.complete:
            waiter.done.set()

    def collect(self, raw: bytes) -> bool:
        """Is this event an entry of a list that somebody asked for?"""
        start = raw.find(_ACTION_ID)
        if start < 0:
            return False
        start += len(_ACTION_ID)
        end = raw.find(b"\r\n", start)
        waiter = self._waiting.get(raw[start:end] if end >= 0 else raw[start:])
        if waiter is None or not waiter.listing:
            return False
        frame = Frame(raw)
        if _list_mark(frame) in ("complete", "cancelled"):
            waiter.complete = True
            waiter.done.set()
        else:
            waiter.events.append(frame)
        return True


def _list_mark(frame: Frame) -> str:
    return frame.get("EventList", "").lower()
