"""Calls whose own callers forged frames: that is told of each, once, and marked in whatever else is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from telephony.ami.callbook import CallBook
from telephony.ami.calls import Call
from telephony.ami.departed import Recent
from telephony.events import CallEvent, LinesForged

_REMEMBERED = 1_000  # calls


class Taint:
    def __init__(self, book: CallBook) -> None:
        self._book = book
        self._accused: list[tuple[Call, str]] = []  # who forged, of whom that was not told yet
        self._tainted: Recent[str] = Recent(_REMEMBERED)  # calls, and the forgers' channels

    def accuse(self, forger: str, at: datetime) -> str:
        """The uid of the call of this channel, or the channel itself as long as it has none."""
        channel = self._book.board.named(forger)
        call = channel.call if channel else None
        if call is None:
            return next((uid for uid, name in self._tainted.items() if name == forger), forger)
        if not call.tainted:
            call.tainted = True
            self._accused.append((call, forger))
            self.tell(at)
        return call.uid

    def tell(self, at: datetime) -> None:
        """As soon as it is known to be a customer's call."""
        if self._accused:
            self._accused = [each for each in self._accused if not self._told(*each, at) and each[0].channels]

    def _told(self, call: Call, forger: str, at: datetime) -> bool:
        if call.exists:
            self._tainted.note(call.uid, forger)
            self._book.out.append(LinesForged(uid=call.uid, at=at))
        return call.exists

    def mark(self, event: CallEvent) -> CallEvent:
        call = self._book.calls.get(event.uid)
        tainted = event.uid in self._tainted or (call is not None and call.tainted)
        return replace(event, tainted=True) if tainted else event
