"""What we ask of a switch. Values are checked where they are made: a bad one raises `BadValue` and nothing is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from telephony.errors import BadValue

_UID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_LINE = re.compile(r"[A-Za-z0-9]{2,10}/[0-9A-Za-z_.-]{1,40}")
_CHANNEL = re.compile(r"[A-Za-z0-9]{2,10}/[0-9A-Za-z_.@:;+=-]{1,120}")
_DIGITS = re.compile(r"[0-9*#A-D]{1,20}")
_TARGET = re.compile(r"\*[0-9A-Za-z_.-]{1,40}|\+?[0-9]{3,15}")
_QUEUE = re.compile(r"[0-9A-Za-z_.-]{0,80}")
_ROOM = re.compile(r"[0-9]{4,20}")
_SPACE = re.compile(r"[0-9]{1,10}")
_REASON = re.compile(r"[A-Za-z0-9 _.-]{0,40}")
MAX_RING_SECONDS = 300


class First(StrEnum):
    """Whose phone rings first when an agent calls a customer."""

    AGENT = "agent"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Originate:
    """Click-to-call: ring one of the two, and the other when it is picked up. `uid` becomes the call's id on the switch.

    A customer who was rung first hears music until the agent picks up, for `agent_ring_seconds` at most; then they are
    let go."""

    uid: str
    line: str  # "PJSIP/alice"
    number: str  # digits, with an optional leading +
    ring_seconds: int = 30  # of who is rung first
    shown: str = ""  # which of our numbers the customer sees; "": as the switch is set up
    answer_itself: bool = False  # `line` is a phone that picks up when it is told that its owner asked for the call
    first: First = First.AGENT
    agent_ring_seconds: int = 20  # with the customer waiting

    def __post_init__(self) -> None:
        _check("uid", self.uid, _UID)
        _check("line", self.line, _LINE)
        _check("number", self.number, _NUMBER)
        if self.shown:
            _check("shown", self.shown, _NUMBER)
        if not isinstance(self.first, First):
            raise BadValue("first", f"{self.first!r:.60} is not allowed")
        for field in ("ring_seconds", "agent_ring_seconds"):
            if not 1 <= getattr(self, field) <= MAX_RING_SECONDS:
                raise BadValue(field, f"must be 1 to {MAX_RING_SECONDS}")


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the call that was asked for under this id, while nobody of ours is in it."""

    uid: str

    def __post_init__(self) -> None:
        _check("uid", self.uid, _UID)


@dataclass(frozen=True, slots=True)
class Hangup:
    channel: str

    def __post_init__(self) -> None:
        _check("channel", self.channel, _CHANNEL)


@dataclass(frozen=True, slots=True)
class Answer:
    """Make the ringing phone behind `channel` pick up (a SIP NOTIFY "talk", which most desk phones obey)."""

    channel: str

    def __post_init__(self) -> None:
        _check("channel", self.channel, _CHANNEL)


@dataclass(frozen=True, slots=True)
class Pause:
    """Take `line` out of every queue it is in, or put it back; `reason` is for the PBX's own records."""

    line: str
    paused: bool
    reason: str = ""

    def __post_init__(self) -> None:
        _check("line", self.line, _LINE)
        _check("reason", self.reason, _REASON)


@dataclass(frozen=True, slots=True)
class _OfAgent:
    """`channel` is the agent's, in a call with a customer."""

    channel: str

    def __post_init__(self) -> None:
        _check("channel", self.channel, _CHANNEL)


@dataclass(frozen=True, slots=True)
class Mute(_OfAgent):
    """The others do not hear this agent."""

    muted: bool = True


@dataclass(frozen=True, slots=True)
class SendDigits(_OfAgent):
    """Keys that the customer's side hears as the agent's."""

    digits: str = ""

    def __post_init__(self) -> None:
        _OfAgent.__post_init__(self)
        _check("digits", self.digits, _DIGITS)


@dataclass(frozen=True, slots=True)
class Hold(_OfAgent):
    """The customer waits with music."""


@dataclass(frozen=True, slots=True)
class Resume(_OfAgent):
    """Back to who waits, also from somebody who was asked: they are let go."""


@dataclass(frozen=True, slots=True)
class Transfer(_OfAgent):
    """The customer goes to `to`, a number or a colleague's phone as `colleague` names it, and the agent is free. Nobody
    picks up: back to the agent's phone `line`, then to the head of the `queue` through which the customer came."""

    to: str = ""
    line: str = ""
    queue: str = ""

    def __post_init__(self) -> None:
        _OfAgent.__post_init__(self)
        _check("to", self.to, _TARGET)
        _check("line", self.line, _LINE)
        _check("queue", self.queue, _QUEUE)


@dataclass(frozen=True, slots=True)
class Ask(Transfer):
    """The customer waits while the agent talks to `to`."""


@dataclass(frozen=True, slots=True)
class Swap(_OfAgent):
    """Who waits talks, and who talks waits."""


@dataclass(frozen=True, slots=True)
class Join(_OfAgent):
    """All three talk, in `room`."""

    room: str = ""
    customer_waits: bool = True  # else the colleague does

    def __post_init__(self) -> None:
        _OfAgent.__post_init__(self)
        _check("room", self.room, _ROOM)


@dataclass(frozen=True, slots=True)
class Complete(Join):
    """Whom the agent asked gets the customer; one who has not picked up yet, as by a transfer."""

    to: str = ""

    def __post_init__(self) -> None:
        Join.__post_init__(self)
        _check("to", self.to, _TARGET)


@dataclass(frozen=True, slots=True)
class Drop(_OfAgent):
    """Who waits is let go."""


@dataclass(frozen=True, slots=True)
class Park(_OfAgent):
    """The customer waits where any phone can fetch them; the agent is free."""


@dataclass(frozen=True, slots=True)
class Rescue(_OfAgent):
    """The page of this agent's phone is gone: the customer hears music, gets the same phone `line` once more as soon as it
    is back, and otherwise the head of the `queue`."""

    line: str = ""
    queue: str = ""

    def __post_init__(self) -> None:
        _OfAgent.__post_init__(self)
        _check("line", self.line, _LINE)
        _check("queue", self.queue, _QUEUE)


@dataclass(frozen=True, slots=True)
class Retrieve:
    """Ring `line`, and connect it with who is parked in `space`."""

    line: str
    space: str
    answer_itself: bool = False

    def __post_init__(self) -> None:
        _check("line", self.line, _LINE)
        _check("space", self.space, _SPACE)


@dataclass(frozen=True, slots=True)
class Echo:
    """Ring `line`: who picks up hears themselves, until they hang up or half a minute is over."""

    line: str
    answer_itself: bool = False

    def __post_init__(self) -> None:
        _check("line", self.line, _LINE)


@dataclass(frozen=True, slots=True)
class Look:
    """At what the phone `line` does now."""

    line: str

    def __post_init__(self) -> None:
        _check("line", self.line, _LINE)


class PhoneState(StrEnum):
    FREE = "free"
    RINGING = "ringing"
    IN_CALL = "in_call"
    AWAY = "away"  # it is not registered, or does not answer the switch
    UNKNOWN = "unknown"  # the switch cannot tell


def colleague(line: str) -> str:
    """How a target names a phone: "PJSIP/bob" is *bob."""
    return "*" + line.partition("/")[2]


def _check(field: str, value: str, pattern: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadValue(field, f"{value!r:.60} is not allowed")
