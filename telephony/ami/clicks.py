"""What a switch answers to a click-to-call, in its own time: OriginateResponse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from telephony.ami import causes
from telephony.ami.callbook import CallBook
from telephony.ami.calls import Call
from telephony.ami.channels import Channel


def originate_response(book: CallBook, headers: Mapping[str, str], known: Channel | None, at: datetime) -> None:
    """Of a failed click-to-call this may be all that there is; success is told better by what follows."""
    exten, channel = headers.get("Exten", ""), headers.get("Channel", "")
    if not causes.is_dialable(exten):
        return  # it runs an application, not a number: a supervisor listens in, for one
    failed = headers.get("Response") == "Failure"
    known = known or _pending(book, channel, exten)
    if known is not None:
        if failed and known.up:
            return  # a second attempt under an id in use: the first one goes on
        call = known.call
        if call.last_customer is None or not call.number:  # else the customer was called first, and `exten` is ours
            call.number = exten if call.originated or not call.number else call.number
        if failed:
            call.origin_reason = headers.get("Reason")
            book.click_to_call(call, at)
        book.restate(call, at)
    elif failed and headers.get("Reason") == "0":
        _never_rang(book, headers, channel, exten, at)


def _pending(book: CallBook, line: str, number: str) -> Channel | None:
    """The channel of an Originate whose response does not name it."""
    for channel in book.board.channels.values():
        ours = channel.calling is False and channel.uid == channel.linkedid and not channel.up
        if ours and channel.line == line and channel.call.number in ("", number):
            return channel
    return None


def _never_rang(book: CallBook, headers: Mapping[str, str], line: str, exten: str, at: datetime) -> None:
    """The phone is not registered: no channel, no hangup, nothing but this response. Of a phone that refuses at once the
    response may be told before its channel is, which then completes the story."""
    given = headers.get("Uniqueid", "").replace("<unknown>", "")
    if causes.is_plumbing(line) or (not given and book.departed.just_failed(line, at)):
        return
    uid = given or headers.get("ActionID", "")
    if (
        not uid
        or uid in book.departed
        or book.departed.is_expected(uid)
        or uid in book.board.channels
        or uid in book.calls
    ):
        return  # told already, or the id is in use: a second attempt under it is refused, the first one goes on
    call = Call(uid, given or None, number=exten, agent=line, started_at=at)
    call.originated = True
    book.announce(call, at)
    book.end(call, at)
    book.departed.expect_late(call)
