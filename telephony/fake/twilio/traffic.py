"""Customers who call one after the other, so that a desk has something to do."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from telephony.fake.twilio.clock import Steps
from telephony.fake.twilio.people import Script, by_hand
from telephony.fake.twilio.stand_in import FakeTwilio

PAUSE = (6.0, 14.0)  # seconds from one call to the next
AT_ONCE = 4
STRANGERS = (("+3069", 8), ("+3021", 8), ("+4479", 8), ("+49151", 8), ("+336", 8))  # and so many digits
WITHHELD = "anonymous"


def traffic(twilio: FakeTwilio, customers: Sequence[str], dice: Random, pause: tuple[float, float] = PAUSE) -> Steps:
    """Without end: to the account's numbers, from people who are known and from some who are not. For `Clock.start`."""
    while True:
        yield dice.uniform(*pause)
        running = sum(1 for call in twilio.calls.roots if call.direction == "inbound" and not call.is_over)
        ready = [number.phone_number for number in twilio.numbers.values() if number.settings.get("VoiceUrl")]
        if ready and running < AT_ONCE:
            twilio.people.call(_somebody(customers, dice), dice.choice(ready), mood(dice))


def mood(dice: Random) -> Script:
    """Most wait, some do not for long; whom nobody talks to leaves a message when asked for one."""
    patience = dice.uniform(5, 12) if dice.random() < 0.15 else dice.uniform(45, 120)
    return by_hand().gives_up(patience).talks_for(dice.uniform(15, 60)).leaves_message(dice.uniform(4, 15))


def _somebody(customers: Sequence[str], dice: Random) -> str:
    drawn = dice.random()
    if drawn < 0.05:
        return WITHHELD
    if drawn < 0.3 or not customers:
        prefix, digits = dice.choice(STRANGERS)
        return prefix + "".join(dice.choices("0123456789", k=digits))
    return dice.choice(customers)
