"""That two people hear each other: the truth that no webhook tells."""

from __future__ import annotations

from telephony.fake.twilio.clock import Clock
from telephony.fake.twilio.model import Call


class Talk:
    def __init__(self, clock: Clock, one: Call, other: Call) -> None:
        self._clock, self._calls = clock, (one, other)
        self._began: float | None = clock.now
        for call in self._calls:
            if call.party is not None:
                call.party.meets()

    def end(self) -> None:
        if self._began is None:
            return
        seconds, self._began = self._clock.now - self._began, None
        one, other = self._calls
        one.talked[other.sid] = one.talked.get(other.sid, 0.0) + seconds
        other.talked[one.sid] = other.talked.get(one.sid, 0.0) + seconds
