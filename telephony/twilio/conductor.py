"""How a call stands → what must be done so that it goes on. Pure: whoever does it keeps each step's key, and does it once.
A step that failed for good makes room for the next best one.

Nothing is decided here about *who* gets a call. These are the things that a dial plan does by itself on other switches: the
caller is brought to whoever picked up, nobody rings in vain, nobody is left alone in a room.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from telephony.twilio.calls import HUNG_UP, Call, Leg
from telephony.twilio.webhooks import Role

DIAL = "dial"  # its key: there is one
_SENT = (Role.SENT, Role.ASKED)


class StepKind(StrEnum):
    CONNECT = "connect"  # the caller who waits, into the room
    DIAL = "dial"  # the customer whom an agent asked for
    BACK = "back"  # ring the phone that sent the customer on
    REQUEUE = "requeue"
    END = "end"  # a leg


# asked again, they do no harm; the others make a phone ring
REPEATABLE = frozenset({StepKind.CONNECT, StepKind.REQUEUE, StepKind.END})


@dataclass(frozen=True, slots=True)
class Step:
    """`key` names it within its call, for good."""

    kind: StepKind
    key: str
    leg: str = ""
    line: str = ""


def due(call: Call, failed: Set[str] = frozenset()) -> list[Step]:
    """`failed`: the keys of what could not be done."""
    if call.started_at is None:
        return []
    if call.ended_at is not None:
        return [_end(leg) for leg in _everybody(call) if leg.is_alive]
    if call.customer is None:
        return _before_the_customer(call, failed)
    if call.waits:
        return _while_waiting(call)
    return [*_losers(call), *_when_alone(call, failed)]


def _before_the_customer(call: Call, failed: Set[str]) -> list[Step]:
    if DIAL in failed:
        return [_end(leg) for leg in call.ours if leg.is_alive]
    ready = [leg for leg in call.ours if leg.role is Role.AGENT and leg.inside]
    return [Step(StepKind.DIAL, DIAL)] if ready else []


def _while_waiting(call: Call) -> list[Step]:
    ready = [leg for leg in call.ours if leg.is_alive and leg.up_at]
    if not ready:
        return []
    first = min(ready, key=lambda leg: str(leg.up_at))
    rest = [_end(leg) for leg in call.ours if leg.is_alive and leg is not first]
    return [Step(StepKind.CONNECT, f"connect:{first.sid}", leg=first.sid), *rest]


def _losers(call: Call) -> list[Step]:
    """Phones that ring for a caller who has somebody."""
    if not any(call.is_in_room_with(leg) for leg in call.ours):
        return []
    return [_end(leg) for leg in call.ours if leg.role in (Role.OFFER, Role.BACK) and leg.is_ringing]


def _when_alone(call: Call, failed: Set[str]) -> list[Step]:
    customer = call.customer
    assert customer is not None
    if any(leg.is_alive for leg in call.ours):
        return []
    if call.answered_at is None:  # who asked for the call hung up before the customer answered
        return [] if call.inbound else [_end(customer)]
    if not customer.inside:
        return []  # on the way between two rooms
    last = call.ours[-1]
    back = f"back:{last.sid}"
    if last.role in _SENT and last.by and last.answered_at is None and back not in failed:
        return [Step(StepKind.BACK, back, line=last.by)]
    if last.left == HUNG_UP and last.answered_at and not last.line.startswith("Client/"):
        return [_end(customer)]  # on a telephone that is the end; a page that is gone is none
    if call.queue:
        return [Step(StepKind.REQUEUE, f"requeue:{call.step + 1}", leg=customer.sid)]
    if last.answered_at and back not in failed:
        return [Step(StepKind.BACK, back, line=last.line)]
    return [_end(customer)]


def _everybody(call: Call) -> list[Leg]:
    customer = [call.customer] if call.customer and not call.inbound else []
    return [*customer, *call.legs.values()]


def _end(leg: Leg) -> Step:
    return Step(StepKind.END, f"end:{leg.sid}", leg=leg.sid)
