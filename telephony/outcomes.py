"""What a call came to, where only its parts are known: alike for every switch."""

from __future__ import annotations

from enum import IntEnum

from telephony.events import LegResult, Result


class Cause(IntEnum):
    """The Q.850 causes that decide something here."""

    UNALLOCATED = 1
    NO_ROUTE = 3
    NORMAL = 16
    BUSY = 17
    NO_RESPONSE = 18
    NO_ANSWER = 19
    ABSENT = 20
    REJECTED = 21
    ANSWERED_ELSEWHERE = 26
    BAD_FORMAT = 28


# of several phones that did not answer, the one that could have decides: one that rang says more than one that was busy
_MISSED = (
    (LegResult.NO_ANSWER, Result.NO_ANSWER),
    (LegResult.FAILED, Result.NO_ANSWER),
    (LegResult.BUSY, Result.BUSY),
    (LegResult.DECLINED, Result.REJECTED),
)


def missed_result(legs: set[LegResult | None]) -> Result | None:
    """Why a caller was not answered, by what became of the phones that were tried."""
    return next((result for leg, result in _MISSED if leg in legs), None)


_DERIVED = {
    Result.ABANDONED: Cause.NORMAL,
    Result.BUSY: Cause.BUSY,
    Result.NO_ANSWER: Cause.NO_ANSWER,
    Result.QUEUE_TIMEOUT: Cause.NO_ANSWER,
    Result.NO_AGENTS: Cause.ABSENT,
    Result.REJECTED: Cause.REJECTED,
}


def derived_cause(result: Result | None, told: int | None) -> int | None:
    """The cause of an inbound call that nobody answered: Asterisk's own (0, 26, 127 ...) says nothing there."""
    if result is Result.REJECTED and told not in (None, 0, Cause.NORMAL):
        return told
    derived = _DERIVED.get(result) if result else None
    return int(derived) if derived is not None else None
