"""What documents lead to."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from telephony.fake.twilio.model import Target
from telephony.fake.twilio.webhooks import Params


@dataclass(frozen=True, slots=True)
class Goto:
    """The next document."""

    target: Target
    params: Params = field(default_factory=dict)


class Left(Exception):
    """A <Leave>."""


class HungUp(Exception):
    """A <Hangup> or <Reject>, with the status of a call that was not answered."""

    def __init__(self, status: str = "completed") -> None:
        super().__init__(status)
        self.status = status


class NoDocument(Exception):
    def __init__(self, code: int, target: Target) -> None:
        super().__init__(f"{code} {target.url}")
        self.code, self.target = code, target


Outcome = Generator[Any, Any, Goto | None]
