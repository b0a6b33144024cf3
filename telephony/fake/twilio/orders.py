"""What the API is asked for when it makes a leg."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from telephony.fake.twilio.model import Callback, Program, Target

DEFAULT_LIMIT = 4 * 3600.0
RING_BUFFER = 5.0  # seconds that Twilio adds to each ring timeout


@dataclass(frozen=True, slots=True)
class Detection:
    """Of answering machines."""

    mode: str  # Enable, DetectMessageEnd
    callback: Target | None = None  # set: in the background
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class RecordAs:
    """That a leg is recorded from its answer on."""

    channels: int
    callback: Callback | None
    source: str = "OutboundAPI"


@dataclass(frozen=True, slots=True)
class Order:
    """A call that the API was asked for."""

    from_: str
    to: str
    program: Program = field(default_factory=Program)
    progress: Callback | None = None
    timeout: float = 60.0
    limit: float = DEFAULT_LIMIT
    record: RecordAs | None = None
    detection: Detection | None = None
    application_sid: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)
