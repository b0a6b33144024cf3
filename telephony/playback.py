"""Frames of a journal, in order, into a tracker: what the bridge does as they come, and a replay years later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from telephony.ami.frames import Frame
from telephony.ami.sentry import Forgeries
from telephony.events import CallEvent, MemberEvent, Resynced, WaitingEvent
from telephony.journal import Mark

Told = CallEvent | Resynced | MemberEvent | WaitingEvent


class Tracker(Protocol):
    """What follows the calls of one switch (`telephony.ami.tracker.CallTracker`)."""

    def feed(self, frame: Frame) -> list[CallEvent]: ...
    def resync(
        self, channels: Sequence[Frame], queues: Sequence[Frame], at: datetime, restarted: bool, unbroken: bool
    ) -> list[CallEvent | Resynced]: ...
    def open_uids(self) -> frozenset[str]: ...


class Playback:
    """Plain frames are fed; the frames of a snapshot are gathered, and count when it is complete."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._channels: list[Frame] = []
        self._queues: list[Frame] = []

    @property
    def forgeries(self) -> Forgeries:
        """Of those trackers that look for them."""
        found: Forgeries = getattr(self._tracker, "forgeries", Forgeries())
        return found

    def feed(self, frame: Frame) -> Sequence[Told]:
        match frame.mark:
            case "":
                return [*self._tracker.feed(frame), *self._members()]
            case Mark.SNAPSHOT:
                self._channels, self._queues = [], []
            case Mark.CHANNEL:
                self._channels.append(frame)
            case Mark.QUEUE:
                self._queues.append(frame)
            case Mark.RESYNC:
                return self._resync(frame)
        return []

    def _resync(self, frame: Frame) -> Sequence[Told]:
        channels, queues, self._channels, self._queues = self._channels, self._queues, [], []
        restarted, unbroken = (frame.get(name) == "yes" for name in ("Restarted", "Unbroken"))
        told = self._tracker.resync(channels, queues, _clock(frame), restarted, unbroken)
        return [*told, *self._members()]

    def _members(self) -> Sequence[MemberEvent]:
        """Of those trackers that follow phones in queues."""
        follow: Callable[[], Sequence[MemberEvent]] | None = getattr(self._tracker, "members", None)
        return follow() if follow else ()


def _clock(frame: Frame) -> datetime:
    """The switch's clock if it told, else ours."""
    try:
        return datetime.fromtimestamp(float(frame.get("At", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return frame.at or datetime.fromtimestamp(0, UTC)
