"""One line of the books, in our words. Everything in it is text that strangers may have written."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

# as config/asterisk/cel_custom.conf writes them; a row of more or fewer is two torn ones, or another file
COLUMNS = (
    "eventtype",
    "eventtime",
    "uniqueid",
    "linkedid",
    "channame",
    "num",
    "name",
    "exten",
    "context",
    "appname",
    "appdata",
    "peer",
    "eventextra",
    "userdeftype",
)
QUEUE_COLUMNS = 5  # time, uniqueid, queue, agent, event; then the event's own

_EVENT = re.compile(r"[A-Z_]{2,40}")
_TIME = re.compile(r"(\d{1,10})(?:\.(\d{1,6}))?")
_LINKEDID = re.compile(rb'^"[A-Za-z0-9_ -]{1,80}","[0-9.]+","[^",\r\n]{1,150}","([^",\r\n]{1,150})"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CelRecord:
    """One step of one channel."""

    at: datetime
    event: str
    uniqueid: str
    linkedid: str
    channel: str
    number: str
    name: str
    exten: str
    context: str
    app: str
    app_data: str
    peer: str
    extra: Mapping[str, str] = field(default_factory=dict)
    user_event: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRecord:
    """One step of one caller in one queue, by whole seconds. `uniqueid` is the caller's, or "NONE"."""

    at: datetime
    uniqueid: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]


def cel_record(raw: bytes) -> CelRecord | None:
    """None: no whole record. It says nothing then, least of all that something ended."""
    row = _row(raw.decode("utf-8", "replace"))
    if row is None or len(row) != len(COLUMNS):
        return None
    event, time, uniqueid, linkedid, channel, number, name, exten, context, app, app_data, peer, extra, user = row
    at = _at(time)
    own = user and event == user  # CELGenUserEvent writes its name in both places, also one like HANGUP
    if at is None or not uniqueid or not linkedid or not (own or _EVENT.fullmatch(event)):
        return None
    return CelRecord(
        at=at,
        event="USER_DEFINED" if own else event,
        uniqueid=uniqueid,
        linkedid=linkedid,
        channel=channel,
        number=number,
        name=name,
        exten=exten,
        context=context,
        app=app,
        app_data=app_data,
        peer=peer,
        extra=_extra(extra),
        user_event=user,
    )


def queue_record(raw: bytes) -> QueueRecord | None:
    at_, *rest = raw.decode("utf-8", "replace").rstrip("\r\n").split("|")
    at = _at(at_)
    if at is None or len(rest) < QUEUE_COLUMNS - 1 or not rest[0] or not _EVENT.fullmatch(rest[3]):
        return None
    return QueueRecord(at=at, uniqueid=rest[0], queue=rest[1], agent=rest[2], event=rest[3], data=tuple(rest[4:]))


def suspects(raw: bytes) -> tuple[str, ...]:
    """The Linkedids that a broken record of CEL names: of these calls the books may not know all."""
    return tuple(dict.fromkeys(found.decode("utf-8", "replace") for found in _LINKEDID.findall(raw)))


def _row(text: str) -> list[str] | None:
    """Line breaks inside quotes are the sender's own, and stay. Strict: a torn record must not pass for a whole one."""
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _at(text: str) -> datetime | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        whole = datetime.fromtimestamp(int(found[1]), UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return whole.replace(microsecond=int((found[2] or "").ljust(6, "0")))


def _extra(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(key): value if isinstance(value, str) else str(value) for key, value in told.items()}
