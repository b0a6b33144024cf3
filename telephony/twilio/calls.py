"""What is known of one root call, and the summary that can be drawn from it at any moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from telephony.events import Caller, CallSummary, Direction, HungUpBy, LegResult, LegSummary, Result, Transfer
from telephony.moments import Clock, seconds
from telephony.outcomes import Cause, derived_cause, missed_result
from telephony.twilio.handles import Handle
from telephony.twilio.webhooks import CALL_SID, LegStatus, Role

# why somebody left a room
HUNG_UP = "participant_hung_up"
ROOM_ENDED_BY_US = "conference_ended_via_api"
_ENDED_BY_US = frozenset({ROOM_ENDED_BY_US, "participant_updated_via_api"})

NEVER = datetime.fromtimestamp(0, UTC)
_SIP = {
    403: 21,
    404: 1,
    408: 18,
    410: 22,
    480: 18,
    484: 28,
    486: 17,
    487: 19,
    488: 88,
    500: 41,
    503: 34,
    600: 17,
    603: 21,
}
_STATUS = {
    LegStatus.COMPLETED: Cause.NORMAL,
    LegStatus.BUSY: Cause.BUSY,
    LegStatus.NO_ANSWER: Cause.NO_ANSWER,
    LegStatus.CANCELED: Cause.NORMAL,
}
_WRONG_NUMBER = frozenset({Cause.UNALLOCATED, Cause.BAD_FORMAT})


@dataclass(slots=True, eq=False)
class Leg:
    """One party's connection: the customer's, or a phone's of ours. `by`: the line that wanted it."""

    sid: str
    role: Role
    line: str = ""
    by: str = ""
    queue: str | None = None
    status: LegStatus = LegStatus.INITIATED
    sip: int | None = None
    rang_at: datetime | None = None  # since when it was to ring
    sounded: bool = False  # it gave a sign of life
    up_at: datetime | None = None
    inside: bool = False  # the room
    was_inside: bool = False
    held: bool = False
    coaching: bool = False
    left: str = ""  # why it left the room
    asked_at: datetime | None = None
    answered_at: datetime | None = None  # first with the customer
    over_at: datetime | None = None  # as Twilio says
    ended_at: datetime | None = None  # its part in the call
    result: LegResult | None = None
    talk: float = 0.0
    since: datetime | None = None  # talking since

    @property
    def is_alive(self) -> bool:
        return self.over_at is None

    @property
    def is_ringing(self) -> bool:
        return self.is_alive and self.up_at is None

    @property
    def is_ours(self) -> bool:
        """Takes part, and is not the customer's."""
        return self.role not in (Role.CUSTOMER, Role.LISTENER)

    @property
    def cause(self) -> int | None:
        """Of Q.850."""
        if self.over_at is None:
            return None
        if self.status is LegStatus.FAILED:
            return _SIP.get(self.sip or 0, 127)
        if self.status is LegStatus.BUSY and self.line.startswith("Client/"):
            return int(Cause.REJECTED)  # a browser is never busy: somebody said no
        return int(_STATUS.get(self.status, Cause.NORMAL))

    def tick(self, at: datetime, talking: bool) -> None:
        if self.since is not None:
            self.talk += seconds(self.since, at)
        self.since = at if talking else None

    def unanswered(self) -> LegResult:
        if self.status is LegStatus.NO_ANSWER and self.sounded:  # else nobody is registered there
            return LegResult.NO_ANSWER
        if self.status is LegStatus.BUSY:
            return LegResult.DECLINED if self.line.startswith("Client/") else LegResult.BUSY
        return LegResult.FAILED


@dataclass(slots=True, eq=False)
class Sent:
    """A customer is sent on, or a colleague was asked who then got them."""

    kind: str
    leg: Leg
    at: datetime


@dataclass(slots=True, eq=False)
class Call:
    root: str
    customer: Leg | None = None
    legs: dict[str, Leg] = field(default_factory=dict)  # ours, and listeners
    caller: Caller = field(default_factory=lambda: Caller(""))
    did: str | None = None
    agent: str | None = None  # who asked for it
    queue: str | None = None
    queue_sid: str = ""
    step: int = 0
    waits: bool = False  # in a queue
    waits_since: datetime = NEVER
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    waiting_since: datetime | None = None
    wait_until: datetime | None = None
    missed: Result | None = None  # what the last try to find somebody came to
    gave_up: bool = False
    message: bool = False  # the caller was asked to leave one
    message_hung_up: bool = False
    last_leg: Leg | None = None  # of ours, that was with the customer
    ended_by_us: bool = False
    sent: list[Sent] = field(default_factory=list)
    clock: Clock = Clock.OFF
    clock_since: datetime | None = None
    talk: float = 0.0
    hold: float = 0.0

    @property
    def inbound(self) -> bool:
        return CALL_SID.fullmatch(self.root) is not None

    @property
    def direction(self) -> Direction:
        return Direction.INBOUND if self.inbound else Direction.OUTBOUND

    @property
    def open(self) -> bool:
        return self.started_at is not None and self.ended_at is None

    @property
    def ours(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.is_ours]

    def is_with(self, leg: Leg) -> bool:
        """Both in the room, both picked up, and nobody on hold."""
        return self.is_in_room_with(leg) and self.customer is not None and not (self.customer.held or leg.held)

    def is_in_room_with(self, leg: Leg) -> bool:
        customer = self.customer
        return bool(
            customer and customer.inside and customer.up_at and leg.inside and leg.up_at and leg.is_ours
        )  # of early sound alone nobody has answered

    def channel_of(self, leg: Leg) -> str:
        return str(Handle(leg.sid, self.root))

    # time

    def tick(self, at: datetime) -> None:
        elapsed = seconds(self.clock_since, at)
        if self.clock is Clock.TALK:
            self.talk += elapsed
        elif self.clock is Clock.HOLD:
            self.hold += elapsed
        talking = [leg for leg in self.ours if leg.ended_at is None and self.is_with(leg)]
        for leg in self.ours:
            leg.tick(at, leg in talking)
        inside = self.customer is not None and self.customer.inside and self.ended_at is None
        waits = Clock.HOLD if inside and self.answered_at else Clock.OFF
        self.clock, self.clock_since = Clock.TALK if talking and self.ended_at is None else waits, at

    @property
    def wait(self) -> float:
        start = self.waiting_since
        if start is None and self.inbound and self.missed is None:
            start = self.started_at
        return seconds(start, self.answered_at or self.wait_until or self.ended_at)

    # what came of it

    def why_gone(self, leg: Leg) -> LegResult:
        if leg.answered_at:
            return LegResult.ANSWERED
        if leg.up_at:
            return LegResult.CANCELLED if self.inbound or leg.left == HUNG_UP else LegResult.FAILED
        if leg.is_ringing or leg.status is LegStatus.CANCELED:
            taken = any(
                other is not leg and other.up_at and leg.rang_at and other.up_at >= leg.rang_at for other in self.ours
            )
            return LegResult.ANSWERED_ELSEWHERE if taken else LegResult.CANCELLED
        return leg.unanswered()

    @property
    def result(self) -> Result:
        if self.answered_at is not None:
            return Result.ANSWERED
        return self._missed_result() if self.inbound else self._failed_result()

    def _missed_result(self) -> Result:
        if self.gave_up:
            return Result.ABANDONED
        if self.missed is not None:
            return self.missed
        tried = {leg.result for leg in self.ours if leg.rang_at}
        if LegResult.CANCELLED in tried or not tried:
            return Result.ABANDONED
        return missed_result(tried) or Result.ABANDONED

    def _failed_result(self) -> Result:
        if self.customer is not None:
            return _customer_result(self.customer)
        leg = next(iter(self.ours), None)
        if leg is None:
            return Result.FAILED
        if leg.up_at:
            return Result.AGENT_DECLINED if leg.left == HUNG_UP or leg.status is LegStatus.COMPLETED else Result.FAILED
        if leg.status in (LegStatus.BUSY, LegStatus.CANCELED):
            return Result.AGENT_DECLINED
        there = leg.sounded and leg.status is not LegStatus.FAILED
        return Result.AGENT_NO_ANSWER if there else Result.AGENT_UNAVAILABLE

    @property
    def hangup_by(self) -> HungUpBy | None:
        customer = self.customer
        if self.gave_up or self.message_hung_up or (customer and customer.left == HUNG_UP):
            return HungUpBy.CUSTOMER
        if self.answered_at is not None:
            if self.ended_by_us or (self.last_leg and self.last_leg.left == HUNG_UP):
                return HungUpBy.AGENT
            return HungUpBy.SYSTEM if customer and customer.left in _ENDED_BY_US else None
        if not self.inbound:
            agent = next(iter(self.ours), None)
            said_no = agent is not None and agent.status in (LegStatus.BUSY, LegStatus.CANCELED, LegStatus.COMPLETED)
            ours_first = customer is None or customer.status is LegStatus.CANCELED
            return HungUpBy.AGENT if said_no and ours_first else HungUpBy.SYSTEM
        return HungUpBy.SYSTEM if self.missed else HungUpBy.CUSTOMER

    @property
    def cause(self) -> int | None:
        if self.inbound and self.answered_at is None:
            return derived_cause(self.result, None)
        told = self.customer.cause if self.customer else next((leg.cause for leg in self.ours), None)
        return int(Cause.NORMAL) if self.answered_at else told

    def _transfer(self, sent: Sent) -> Transfer:
        leg = sent.leg
        if leg.answered_at:
            result = "answered"
        elif leg.result is LegResult.CANCELLED:
            result = Result.ABANDONED.value
        else:
            result = (missed_result({leg.result}) or Result.FAILED).value
        return Transfer(sent.kind, leg.by, leg.line, result)

    def summary(self) -> CallSummary:
        over = self.ended_at is not None
        answered = sorted((leg for leg in self.ours if leg.answered_at), key=lambda leg: str(leg.answered_at))
        rang = sorted(
            (leg for leg in self.ours if leg.rang_at and leg.sounded), key=lambda leg: (str(leg.rang_at), leg.line)
        )
        return CallSummary(
            uid=self.root,
            linkedid=self.root,
            direction=self.direction,
            customer=self.caller,
            did=self.did,
            queue=self.queue,
            agent=self.agent,
            result=self.result if over else None,
            hangup_by=self.hangup_by if over else None,
            cause=self.cause if over else None,
            started_at=self.started_at,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            answered_by=tuple(dict.fromkeys(leg.line for leg in answered)),
            rang=tuple(dict.fromkeys(leg.line for leg in rang)),
            wait=round(self.wait, 3),
            talk=round(self.talk, 3),
            hold=round(self.hold, 3),
            transfers=tuple(self._transfer(sent) for sent in self.sent),
            legs=tuple(self._leg(leg) for leg in self.ours if leg.rang_at or leg.answered_at or leg.line == self.agent),
        )

    def _leg(self, leg: Leg) -> LegSummary:
        return LegSummary(
            uid=leg.sid,
            line=leg.line,
            channel=self.channel_of(leg),
            rang_at=leg.rang_at if leg.sounded else None,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            result=leg.result,
            talk=round(leg.talk, 3),
        )


def _customer_result(customer: Leg) -> Result:
    """Of a customer whom we called and who was connected with nobody."""
    match customer.status:
        case LegStatus.BUSY:
            return Result.BUSY
        case LegStatus.NO_ANSWER | LegStatus.CANCELED | LegStatus.RINGING | LegStatus.INITIATED:
            return Result.NO_ANSWER
        case LegStatus.FAILED if customer.cause in _WRONG_NUMBER:
            return Result.WRONG_NUMBER
        case LegStatus.FAILED if customer.cause == Cause.REJECTED:
            return Result.REJECTED
        case _:
            return Result.FAILED
