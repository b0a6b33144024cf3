"""May this number be called, now, by this person? Pure: facts in; out comes a decision that says each reason why not.

It is asked before anything rings: for what a button shows, and again by the verb that places the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from webapp.clock import Calendar

_MOST_STEPS = 40  # through the hours of several zones; who is never at home in all of them at once has no next moment


class Reason(StrEnum):
    """In the order in which they are said."""

    NOT_ALLOWED = "not_allowed"  # the caller's role places no calls
    NO_LINE = "no_line"
    LOGGED_OUT = "logged_out"
    OUT_OF_REACH = "out_of_reach"  # the caller's own phone: nothing would ring
    NOT_A_NUMBER = "not_a_number"
    OWN_NUMBER = "own_number"
    DO_NOT_CALL = "do_not_call"
    HOURS = "hours"
    BUSY = "busy"  # the caller's own phone is in a call, or about to be


@dataclass(frozen=True, slots=True)
class Caller:
    may_call: bool = True
    has_line: bool = True
    is_logged_out: bool = False
    is_out_of_reach: bool = False  # only where the switch says so: what nobody knows keeps nobody from calling
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class Callee:
    """`zones`: where the number may be; its owner must be within the hours in each of them."""

    number: str | None  # None: what was typed is no number
    is_own: bool = False
    do_not_call_at: datetime | None = None  # when they, or somebody for them, asked for that
    zones: tuple[str, ...] = ("UTC",)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why they are called. Who called us since they asked not to be called is called back; to whom a moment was
    promised, or who keeps a place in a queue, has agreed to the hour."""

    queue: str | None = None
    called_us_at: datetime | None = None
    is_agreed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: Reason
    since: datetime | None = None  # do-not-call
    zone: str = ""  # hours: on whose clock
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    refusals: tuple[Refusal, ...] = ()
    changes_at: datetime | None = None  # when time alone makes it another one

    @property
    def is_allowed(self) -> bool:
        return not self.refusals

    @property
    def first(self) -> Refusal | None:
        return self.refusals[0] if self.refusals else None


def decide(caller: Caller, callee: Callee, occasion: Occasion, hours: Calendar | None, at: datetime) -> Decision:
    """`hours`: when people may be called, on a clock that is put in their zone; None: always."""
    refusals = [Refusal(reason) for reason, holds in _about_caller(caller) if holds]
    if callee.number is None:
        refusals.append(Refusal(Reason.NOT_A_NUMBER))
    elif callee.is_own:
        refusals.append(Refusal(Reason.OWN_NUMBER))
    if callee.do_not_call_at and not _has_called_since(callee.do_not_call_at, occasion):
        refusals.append(Refusal(Reason.DO_NOT_CALL, since=callee.do_not_call_at))
    changes_at = None
    if hours and callee.number and not callee.is_own and not occasion.is_agreed:
        clocks = [replace(hours, zone=zone) for zone in callee.zones]
        closed = next((clock for clock in clocks if not clock.is_open(at)), None)
        if closed:
            changes_at = _opens_at(clocks, at)
            refusals.append(Refusal(Reason.HOURS, zone=closed.zone, opens_at=changes_at))
        else:
            changes_at = min((end for clock in clocks if (end := clock.closes_at(at))), default=None)
    if caller.is_busy:
        refusals.append(Refusal(Reason.BUSY))
    return Decision(tuple(refusals), changes_at)


def _about_caller(caller: Caller) -> list[tuple[Reason, bool]]:
    """Each makes those after it needless to say."""
    if not caller.may_call:
        return [(Reason.NOT_ALLOWED, True)]
    if not caller.has_line:
        return [(Reason.NO_LINE, True)]
    if caller.is_logged_out:
        return [(Reason.LOGGED_OUT, True)]
    return [(Reason.OUT_OF_REACH, caller.is_out_of_reach)]


def _has_called_since(asked_at: datetime, occasion: Occasion) -> bool:
    return occasion.called_us_at is not None and occasion.called_us_at > asked_at


def _opens_at(clocks: Sequence[Calendar], at: datetime) -> datetime | None:
    moment = at
    for _ in range(_MOST_STEPS):
        if all(clock.is_open(moment) for clock in clocks):
            return moment
        later = max(clock.add_minutes(moment, 0) for clock in clocks)
        moment = later if later > moment else moment + timedelta(hours=1)
    return None
