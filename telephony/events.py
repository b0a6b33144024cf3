"""What happened on a switch, in our words: frozen, past tense, complete in themselves.

Every switch (Asterisk, a carrier) is translated into these; `webapp.calls.capture.record` is what receives them. An
event may come twice or late (a bridge that restarts replays its journal): receivers move state forward only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Result(StrEnum):
    """How a call ended, as the network tells it (never what the agent says of it: that is a disposition)."""

    ANSWERED = "answered"  # a person of ours and the customer were connected
    # inbound, nobody talked to the customer
    ABANDONED = "abandoned"  # the caller hung up while waiting or ringing, or left the queue by a key
    NO_AGENTS = "no_agents"  # the queue had nobody (join-empty, leave-empty)
    QUEUE_TIMEOUT = "queue_timeout"
    BUSY = "busy"  # also outbound: the customer's line was busy
    NO_ANSWER = "no_answer"  # also outbound
    REJECTED = "rejected"  # also outbound: declined, or a number that leads nowhere here
    # outbound
    WRONG_NUMBER = "wrong_number"
    FAILED = "failed"
    AGENT_NO_ANSWER = "agent_no_answer"  # click-to-call: our own side failed; who was called first had picked up
    AGENT_DECLINED = "agent_declined"
    AGENT_UNAVAILABLE = "agent_unavailable"
    # either way: the switch or the link to it went away and nobody saw the end
    LOST = "lost"


class HungUpBy(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


class LegResult(StrEnum):
    """How one agent phone's part of a call ended."""

    ANSWERED = "answered"
    ANSWERED_ELSEWHERE = "answered_elsewhere"  # another phone of ours took it
    NO_ANSWER = "no_answer"  # it rang for as long as it was given
    BUSY = "busy"
    DECLINED = "declined"
    CANCELLED = "cancelled"  # the caller gave up while it rang
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Caller:
    """The customer's side as the switch shows it: hostile text, verbatim. `withheld`: the number must not be shown."""

    number: str
    name: str = ""
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class LegSummary:
    """One agent's phone in one call. `uid` is unique on its switch; times are UTC, durations are seconds."""

    uid: str
    line: str  # the phone's endpoint, e.g. "PJSIP/alice"
    channel: str = ""  # the switch's handle for commands about this leg
    rang_at: datetime | None = None
    answered_at: datetime | None = None  # when it was connected with the customer
    ended_at: datetime | None = None
    result: LegResult | None = None
    talk: float = 0.0


@dataclass(frozen=True, slots=True)
class Transfer:
    kind: str  # blind, attended, redirect
    by: str  # a line, or "supervisor"
    to: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """All that is known of one customer call; carried by `CallEnded`, printed by `ringback replay`."""

    uid: str
    linkedid: str | None
    direction: Direction
    customer: Caller
    did: str | None = None
    queue: str | None = None
    agent: str | None = None  # outbound: the line that placed it
    result: Result | None = None
    hangup_by: HungUpBy | None = None
    cause: int | None = None  # Q.850
    started_at: datetime | None = None
    answered_at: datetime | None = None  # first moment that the customer and a person of ours were connected
    ended_at: datetime | None = None
    answered_by: tuple[str, ...] = ()  # lines, in order
    rang: tuple[str, ...] = ()  # lines that rang, in order
    wait: float = 0.0  # seconds: queue (or ringing) to answer or end
    talk: float = 0.0  # without hold
    hold: float = 0.0
    transfers: tuple[Transfer, ...] = ()
    legs: tuple[LegSummary, ...] = ()
    tainted: bool = False  # see CallEvent
    cut_off: bool = False  # books that break off: `ended_at` is their last sign of it


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """`uid` names the call on its switch: the oldest Linkedid, or the id that we gave when we asked for the call.
    `at` is the switch's own clock, UTC. `tainted`: the caller wrote lines of his own into what the switch says of this call;
    so much as could not be his is told, but it is to be confirmed before it decides anything for good."""

    uid: str
    at: datetime
    tainted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(CallEvent):
    """A customer call exists. May be repeated with more facts (an outbound call's number can be told late)."""

    direction: Direction
    customer: Caller
    did: str | None = None
    line: str | None = None  # outbound: who placed it
    linkedid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJoined(CallEvent):
    queue: str
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested(CallEvent):
    """The caller leaves the queue, wants to be called, and keeps the place. `number`: as typed; "" for the caller's own."""

    queue: str
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging(CallEvent):
    """A phone of ours rings for this call (click-to-call: the agent's own phone, before the customer is dialled)."""

    leg: str
    line: str
    channel: str = ""
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """The customer and this phone are connected. Comes again for each further agent (transfer, pickup)."""

    leg: str
    line: str
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAsked(CallEvent):
    """This phone was picked up, and talks to a colleague about the call, while the customer waits."""

    leg: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(CallEvent):
    leg: str
    line: str
    result: LegResult
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld(CallEvent):
    leg: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResumed(CallEvent):
    leg: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsMerged(CallEvent):
    """Two Linkedids turned out to be one conversation; `uid` (the older) keeps the name, `merged` is gone."""

    merged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesForged(CallEvent):
    """The caller forges what the switch says: told once for each call, as soon as it is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The customer's side is over. The summary repeats everything, so that this one event is enough for a true row."""

    summary: CallSummary


@dataclass(frozen=True, slots=True)
class Resynced:
    """After every (re)connection: what the switch says is alive now. What is not in `open_uids` ended unseen."""

    at: datetime
    open_uids: frozenset[str] = field(default_factory=frozenset)
    restarted: bool = False  # the switch itself was restarted: everything before is over
    talking_uids: frozenset[str] = field(
        default_factory=frozenset
    )  # of these: listed in one bridge with a phone of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A phone in a queue. `since`: when it was taken out; None where it is in, or where the switch does not tell."""

    queue: str
    line: str
    paused: bool
    reason: str = ""  # in the words of whoever paused it
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPaused:
    """A phone was taken out of a queue, or put back: by us, by its own feature code, by whoever sits at the switch."""

    at: datetime
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined:
    """A phone is in one more queue."""

    at: datetime
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft:
    """A phone is in that queue no more, neither in nor out of it."""

    at: datetime
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersListed:
    """Every phone in every queue, as the switch lists them. `restarted`: it has forgotten who was taken out."""

    at: datetime
    members: tuple[Member, ...] = ()
    restarted: bool = False


MemberEvent = MemberPaused | MemberJoined | MemberLeft | MembersListed
