"""All facts of one root call in, its events and how it stands out. Pure: no clock, no I/O, nothing remembered.

Twilio delivers in any order, twice, late, or never. So nothing is followed step by step: the facts are sorted by when they
happened, and the whole story is told anew each time; whoever delivers it leaves out what was told before.

Who is in the room is known without the room's own messages: a leg that we made enters it when it is picked up, and a caller
when their TwiML says so, which we were asked for. What the room tells adds holding, listening, and why somebody left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallerLeft,
    CallerWaits,
    CallEvent,
    CallHeld,
    CallResumed,
    CallStarted,
    LegAsked,
    LegEnded,
    LegRinging,
    QueueJoined,
    Result,
    WaitingEvent,
)
from telephony.moments import latest
from telephony.twilio.calls import HUNG_UP, ROOM_ENDED_BY_US, Call, Leg, Sent
from telephony.twilio.webhooks import (
    Change,
    Fact,
    LegStatus,
    MessageLeft,
    Moved,
    Offered,
    Progress,
    Role,
    Unqueued,
    Waiting,
    Webhook,
    read,
)

# why callers are let go whom nobody answered, in the words of decisions (see `telephony.twilio.twiml`)
REASONS = {"too-long": Result.QUEUE_TIMEOUT, "nobody": Result.NO_AGENTS, "no-bridge": Result.NO_AGENTS}
_EXITS = {"queue-full": Result.BUSY, "error": Result.FAILED, "system-error": Result.FAILED}


@dataclass(frozen=True, slots=True)
class Followed:
    call: Call
    events: Sequence[CallEvent]


@dataclass(frozen=True, slots=True)
class News:
    call: Call
    events: Sequence[CallEvent | WaitingEvent]


def follow(root: str, webhooks: Iterable[Webhook]) -> Followed:
    """Never raises, whatever a webhook holds. A call of which nothing is known that begins it has no events."""
    story = _Story(root)
    for fact in in_order(fact for webhook in webhooks if (fact := read(webhook)) is not None):
        story.tell(fact)
    return Followed(story.call, story.events())


def news(root: str, before: Iterable[Webhook], all_of_it: Iterable[Webhook]) -> News:
    """What `all_of_it` tells and `before` did not; and whether the caller waits now, if that is new."""
    then, now = follow(root, before), follow(root, all_of_it)
    told = set(then.events)
    return News(now.call, [*(event for event in now.events if event not in told), *_waiting_news(then.call, now.call)])


def _waiting_news(then: Call, now: Call) -> list[WaitingEvent]:
    """Who has been with somebody and waits again does so since they first waited, and is ahead of all others."""
    if now.waits and now.queue and not (then.waits and then.queue == now.queue):
        return [CallerWaits(uid=now.root, at=now.waiting_since or now.waits_since, queue=now.queue)]
    if then.waits and not now.waits:
        return [CallerLeft(uid=now.root, at=now.ended_at or now.answered_at or now.waits_since)]
    return []


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By when they happened; of one leg or room never against its sequence, each of its messages once; and nothing before
    the call came, however the clocks of both sides stand."""
    counted: dict[str, dict[int, Fact]] = defaultdict(dict)
    ranked: list[tuple[Fact, int]] = []
    for fact in facts:
        if not fact.about:
            ranked.append((fact, _precedence(fact)))
        elif (known := counted[fact.about].get(fact.sequence)) is None or fact.at < known.at:
            counted[fact.about][fact.sequence] = fact
    for messages in counted.values():
        ranked += _counted([messages[sequence] for sequence in sorted(messages)])
    came = min((fact.at for fact, _ in ranked if isinstance(fact, Offered)), default=None)
    if came is not None:
        ranked = [(fact if fact.at >= came else replace(fact, at=came), rank) for fact, rank in ranked]
    ranked.sort(key=lambda pair: (pair[0].at, pair[1], pair[0].about, pair[0].sequence, repr(pair[0])))
    return [fact for fact, _ in ranked]


def _counted(facts: list[Fact]) -> list[tuple[Fact, int]]:
    """None is later than the next one; and what came at the same moment stays in its order."""
    for index in range(len(facts) - 2, -1, -1):
        if facts[index].at > facts[index + 1].at:
            facts[index] = replace(facts[index], at=facts[index + 1].at)
    ranked: list[tuple[Fact, int]] = []
    for fact in facts:
        before = ranked[-1][1] if ranked and ranked[-1][0].at == fact.at else 0
        ranked.append((fact, max(before, _precedence(fact))))
    return ranked


def _precedence(fact: Fact) -> int:
    """Of what has the same time."""
    match fact:
        case Offered():
            return 0
        case Waiting():
            return 1
        case Progress():
            return 5 if fact.status.is_over else 2
        case Moved():
            return 4 if fact.change in (Change.LEAVE, Change.END) else 3
        case _:
            return 4


class _Story:
    def __init__(self, root: str) -> None:
        self.call = Call(root)
        self.out: list[CallEvent] = []
        if self.call.inbound:
            self.call.customer = Leg(root, Role.CUSTOMER, status=LegStatus.UP)
        self._stated: tuple[object, ...] | None = None
        self._held_told = False
        self._steps: set[int] = set()

    def events(self) -> list[CallEvent]:
        """Its end is told with all that is known by now, also of what came after."""
        summary = self.call.summary()
        return [replace(event, summary=summary) if isinstance(event, CallEnded) else event for event in self.out]

    def tell(self, fact: Fact) -> None:
        at = fact.at
        match fact:
            case Offered():
                self._offered(fact)
            case Waiting():
                self._waiting(fact)
            case Unqueued():
                self._unqueued(fact)
            case Progress():
                self._progress(fact)
            case Moved():
                self._moved(fact)
            case MessageLeft():
                self.call.message = True
                self.call.message_hung_up = self.call.message_hung_up or fact.hung_up
                if fact.hung_up:
                    self._end(at)

    # the customer comes, waits, goes

    def _offered(self, fact: Offered) -> None:
        call = self.call
        call.caller, call.did, call.missed = fact.customer, fact.called or None, REASONS.get(fact.reason)
        self._begin(fact.at)
        if call.customer:
            call.customer.up_at = call.customer.up_at or fact.at

    def _begin(self, at: datetime) -> None:
        call = self.call
        call.started_at = call.started_at or at
        identity = (call.caller, call.did, call.agent)
        if identity != self._stated and call.ended_at is None:
            self._stated = identity
            self.out.append(
                CallStarted(
                    uid=call.root, at=at, direction=call.direction, customer=call.caller, did=call.did,
                    line=call.agent, linkedid=call.root,
                )
            )  # fmt: skip

    def _waiting(self, fact: Waiting) -> None:
        call = self.call
        if fact.step in self._steps:
            return  # still
        self._steps.add(fact.step)
        self._begin(fact.at)
        call.step, call.waits, call.waits_since, call.queue_sid = fact.step, True, fact.at, fact.queue_sid
        if call.customer:
            call.customer.up_at = call.customer.up_at or fact.at
            call.customer.inside = False
        if call.answered_at is None or call.queue is None:
            call.queue = fact.queue
        if call.answered_at is None:
            call.waiting_since = call.waiting_since or fact.at
            call.wait_until = call.missed = None
        if call.open:
            self.out.append(QueueJoined(uid=call.root, at=fact.at, queue=fact.queue, position=fact.position))

    def _unqueued(self, fact: Unqueued) -> None:
        call = self.call
        if fact.why == "hangup":
            call.waits = False
            call.gave_up = call.answered_at is None
            if call.customer:
                call.customer.left = HUNG_UP
            self._end(fact.at)
        elif fact.step >= call.step:
            call.waits = False
            if call.answered_at is None and (result := REASONS.get(fact.reason) or _EXITS.get(fact.why)):
                call.missed, call.wait_until = result, fact.at

    # legs

    def _progress(self, fact: Progress) -> None:
        call = self.call
        if fact.leg == call.root:
            self._customer_progress(fact)
            return
        role = Role.of(fact.label) if fact.label else None
        if role is Role.CUSTOMER:
            if call.customer is None:
                call.customer = Leg(fact.leg, Role.CUSTOMER)
            if call.customer.sid == fact.leg:
                self._name_customer(fact)
                self._customer_progress(fact)
        elif role is not None:
            self._our_progress(fact, role)

    def _name_customer(self, fact: Progress) -> None:
        call, customer = self.call, self.call.customer
        assert customer is not None
        if not customer.line:
            customer.line = fact.line
            call.caller = Caller("+" + fact.line.partition("/")[2])
            self._begin(fact.at)

    def _customer_progress(self, fact: Progress) -> None:
        call, customer = self.call, self.call.customer
        assert customer is not None
        if customer.over_at is not None:
            return
        customer.status, customer.sip = fact.status, fact.sip
        if not call.inbound:
            call.waiting_since = call.waiting_since or fact.at
        if fact.status is LegStatus.UP:
            customer.up_at = customer.up_at or fact.at
            if not call.inbound and not customer.was_inside:
                self._enter(customer)
            self._settle(fact.at)
        elif fact.status.is_over:
            customer.over_at = fact.at
            self._end(fact.at)

    def _our_progress(self, fact: Progress, role: Role) -> None:
        call = self.call
        leg = call.legs.get(fact.leg)
        if leg is None:
            leg = call.legs[fact.leg] = Leg(fact.leg, role)
            leg.queue = call.queue if role is Role.OFFER else None
        if not leg.line:
            leg.line, leg.by = fact.line, fact.by
            if role is Role.AGENT:
                call.agent = call.agent or leg.line
                self._begin(fact.at)
            if role is Role.SENT:
                call.sent.append(Sent("blind", leg, fact.at))
        if leg.over_at is not None:
            return
        leg.status, leg.sip = fact.status, fact.sip
        leg.sounded = leg.sounded or fact.status in (LegStatus.RINGING, LegStatus.UP, LegStatus.BUSY)
        self._ring(leg, fact.at)  # the card is to be there before the phone sounds
        if fact.status is LegStatus.UP:
            leg.up_at = leg.up_at or fact.at
            if not leg.was_inside:
                self._enter(leg)
            self._settle(fact.at)
        elif fact.status.is_over:
            leg.over_at, leg.inside = fact.at, False
            self._settle(fact.at)
            self._end_leg(leg, fact.at)
            if role is Role.AGENT and call.customer is None:
                self._end(fact.at)

    def _ring(self, leg: Leg, at: datetime) -> None:
        call = self.call
        if leg.rang_at is not None or leg.role is Role.LISTENER:
            return
        leg.rang_at = at
        if call.inbound and call.answered_at is None:
            call.waiting_since = call.waiting_since or at
        if call.open:
            self.out.append(
                LegRinging(
                    uid=call.root, at=at, leg=leg.sid, line=leg.line, channel=call.channel_of(leg), queue=leg.queue
                )
            )

    # the room

    def _moved(self, fact: Moved) -> None:
        call = self.call
        leg = self._who(fact)
        match fact.change:
            case Change.JOIN:
                if leg is not None:
                    leg.coaching = fact.coaching
                    if leg is not call.customer or call.inbound:
                        leg.up_at = leg.up_at or fact.at
                    self._enter(leg)
            case Change.LEAVE:
                if leg is not None:
                    leg.inside, leg.left = False, fact.reason
                    call.ended_by_us = call.ended_by_us or fact.reason == ROOM_ENDED_BY_US
            case Change.HOLD | Change.UNHOLD:
                if leg is not None:
                    leg.held = fact.change is Change.HOLD
            case Change.MODIFY if leg is not None:
                leg.coaching = fact.coaching
            case Change.END:
                for each in (call.customer, *call.legs.values()):
                    if each is not None:
                        each.inside = False
        self._settle(fact.at)

    def _enter(self, leg: Leg) -> None:
        if not leg.inside:
            leg.inside = leg.was_inside = True
            leg.held, leg.left = False, ""
        if leg is self.call.customer:
            self.call.waits = False

    def _who(self, fact: Moved) -> Leg | None:
        """A leg that only its room tells of is known by its label."""
        call = self.call
        if call.customer is not None and fact.leg == call.customer.sid:
            return call.customer
        if fact.leg in call.legs or not (fact.leg and fact.label and fact.change is Change.JOIN):
            return call.legs.get(fact.leg)
        role = Role.of(fact.label)
        if role is Role.CUSTOMER:
            if call.customer is None:
                call.customer = Leg(fact.leg, role)
            return call.customer if call.customer.sid == fact.leg else None
        leg = call.legs[fact.leg] = Leg(fact.leg, role)
        return leg

    def _settle(self, at: datetime) -> None:
        """Draw the conclusions from who is in the room now."""
        call = self.call
        if not call.open:
            return
        for leg in call.ours:
            if leg.answered_at is None and leg.ended_at is None and call.is_with(leg):
                self._answer(leg, at)
            elif self._is_asked(leg):
                leg.asked_at = at
                self.out.append(LegAsked(uid=call.root, at=at, leg=leg.sid, line=leg.line))
        self._tell_hold(at)
        call.tick(at)
        for leg in call.ours:
            if leg.answered_at and not leg.inside and leg.was_inside and leg.ended_at is None and leg.left:
                self._end_leg(leg, at)

    def _answer(self, leg: Leg, at: datetime) -> None:
        call = self.call
        leg.answered_at = latest(at, leg.rang_at, call.started_at)
        call.answered_at = call.answered_at or leg.answered_at
        call.last_leg = leg
        if leg.role is Role.ASKED:
            call.sent.append(Sent("attended", leg, at))
        self.out.append(CallAnswered(uid=call.root, at=at, leg=leg.sid, line=leg.line, channel=call.channel_of(leg)))

    def _is_asked(self, leg: Leg) -> bool:
        waits = self.call.customer is not None and self.call.customer.held
        asker = any(other.answered_at and other.inside for other in self.call.ours if other is not leg)
        unanswered = not (leg.answered_at or leg.asked_at or leg.ended_at)
        return waits and leg.inside and leg.up_at is not None and unanswered and asker

    def _tell_hold(self, at: datetime) -> None:
        call, leg = self.call, self.call.last_leg
        held = call.customer is not None and call.customer.held and call.customer.inside
        if leg is None or held is self._held_told:
            return
        self._held_told = held
        kind = CallHeld if held else CallResumed
        self.out.append(kind(uid=call.root, at=at, leg=leg.sid, line=leg.line))

    # the end

    def _end_leg(self, leg: Leg, at: datetime) -> None:
        call = self.call
        if leg.ended_at is not None or call.started_at is None:
            return
        leg.ended_at = latest(at, leg.rang_at, leg.answered_at)
        leg.result = call.why_gone(leg)
        call.tick(at)
        if leg.is_ours and (leg.rang_at or leg.answered_at or leg.line == call.agent):
            self.out.append(
                LegEnded(uid=call.root, at=at, leg=leg.sid, line=leg.line, result=leg.result, cause=leg.cause)
            )

    def _end(self, at: datetime) -> None:
        """The customer's side is over, and with it every phone's part."""
        call = self.call
        if not call.open:
            return
        call.waits = False
        for leg in call.ours:
            self._end_leg(leg, at)
        call.tick(at)
        call.ended_at = latest(at, call.started_at, call.answered_at)
        call.tick(at)
        self.out.append(CallEnded(uid=call.root, at=at, summary=call.summary()))
