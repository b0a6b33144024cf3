"""What is known of one call while it lasts, and the summary that can be drawn from it at any moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telephony.ami.causes import Cause, derived_cause, is_dialable, missed_result, outbound_result, refusal
from telephony.ami.channels import Channel, is_given
from telephony.ami.legs import Clock, Leg, seconds
from telephony.events import (
    Caller,
    CallSummary,
    Direction,
    HungUpBy,
    LegResult,
    Result,
    Transfer,
)
from telephony.numbers import is_withheld

_TOGETHER = timedelta(seconds=0.5)  # phones rung by one step of a queue or Dial begin to ring within this
_TRANSFERS_REMEMBERED = 100  # nobody is transferred that often


@dataclass(slots=True)
class PendingTransfer:
    kind: str
    by: str
    to: str
    at: datetime
    reached: bool = False  # the new party was already there


@dataclass(slots=True, eq=False)
class Call:
    """Legs sharing a Linkedid. It `exists` as a customer call once an outside channel or a click-to-call is known."""

    uid: str
    linkedid: str | None
    exists: bool = False
    through_local: bool = False  # its first channel is half of a Local one
    originated: bool = False  # begun by an Originate that dials a customer
    adopted: bool = False  # its beginning was not seen
    presumed: bool = False  # then: that it was answered
    with_strangers: bool = False  # then: the customer is with somebody of whom nothing was seen either
    inbound: bool | None = None
    number: str = ""
    name: str = ""
    withheld: bool = False
    did: str | None = None
    agent: str | None = None
    keys: set[str] = field(default_factory=set)  # the Linkedids that lead here
    channels: dict[str, Channel] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    customer: Channel | None = None  # while it is alive
    last_customer: Channel | None = None
    last_leg: Leg | None = None  # that was connected with the customer
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    reached_at: datetime | None = None  # whom we called picked up; with whom they talk is another matter
    unreached_at: datetime | None = None  # the customer's side failed, the agent's lives: a trunk may be tried again
    queue: str | None = None
    in_queue: bool = False
    waiting_since: datetime | None = None
    wait_until: datetime | None = None
    tried_since: datetime | None = None  # the present attempt to find somebody
    missed: Result | None = None  # what the last attempt came to
    gave_up: bool = False  # the caller hung up while somebody was looked for
    parked: bool = False
    taken_at: datetime | None = None  # when a colleague picked the call up from another phone
    dial_status: str | None = None
    origin_reason: str | None = None
    origin_cause: int | None = None
    lost: bool = False
    tainted: bool = False  # its caller forged lines
    transfers: list[PendingTransfer] = field(default_factory=list)
    clock: Clock = Clock.OFF
    clock_since: datetime | None = None
    talk: float = 0.0
    hold: float = 0.0
    stated: tuple[object, ...] | None = None  # what CallStarted said
    told: CallSummary | None = None  # what CallEnded said

    @property
    def open(self) -> bool:
        return self.exists and self.ended_at is None

    @property
    def direction(self) -> Direction:
        if not self.exists:
            return Direction.INTERNAL
        return Direction.INBOUND if self.inbound else Direction.OUTBOUND

    @property
    def caller(self) -> Caller:
        return Caller(self.number, self.name, self.withheld or bool(self.inbound and is_withheld(self.number)))

    @property
    def may_be_dialled_again(self) -> bool:
        customer = self.last_customer
        reached = self.answered_at is not None or (customer is not None and customer.up)
        return not self.inbound and not reached and any(uid in self.legs for uid in self.channels)

    # whose channels they are

    def is_placed_by(self, channel: Channel) -> bool:
        """Where the beginning was not seen, a phone may be one to which the call was transferred."""
        return channel.uid == channel.linkedid or channel.linkedid in self.channels

    def is_begun_by(self, channel: Channel) -> bool:
        """A caller whose beginning was not seen, while whom the call was sent on to outside is known already."""
        return (
            self.customer is not None and self.inbound is False and not self.originated and channel.uid == self.linkedid
        )

    def demote(self) -> None:
        """What was taken for the customer is a phone of ours elsewhere."""
        other, self.customer, self.last_customer, self.inbound = self.customer, None, None, None
        assert other is not None
        self.legs.setdefault(other.uid, Leg(other.uid, other.line, other.name))
        self.number = self.name = ""
        self.waiting_since = None

    def is_with(self, channel: Channel) -> bool:
        """In a call with a customer, a further trunk channel is a phone of ours elsewhere (forwarding, transfer)."""
        if self.customer is not None or channel.uid in self.legs:
            return False
        if self.last_customer is not None and self.last_customer.uid == channel.uid:
            return True  # it was not gone: the hangup that was heard was none
        return self.last_customer is None or (not self.inbound and self.answered_at is None)

    @property
    def has_reserves(self) -> bool:
        """Several numbers of one customer are dialled at once; it is not known yet which one answers."""
        return not self.inbound and self.answered_at is None

    @property
    def identity(self) -> tuple[object, ...]:
        return self.uid, self.inbound, self.caller, self.did, None if self.inbound else self.agent

    @property
    def typed(self) -> str:
        """What the agent dialled, until the switch says what it dials."""
        extens = (channel.exten for channel in self.channels.values() if channel.calling)
        return next((exten for exten in extens if is_dialable(exten)), "")

    # waiting: an inbound caller for somebody of ours, an outbound call for the customer

    @property
    def waiting(self) -> bool:
        return self.in_queue or any(leg.ringing for leg in self.legs.values())

    def look_for_somebody(self, at: datetime) -> None:
        if self.answered_at is not None or not self.inbound:
            return
        self.waiting_since = self.waiting_since or at
        if self.tried_since is None:
            self.tried_since, self.wait_until, self.missed = at, None, None

    def nobody_found(self, at: datetime, result: Result | None = None) -> None:
        """An attempt is over if nothing rings or queues any more; `result` is what the switch says about it."""
        if self.answered_at is not None or not self.inbound or self.waiting:
            return
        if self.tried_since is not None:
            if any(leg.picked_up_at and leg.picked_up_at >= self.tried_since for leg in self.legs.values()):
                return
            self.wait_until = at
            tried = {leg.result for leg in self.legs.values() if leg.rang_at and leg.rang_at >= self.tried_since}
            self.missed = missed_result(tried)
            self.tried_since = None
        self.missed = result or self.missed

    def picked_up_elsewhere(self, leg: Leg) -> bool:
        if self.taken_at and leg.rang_at and self.taken_at >= leg.rang_at:
            return True
        return any(
            other is not leg and other.picked_up_at and leg.rang_at and other.picked_up_at >= leg.rang_at
            for other in self.legs.values()
        )

    def cancelled(self, leg: Leg) -> LegResult:
        return LegResult.ANSWERED_ELSEWHERE if self.picked_up_elsewhere(leg) else LegResult.CANCELLED

    def why_gone(self, leg: Leg, cause: int | None) -> LegResult:
        if leg.answered_at:
            return LegResult.ANSWERED
        if leg.rang_at is None or leg.picked_up_at:
            return LegResult.CANCELLED if leg.hung_up or self.inbound else LegResult.FAILED
        if leg.refused is not None or cause == Cause.NO_ANSWER:
            return leg.unanswered()
        return LegResult.ANSWERED_ELSEWHERE if cause == Cause.ANSWERED_ELSEWHERE else self.cancelled(leg)

    def far_end_hung_up(self, channel: Channel, cause: int) -> None:
        """Or refused."""
        channel.hung_up = True
        leg = self.legs.get(channel.uid)
        if leg is not None:
            leg.hung_up = leg.hung_up or self.unreached_at is None  # else it only follows what was over before
            if not (channel.up or channel.calling):
                leg.refused = cause
        elif channel is self.customer and self.answered_at is None:
            self.gave_up = self.waiting or (self.missed is None and not self.adopted)

    # transfers

    def may_be_transferred_by(self, channel: Channel) -> bool:
        """By a phone of ours, not by the customer."""
        return self.exists and channel is not self.last_customer and len(self.transfers) < _TRANSFERS_REMEMBERED

    def notice_redirect(self, leg: Leg, at: datetime) -> None:
        """A customer who talked is offered to another phone, though nobody transferred and nobody hung up: Redirect."""
        last = self.last_leg
        if last is None or last.connected or last.hung_up or self.parked or len(self.transfers) > _TRANSFERS_REMEMBERED:
            return
        if last.answered_at is None or any(transfer.at >= last.answered_at for transfer in self.transfers):
            return
        self.transfers.append(PendingTransfer("redirect", "supervisor", leg.line, at))

    # time

    @property
    def has_unknown_company(self) -> bool:
        """The beginning was not seen, and somebody is in the bridge of whom nothing was seen."""
        bridge = self.customer.bridge if self.customer else None
        return self.with_strangers and bridge is not None and bridge.type == "basic"

    def clock_now(self) -> Clock:
        if any(leg.talking for leg in self.legs.values()):
            return Clock.TALK
        bridge = self.customer.bridge if self.customer else None
        if bridge is None or self.answered_at is None:
            return Clock.OFF
        if self.with_strangers and not any(leg.connected for leg in self.legs.values()):
            return Clock.OFF  # somebody is there of whom nothing was seen
        return Clock.HOLD

    def tick(self, at: datetime, clock: Clock) -> None:
        elapsed = seconds(self.clock_since, at)
        if self.clock is Clock.TALK:
            self.talk += elapsed
        elif self.clock is Clock.HOLD:
            self.hold += elapsed
        self.clock, self.clock_since = clock, at

    @property
    def wait(self) -> float:
        start = self.waiting_since
        if start is None and self.missed is None and not self.adopted:
            start = self.started_at
        return seconds(start, self.answered_at or self.wait_until or self.ended_at)

    # what came of it

    @property
    def result(self) -> Result | None:
        if self.answered_at is not None:
            return Result.ANSWERED
        if self.lost:
            return Result.LOST
        return self._missed_result() if self.inbound else self._failed_result()

    def _missed_result(self) -> Result | None:
        customer = self.last_customer
        if self.gave_up:
            return Result.ABANDONED
        if self.missed is not None:
            return self.missed
        if any(leg.result is LegResult.CANCELLED for leg in self.legs.values()):
            return Result.ABANDONED
        if self.adopted:
            return None  # what came before was not seen: it may have been answered
        if customer is not None and customer.hung_up:
            return Result.ABANDONED
        if self.waiting_since:
            return Result.NO_ANSWER
        return Result.BUSY if customer is not None and customer.cause == Cause.BUSY else Result.REJECTED

    @property
    def is_customer_first(self) -> bool:
        """A click under an id of ours that goes through the dial plan to the customer, and has rung no phone yet."""
        begun = self.linkedid is not None and is_given(self.linkedid)
        return begun and self.through_local and not self.legs

    @property
    def _may_have_lost_its_customer(self) -> bool:
        """Whoever was called first may have been there before anything of the call was seen."""
        return self.adopted and self.through_local and self.last_customer is None

    def _failed_result(self) -> Result | None:
        customer = self.last_customer
        if self._may_have_lost_its_customer:
            return None
        if customer is not None and self.reached_at is None:
            return outbound_result(self.dial_status, customer.cause)
        if customer is not None and customer.hung_up:
            return Result.ABANDONED  # called before the agent, they did not wait
        leg = next(iter(self.legs.values()), None)
        if leg is None:
            return Result.FAILED if customer is None and self.is_customer_first else Result.AGENT_UNAVAILABLE
        if leg.picked_up_at:
            return Result.AGENT_DECLINED if leg.hung_up else Result.FAILED
        if refusal(leg.refused) is LegResult.DECLINED:
            return Result.AGENT_DECLINED
        if leg.refused is not None or not leg.alive or self.origin_reason in ("5", "8"):
            return Result.AGENT_UNAVAILABLE
        return Result.AGENT_NO_ANSWER

    @property
    def hangup_by(self) -> HungUpBy | None:
        customer = self.last_customer
        if self.lost or (self.answered_at is None and self._may_have_lost_its_customer):
            return None
        if customer is not None and customer.hung_up and (self.inbound or customer.up or self.answered_at):
            return HungUpBy.CUSTOMER
        if self.answered_at is not None:
            if self.last_leg is None:
                return None  # who it was with is not known
            return HungUpBy.AGENT if self.last_leg.hung_up else HungUpBy.SYSTEM
        if not self.inbound and any(leg.hung_up for leg in self.legs.values()):
            return HungUpBy.AGENT
        return HungUpBy.SYSTEM

    @property
    def cause(self) -> int | None:
        if self.lost:
            return None
        told = self.last_customer.cause if self.last_customer else self.origin_cause
        if self.inbound and self.answered_at is None:
            return derived_cause(self.result, told)
        return told

    def _transfers(self) -> tuple[Transfer, ...]:
        untils = [*(transfer.at for transfer in self.transfers[1:]), None]
        return tuple(self._transfer(*pair) for pair in zip(self.transfers, untils, strict=False))

    def _transfer(self, transfer: PendingTransfer, until: datetime | None) -> Transfer:
        others = [
            leg for leg in self.legs.values() if leg.line != transfer.by
        ]  # who is called back was not transferred to
        later = [leg for leg in others if _between(leg.answered_at, transfer.at, until)]
        if transfer.reached or later:
            return Transfer(transfer.kind, transfer.by, transfer.to, "answered")
        tried = {
            leg.result for leg in others if _between(leg.rang_at, transfer.at, until) or leg.rang_during(transfer.at)
        }
        result = Result.ABANDONED if LegResult.CANCELLED in tried else missed_result(tried) or Result.FAILED
        return Transfer(transfer.kind, transfer.by, transfer.to, result.value)

    def summary(self) -> CallSummary:
        over = self.ended_at is not None
        return CallSummary(
            uid=self.uid,
            linkedid=self.linkedid,
            direction=self.direction,
            customer=self.caller,
            did=self.did,
            queue=self.queue,
            agent=None if self.inbound else self.agent,
            result=self.result if over else None,
            hangup_by=self.hangup_by if over else None,
            cause=self.cause if over else None,
            started_at=self.started_at,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            answered_by=self._lines("answered_at"),
            rang=_in_order_of_ringing(self.legs.values()),
            wait=round(self.wait if self.inbound else self._ring(), 3),
            talk=round(self.talk, 3),
            hold=round(self.hold, 3),
            transfers=self._transfers(),
            legs=tuple(leg.summary() for leg in self.legs.values() if self.takes_part(leg)),
            tainted=self.tainted,
        )

    def _ring(self) -> float:
        return seconds(self.waiting_since, self.reached_at or self.answered_at or self.ended_at)

    def reached(self, at: datetime) -> None:
        if not self.inbound and self.answered_at is None:
            self.reached_at = self.reached_at or at

    def takes_part(self, leg: Leg) -> bool:
        """Not every phone of the group does: a supervisor's, or a second line used for a consultation, does not."""
        return bool(leg.rang_at or leg.answered_at or (not self.inbound and leg.line == self.agent))

    def _lines(self, moment: str) -> tuple[str, ...]:
        legs = [leg for leg in self.legs.values() if getattr(leg, moment)]
        return tuple(dict.fromkeys(leg.line for leg in sorted(legs, key=lambda leg: getattr(leg, moment))))


def _between(at: datetime | None, start: datetime, end: datetime | None) -> bool:
    return at is not None and at >= start and (end is None or at < end)


def _in_order_of_ringing(legs: Iterable[Leg]) -> tuple[str, ...]:
    """Lines that rang; those that began together are in the order of their names, so that the order means something."""
    rang = sorted(
        ((leg.rang_at, leg.line) for leg in legs if leg.rang_at and (leg.alive or leg.answered_at)),
    )
    batches: list[list[str]] = []
    began: datetime | None = None
    for at, line in rang:
        if began is None or at - began > _TOGETHER:
            batches.append([])
            began = at
        batches[-1].append(line)
    return tuple(dict.fromkeys(line for batch in batches for line in sorted(batch)))
