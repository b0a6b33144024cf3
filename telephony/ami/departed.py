"""What ended lately, and of which late frames may still tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from telephony.ami.calls import Call

V = TypeVar("V")

_CHANNELS = 10_000  # and calls
_LINES = 1_000
_LATE = 100  # click-to-calls that ended without a channel
_SAME_ATTEMPT = timedelta(seconds=1)  # between the end of a click-to-call and the response that tells of it


class Recent(dict[str, V]):
    """The latest ones, oldest first."""

    def __init__(self, most: int, forget: Callable[[str], None] = lambda key: None) -> None:
        self._most, self._forget = most, forget

    def note(self, key: str, value: V) -> None:
        self[key] = value
        if len(self) > self._most:
            oldest = next(iter(self))
            del self[oldest]
            self._forget(oldest)


class Departed:
    def __init__(self) -> None:
        self._gone: Recent[None] = Recent(_CHANNELS)  # late frames must not revive them
        self._late: Recent[Call] = Recent(_LATE, self.note)
        self._failed: Recent[datetime] = Recent(_LINES)  # lines whose click-to-call just ended without a customer

    def __contains__(self, uid: str) -> bool:
        return uid in self._gone

    def note(self, uid: str) -> None:
        self._gone.note(uid, None)

    def expect_late(self, call: Call) -> None:
        """It is over, and its channel may still be told of."""
        self._late.note(call.uid, call)

    def is_expected(self, uid: str) -> bool:
        return uid in self._late

    def come_late(self, uid: str) -> Call | None:
        return self._late.pop(uid, None)

    def failed(self, line: str, at: datetime) -> None:
        self._failed.pop(line, None)
        self._failed.note(line, at)

    def just_failed(self, line: str, at: datetime) -> bool:
        failed = self._failed.get(line)
        return failed is not None and abs(at - failed) < _SAME_ATTEMPT
