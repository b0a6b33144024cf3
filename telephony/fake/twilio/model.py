"""What an account holds. Only facts: what becomes of them is decided in the modules of calls, conferences and so on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from telephony.fake.twilio.clock import Process, Signal, Timer, whole

if TYPE_CHECKING:
    from telephony.fake.twilio.people import Party

API_VERSION = "2010-04-01"
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to ask or to tell."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Callback:
    """A URL to tell of some events."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True)
class Program:
    """Where a call gets its first document from."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""
    fallback: Target | None = None


class Place(Protocol):
    """Where a call is while it waits or talks: a queue, a conference, a dialled connection."""

    def leave(self, call: Call, cause: str) -> None:
        """`cause`: hangup, redirected, or ended by the API."""


@dataclass(eq=False)
class Resource:
    sid: str
    created: float
    updated: float
    # (moment, what an answer said), kept only where reads may be stale
    history: list[tuple[float, dict[str, object]]] = field(default_factory=list, repr=False, kw_only=True)


@dataclass(eq=False)
class Number(Resource):
    phone_number: str
    friendly_name: str
    settings: dict[str, str] = field(default_factory=dict)  # VoiceUrl, StatusCallback …, as the API names them


@dataclass(eq=False)
class Application(Resource):
    friendly_name: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Call(Resource):
    from_: str
    to: str
    direction: str  # inbound, outbound-api, outbound-dial
    parent: Call | None = None
    status: str = "queued"
    started: float | None = None  # dialled, or reached us
    answered: float | None = None
    ended: float | None = None
    program: Program = Program()
    progress: Callback | None = None
    sequence: int = 0  # of the progress events that were sent
    number: Number | None = None
    application_sid: str = ""
    answered_by: str | None = None
    sip_code: int | None = None
    price: str | None = None
    custom: dict[str, str] = field(default_factory=dict)  # parameters that a browser gave, or gets
    stir: str = ""
    caller_name: str | None = None
    deleted: bool = False
    # what runs
    party: Party | None = field(default=None, repr=False)
    process: Process | None = field(default=None, repr=False)
    place: Place | None = field(default=None, repr=False)
    limit: Timer | None = field(default=None, repr=False)
    over: Signal = field(default_factory=Signal, repr=False)
    then: Program | None = None  # where it was told to go, by the API
    children: list[Call] = field(default_factory=list, repr=False)
    # the truth, which no webhook tells
    talked: dict[str, float] = field(default_factory=dict)  # seconds, by the other call's sid
    ended_by: str = ""  # party, api, twilio, other
    failures: list[int] = field(default_factory=list)  # codes of documents that could not be had

    @property
    def is_over(self) -> bool:
        return self.status in ENDED

    @property
    def root(self) -> Call:
        return self if self.parent is None else self.parent.root

    def seconds(self, now: float) -> int:
        """From the answer on."""
        return 0 if self.answered is None else whole((now if self.ended is None else self.ended) - self.answered)


@dataclass(eq=False)
class Queue(Resource):
    friendly_name: str
    max_size: int = 100
    members: list[Call] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # of those who left

    def average(self) -> int:
        return int(sum(self.waits) / len(self.waits)) if self.waits else 0


@dataclass(eq=False)
class Participant:
    call: Call
    created: float
    label: str = ""
    status: str = "queued"
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    coached: str = ""  # whose sid
    starts: bool = True
    ends: bool = False
    by_api: bool = False
    joined: float | None = None
    left: Signal = field(default_factory=Signal)
    sound: Process | None = None


@dataclass(eq=False)
class Conference(Resource):
    friendly_name: str
    status: str = "init"
    participants: dict[str, Participant] = field(default_factory=dict)  # by call sid, in the order of joining
    callback: Callback | None = None
    sequence: int = 0
    wait: Target | None = None
    most: int = 250
    reason: str | None = None
    ending_call: str | None = None
    record: bool = False
    recording_callback: Callback | None = None

    @property
    def joined(self) -> list[Participant]:
        return [each for each in self.participants.values() if each.joined is not None]


@dataclass(eq=False)
class Recording(Resource):
    call_sid: str
    source: str
    channels: int
    conference_sid: str | None = None
    callback: Callback | None = None
    status: str = "in-progress"
    started: float = 0.0
    error_code: int = 0
    # what it sounds like, in order: a voice, silence
    parts: list[tuple[str, float]] = field(default_factory=list)
    part: str = "voice"  # voice, silence, or "" while nothing is recorded
    part_began: float = 0.0
    ready: Signal = field(default_factory=Signal)
    deleted: bool = False

    def seconds(self, now: float) -> float:
        running = now - self.part_began if self.part and self.status in ("in-progress", "paused") else 0.0
        return sum(length for _, length in self.parts) + running


@dataclass(eq=False)
class Media:
    sid: str
    content_type: str
    content: bytes


@dataclass(eq=False)
class Message(Resource):
    from_: str
    to: str
    body: str
    direction: str  # inbound, outbound-api, outbound-reply
    status: str
    callback: Target | None = None
    media: list[Media] = field(default_factory=list)
    error_code: int | None = None
    sent: float | None = None
    price: str | None = None
    service_sid: str | None = None
    deleted: bool = False

    @property
    def segments(self) -> int:
        plain = all(ord(letter) < 128 for letter in self.body)
        one, more = (160, 153) if plain else (70, 67)
        return 1 if len(self.body) <= one else -(-len(self.body) // more)


@dataclass(frozen=True, slots=True)
class Alert:
    """As the account's debugger shows it."""

    sid: str
    at: float
    code: int
    text: str
    resource_sid: str
    url: str
    method: str


@dataclass(eq=False)
class Account:
    sid: str
    auth_token: str = field(repr=False)
    key_sid: str
    key_secret: str = field(repr=False)
    secondary_token: str = field(default="", repr=False)
    calls_per_second: float = 1.0
    longest_queue: float = 3600.0  # seconds that a new call may have to wait; beyond, the API says 429
    balance: float = 100.0
    currency: str = "USD"
    verified: list[str] = field(default_factory=list)  # outgoing caller ids besides its own numbers
    status: str = "active"
