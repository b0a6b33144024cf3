"""What Twilio sends, as typed facts: foreign words are translated here, and nowhere after.

A `Webhook` is a request as it was kept; `read` makes a fact of it, or None where it tells nothing of a call. A value that is
missing or senseless is no error: callers write some of them, and Twilio adds fields without notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from telephony.events import Caller
from telephony.numbers import is_withheld

CALL_SID = re.compile(r"CA[0-9a-f]{32}")
CONFERENCE_SID = re.compile(r"CF[0-9a-f]{32}")
QUEUE_SID = re.compile(r"QU[0-9a-f]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
ROOT = re.compile(r"CA[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
QUEUE = re.compile(r"[0-9A-Za-z_-]{1,40}")
LABEL = re.compile(r"(customer|(agent|offer|back|sent|asked|listener)-[0-9a-f]{8})")
LINE = re.compile(r"(Client|Phone|SIP)/[0-9A-Za-z_.-]{1,40}")
_SECOND = timedelta(microseconds=999_999)
_NO_NUMBER = frozenset({"+266696687", "266696687"})  # "ANONYMOUS" on a telephone's keys


class Kind(StrEnum):
    """Which of our addresses was asked."""

    VOICE = "voice"
    WAIT = "wait"
    QUEUE_EXIT = "queue-exit"
    JOIN = "join"
    VOICEMAIL = "voicemail"
    HOLD = "hold"
    # no TwiML
    STATUS = "status"
    LEG = "leg"
    CONFERENCE = "conference"
    RECORDING = "recording"


class Role(StrEnum):
    """Why a leg is there. Its label begins with it."""

    CUSTOMER = "customer"
    AGENT = "agent"  # who asked for the call
    OFFER = "offer"  # whom the queue rings
    BACK = "back"  # who gets a customer back whom nobody took
    SENT = "sent"  # to whom a customer is sent
    ASKED = "asked"  # who is asked while the customer waits
    LISTENER = "listener"

    @classmethod
    def of(cls, label: str) -> Role:
        return cls(label.partition("-")[0])


class LegStatus(StrEnum):
    INITIATED = "initiated"
    RINGING = "ringing"
    UP = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_over(self) -> bool:
        return self not in (LegStatus.INITIATED, LegStatus.RINGING, LegStatus.UP)


class Change(StrEnum):
    """In a room."""

    JOIN = "participant-join"
    LEAVE = "participant-leave"
    HOLD = "participant-hold"
    UNHOLD = "participant-unhold"
    MODIFY = "participant-modify"
    MUTE = "participant-mute"
    UNMUTE = "participant-unmute"
    START = "conference-start"
    END = "conference-end"


_LEG_STATUS = {status.value: status for status in LegStatus}
_CHANGES = {change.value: change for change in Change}


@dataclass(frozen=True, slots=True)
class Webhook:
    """`root`: the call that it is about. `step`: which try to find somebody. `part`: a queue, or a leg's label. `by`: the
    line that wanted this leg. `decision`: what was answered, in a word of ours."""

    kind: Kind
    root: str
    fields: Mapping[str, str] = field(repr=False)
    received_at: datetime
    step: int = 0
    part: str = ""
    by: str = ""
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`about` and `sequence`: what Twilio counts its messages by, where it does."""

    at: datetime
    about: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered(Fact):
    """Somebody calls one of our numbers."""

    customer: Caller
    called: str
    reason: str = ""  # ours for not letting the caller wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Fact):
    step: int
    queue: str
    queue_sid: str = ""
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unqueued(Fact):
    """`why`: hangup, leave, redirected, queue-full, error …; `reason`: ours for letting the caller go."""

    step: int
    why: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Fact):
    """Of one leg. `label`: "" for a caller's own."""

    leg: str
    label: str
    status: LegStatus
    line: str = ""
    by: str = ""
    sip: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Fact):
    """In a room. `reason`: why somebody left."""

    change: Change
    leg: str = ""
    label: str = ""
    reason: str = ""
    coaching: bool = False
    muted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLeft(Fact):
    """`recording`: "" where nothing was said."""

    recording: str
    seconds: int
    hung_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Fact):
    recording: str
    leg: str
    status: str
    seconds: int = 0
    channels: int = 1


def read(webhook: Webhook) -> Fact | None:
    match webhook.kind:
        case Kind.VOICE:
            return _offered(webhook)
        case Kind.WAIT:
            return _waiting(webhook)
        case Kind.QUEUE_EXIT:
            why, reason = webhook.fields.get("QueueResult", ""), webhook.decision
            return Unqueued(at=webhook.received_at, step=webhook.step, why=why, reason=reason)
        case Kind.JOIN:
            return Moved(at=webhook.received_at, change=Change.JOIN, leg=webhook.root, label=Role.CUSTOMER.value)
        case Kind.LEG | Kind.STATUS:
            return _progress(webhook)
        case Kind.CONFERENCE:
            return _moved(webhook)
        case Kind.VOICEMAIL:
            return _message(webhook)
        case Kind.RECORDING:
            return _recorded(webhook)
        case _:
            return None


def key_of(webhook: Webhook) -> str:
    """The same for each try of the same webhook, and for no other of this switch."""
    fields = webhook.fields
    about = (
        fields.get("CallSid", ""), fields.get("ConferenceSid", ""), fields.get("RecordingSid", ""),
        fields.get("StatusCallbackEvent") or fields.get("RecordingStatus") or fields.get("CallStatus", ""),
        fields.get("SequenceNumber", ""), fields.get("Timestamp", ""), fields.get("QueueTime", ""),
    )  # fmt: skip
    return "|".join((webhook.kind.value, str(webhook.step), *(_key_part(part) for part in about)))


def root_of(kind: Kind, path: str, fields: Mapping[str, str]) -> str | None:
    """A call that comes to us is its own root. None: it names no call that there can be."""
    named = fields.get("CallSid", "") if kind in (Kind.VOICE, Kind.STATUS) else path
    return named if ROOT.fullmatch(named) else None


def line_of(address: str) -> str:
    """client:alice → Client/alice; a number or an address of a desk phone alike."""
    kind, colon, rest = address.partition(":")
    if not colon:
        return f"Phone/{address.lstrip('+')}"
    name = rest.partition("?")[0].partition("@")[0]
    return f"{'SIP' if kind in ('sip', 'sips') else 'Client'}/{name}"


def _offered(webhook: Webhook) -> Offered:
    fields = webhook.fields
    number = fields.get("From", "")
    if number in _NO_NUMBER:
        number = ""
    caller = Caller(number, fields.get("CallerName", ""), withheld=is_withheld(number))
    called = fields.get("To", "")
    return Offered(at=webhook.received_at, customer=caller, called=called, reason=webhook.decision)


def _waiting(webhook: Webhook) -> Waiting:
    queue_sid = webhook.fields.get("QueueSid", "")
    return Waiting(
        at=webhook.received_at,
        step=webhook.step,
        queue=webhook.part,
        queue_sid=queue_sid if QUEUE_SID.fullmatch(queue_sid) else "",
        position=_number(webhook.fields.get("QueuePosition")),
    )


def _progress(webhook: Webhook) -> Progress | None:
    fields = webhook.fields
    leg, status = fields.get("CallSid", ""), _LEG_STATUS.get(fields.get("CallStatus", ""))
    if not CALL_SID.fullmatch(leg) or status is None:
        return None
    ours, sequence = webhook.kind is Kind.LEG, _number(fields.get("SequenceNumber"))
    return Progress(
        at=_moment(webhook),
        about=leg if ours and sequence is not None else "",
        sequence=sequence or 0,
        leg=leg,
        label=webhook.part if LABEL.fullmatch(webhook.part) else "",
        status=status,
        line=line_of(fields.get("To", "")) if ours else "",
        by=webhook.by,
        sip=_number(fields.get("SipResponseCode")),
    )


def _moved(webhook: Webhook) -> Moved | None:
    fields = webhook.fields
    change, conference = _CHANGES.get(fields.get("StatusCallbackEvent", "")), fields.get("ConferenceSid", "")
    if change is None or not CONFERENCE_SID.fullmatch(conference):
        return None
    leg, label = fields.get("CallSid", ""), fields.get("ParticipantLabel", "")
    sequence = _number(fields.get("SequenceNumber"))
    return Moved(
        at=_moment(webhook),
        about=conference if sequence is not None else "",
        sequence=sequence or 0,
        change=change,
        leg=leg if CALL_SID.fullmatch(leg) else "",
        label=label if LABEL.fullmatch(label) else "",
        reason=fields.get("ReasonParticipantLeft", ""),
        coaching=fields.get("Coaching") == "true",
        muted=fields.get("Muted") == "true",
    )


def _message(webhook: Webhook) -> MessageLeft:
    fields = webhook.fields
    recording = fields.get("RecordingSid", "")
    return MessageLeft(
        at=webhook.received_at,
        recording=recording if RECORDING_SID.fullmatch(recording) else "",
        seconds=_number(fields.get("RecordingDuration")) or 0,
        hung_up=fields.get("Digits") == "hangup",
    )


def _recorded(webhook: Webhook) -> Recorded | None:
    fields = webhook.fields
    recording, leg = fields.get("RecordingSid", ""), fields.get("CallSid", "")
    if not RECORDING_SID.fullmatch(recording):
        return None
    return Recorded(
        at=webhook.received_at,
        recording=recording,
        leg=leg if CALL_SID.fullmatch(leg) else "",
        status=fields.get("RecordingStatus", ""),
        seconds=_number(fields.get("RecordingDuration")) or 0,
        channels=_number(fields.get("RecordingChannels")) or 1,
    )


def _moment(webhook: Webhook) -> datetime:
    """Twilio writes whole seconds; a webhook that came at once tells more exactly when it was."""
    try:
        told = parsedate_to_datetime(webhook.fields.get("Timestamp", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return webhook.received_at
    if told.tzinfo is None:
        told = told.replace(tzinfo=UTC)
    return min(webhook.received_at, told.astimezone(UTC) + _SECOND)


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) < 9 and text.isascii() and text.isdigit() else None


def _key_part(text: str) -> str:
    """Within what a key can hold; a caller may write none of these."""
    return text.replace("|", " ")[:60]
