"""What truly happened, as nobody but the stand-in knows it: what a product has in its books is held against this."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.fake.twilio.model import Call
from telephony.fake.twilio.stand_in import FakeTwilio


@dataclass(frozen=True, slots=True)
class Truth:
    """Of one customer's leg."""

    sid: str
    customer: str
    number: str  # ours
    inbound: bool
    began: float
    ended: float | None
    answered: bool  # by anything: a document answers too
    talked: dict[str, float]  # seconds, by whoever talked with them: client:agent_7
    message: float  # seconds of voicemail

    @property
    def lost(self) -> bool:
        """They called, and nobody talked to them."""
        return self.inbound and not self.talked


def truth(twilio: FakeTwilio, shortest: float = 0.0) -> list[Truth]:
    """In the order of calling. A talk of less than `shortest` seconds is none."""
    customers = [call for call in twilio.calls.all.values() if _is_customer(call)]
    return [_of(twilio, call, shortest) for call in customers]


def _is_customer(call: Call) -> bool:
    """Agents are in browsers and on SIP phones; whoever has a number that is not ours, or none, is a customer."""
    other = call.from_ if call.direction == "inbound" else call.to
    return not other.startswith(("client:", "sip:", "sips:"))


def _of(twilio: FakeTwilio, call: Call, shortest: float) -> Truth:
    inbound = call.direction == "inbound"
    talked: dict[str, float] = {}
    for sid, seconds in call.talked.items():
        other = twilio.calls.all[sid]
        address = other.from_ if other.direction == "inbound" else other.to
        talked[address] = talked.get(address, 0.0) + seconds
    boxes = [each for each in twilio.recordings.of(call_sid=call.sid) if each.source == "RecordVerb"]
    return Truth(
        call.sid,
        call.from_ if inbound else call.to,
        call.to if inbound else call.from_,
        inbound,
        call.started if call.started is not None else call.created,
        call.ended,
        call.answered is not None,
        {address: seconds for address, seconds in talked.items() if seconds > shortest},
        sum(each.seconds(twilio.clock.now) for each in boxes if each.status == "completed"),
    )
