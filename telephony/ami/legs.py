"""One phone's part in a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telephony.ami.causes import is_fault, refusal
from telephony.events import LegResult, LegSummary
from telephony.moments import seconds


@dataclass(slots=True, eq=False)
class Leg:
    """One phone's part in a call."""

    uid: str
    line: str
    channel: str
    queue: str | None = None
    alive: bool = False  # it gave a sign of life: rang, was picked up, refused
    sounded: bool = False  # it said itself that it rings
    hung_up: bool = False
    refused: int | None = None  # the cause that it gave
    cancelled: bool = False  # nobody wants it any more; why is told by what happens to the others
    held: bool = False
    connected: bool = False  # with the customer, now
    rang_at: datetime | None = None
    picked_up_at: datetime | None = None
    asked_at: datetime | None = None  # picked up for a colleague, while the customer waits
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    result: LegResult | None = None
    reported: bool = False  # LegEnded was told
    talk: float = 0.0
    since: datetime | None = None  # talking without hold since

    @property
    def ringing(self) -> bool:
        return self.rang_at is not None and not (self.picked_up_at or self.cancelled or self.ended_at)

    def rang_during(self, moment: datetime) -> bool:
        return bool(
            self.rang_at
            and self.rang_at <= moment
            and not self.answered_at
            and self.ended_at
            and self.ended_at >= moment
        )

    @property
    def talking(self) -> bool:
        return self.connected and not self.held

    def tick(self, at: datetime) -> None:
        if self.since is not None:
            self.talk += seconds(self.since, at)
        self.since = at if self.talking else None

    def unanswered(self) -> LegResult:
        """It rang for as long as it was given, or refused, or is out of order, or dead."""
        if told := refusal(self.refused):
            return told
        works = self.sounded or (self.alive and not is_fault(self.refused))
        return LegResult.NO_ANSWER if works else LegResult.FAILED

    def summary(self) -> LegSummary:
        return LegSummary(
            uid=self.uid,
            line=self.line,
            channel=self.channel,
            rang_at=self.rang_at if self.alive or self.answered_at else None,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            result=self.result,
            talk=round(self.talk, 3),
        )
