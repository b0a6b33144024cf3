"""What Asterisk's names and numbers mean: channel names, Q.850 causes, dial and queue statuses."""

from __future__ import annotations

import re

from telephony.events import LegResult, Result
from telephony.outcomes import Cause

# channels that carry sound from one real channel to another, or play it: nobody sits at them
_PLUMBING = frozenset(
    [
        "Local",
        "CBAnn",
        "CBRec",
        "Announcer",
        "Recorder",
        "Surrogate",
        "Snoop",
        "Message",
        "Bridge",
        "UnicastRTP",
        "MulticastRTP",
        "Parking",
        "AsyncGoto",
    ]
)
_DIALABLE = re.compile(r"\+?[0-9*#]+")
_WRONG_NUMBER = frozenset({Cause.UNALLOCATED, Cause.BAD_FORMAT})
_UNANSWERED = frozenset({0, Cause.NORMAL, Cause.NO_RESPONSE, Cause.NO_ANSWER})


def dialled_in(dial_string: str) -> str:
    """The number in what Dial was given."""
    return dial_string.rpartition("/")[2].partition("@")[0].removeprefix("sip:")


def line_of(channel: str) -> str:
    """The endpoint behind a channel: `PJSIP/1001-0000002a` -> `PJSIP/1001`."""
    line, dash, _ = channel.rpartition("-")
    return line if dash else channel


def endpoint(line: str) -> str:
    """A line without its technology: `PJSIP/1001` -> `1001`."""
    return line.partition("/")[2] or line


def is_plumbing(channel: str) -> bool:
    return channel.partition("/")[0] in _PLUMBING


def pair_of(channel: str) -> str | None:
    """What both halves of a Local channel share: `Local/1@c-00000001;2` -> `Local/1@c-00000001`."""
    return channel[:-2] if channel.endswith((";1", ";2")) else None


def is_dialable(exten: str) -> bool:
    """Is it something that somebody dialled, and not the name of a step in the dialplan?"""
    return _DIALABLE.fullmatch(exten) is not None


def number(text: str | None) -> int | None:
    """A cause as Asterisk writes it; None when it is absent or no small number."""
    return int(text) if text and len(text) < 6 and text.isascii() and text.isdigit() else None


def outbound_result(dial_status: str | None, cause: int | None) -> Result:
    """Why the customer's phone was not picked up. The status tells more than the cause, but a wrong number shows as
    NOANSWER, and who gives up first makes the trunk's cause meaningless."""
    if dial_status == "CANCEL":
        return Result.NO_ANSWER
    if dial_status == "BUSY" or cause == Cause.BUSY:
        return Result.BUSY
    if cause in _WRONG_NUMBER:
        return Result.WRONG_NUMBER
    if cause == Cause.REJECTED:
        return Result.REJECTED
    if dial_status in (None, "NOANSWER") and (cause is None or cause in _UNANSWERED):
        return Result.NO_ANSWER
    return Result.FAILED


def refusal(cause: int | None) -> LegResult | None:
    """What a phone said that hung up before it was answered."""
    if cause == Cause.BUSY:
        return LegResult.BUSY
    return LegResult.DECLINED if cause == Cause.REJECTED else None


_NO_FAULT = _UNANSWERED | {Cause.BUSY, Cause.ABSENT, Cause.REJECTED}


def is_fault(cause: int | None) -> bool:
    """Does a phone that refuses so not work, rather than have an owner who does not want the call?"""
    return cause is not None and cause not in _NO_FAULT


_QUEUE_RESULTS = {
    "TIMEOUT": Result.QUEUE_TIMEOUT,
    "EXITWITHKEY": Result.ABANDONED,  # queue_log's word; no status is set
    "FULL": Result.BUSY,
    "JOINEMPTY": Result.NO_AGENTS,
    "LEAVEEMPTY": Result.NO_AGENTS,
    "JOINUNAVAIL": Result.NO_AGENTS,
    "LEAVEUNAVAIL": Result.NO_AGENTS,
}


def queue_result(status: str) -> Result | None:
    """Why a queue let a caller go who was not answered (`QUEUESTATUS`)."""
    return _QUEUE_RESULTS.get(status)
