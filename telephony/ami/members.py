"""Phones in queues: who is in, who was taken out, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from telephony.ami.frames import Frame
from telephony.events import Member

PAUSED, JOINED, LEFT = "QueueMemberPause", "QueueMemberAdded", "QueueMemberRemoved"
# an event of a member shows no channel: these lines, in this order, are more than a caller can write into one
_LINES = (
    "Queue", "MemberName", "Interface", "StateInterface", "Membership", "Penalty", "CallsTaken", "LastCall", "Status",
    "Paused", "PausedReason", "Ringinuse",
)  # fmt: skip
_LINE = re.compile(r"[A-Za-z0-9]{2,10}/[0-9A-Za-z_.-]{1,40}")
_MOMENT = re.compile(r"[1-9][0-9]{8,9}")  # seconds since 1970
_NEVER = re.compile(r"[\x00-\x1f\x7f]")
QUEUE, REASON = 80, 80  # characters


def is_whole(frame: Frame) -> bool:
    """Is it such an event, as Asterisk writes it?"""
    if frame.name not in (PAUSED, JOINED, LEFT) or frame.tainted or tuple(frame)[:2] != ("Event", "Privilege"):
        return False
    names = iter(frame)
    return all(line in names for line in _LINES)


def member_of(headers: Mapping[str, str]) -> Member | None:
    """Of an event or of an entry of the list. None where no phone is named."""
    queue, line = _NEVER.sub(" ", headers.get("Queue", ""))[:QUEUE], _phone(headers)
    if not queue or not line:
        return None
    paused = headers.get("Paused") == "1"
    reason = _NEVER.sub(" ", headers.get("PausedReason", "")).strip()[:REASON] if paused else ""
    return Member(queue=queue, line=line, paused=paused, reason=reason, since=_since(headers) if paused else None)


def listed(frames: Sequence[Frame]) -> tuple[Member, ...]:
    entries = (member_of(frame) for frame in frames if frame.name == "QueueMember" and not frame.tainted)
    return tuple(member for member in entries if member is not None)


def _phone(headers: Mapping[str, str]) -> str:
    """Queues ring an interface (Local/1001@internal/n); the phone behind it is the one whose state they watch."""
    for name in ("StateInterface", "Interface", "Location"):
        if _LINE.fullmatch(line := headers.get(name, "")):
            return line
    return ""


def _since(headers: Mapping[str, str]) -> datetime | None:
    seconds = headers.get("LastPause", "")
    return datetime.fromtimestamp(int(seconds), UTC) if _MOMENT.fullmatch(seconds) else None
