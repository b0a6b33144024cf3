"""What Twilio's own list says of calls, put together with what we were told: the account's books.

Webhooks get lost, and Twilio repeats few of them. Its list does not forget, but it is late, and tells neither who was with
whom nor why: so what it says is made into the webhooks that are missing, and the story is told from all of them. A call is
entered when it has been over for a while, since a young entry of the list may still change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from telephony.events import CallSummary
from telephony.twilio.addresses import PREFIX
from telephony.twilio.bridge import Kept
from telephony.twilio.rest import Gone, Rest
from telephony.twilio.tracker import follow
from telephony.twilio.webhooks import CALL_SID, LABEL, LINE, ROOT, Kind, LegStatus, Role, Webhook

OVERLAP = timedelta(minutes=15)  # of what was looked at before: entries come late
SETTLED = timedelta(minutes=2)  # after its end an entry changes no more
PAGE = 1000
_ALIVE = ("queued", "ringing", "in-progress")


@dataclass(frozen=True, slots=True)
class Record:
    """A leg, as the list has it."""

    sid: str
    status: str
    inbound: bool
    from_: str
    to: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: int  # since it was answered

    @property
    def is_over(self) -> bool:
        return self.status not in _ALIVE

    @property
    def is_customers(self) -> bool:
        """Somebody calls one of our numbers; a browser that calls does so too."""
        return self.inbound and not self.from_.startswith(("client:", "sip:"))


@dataclass(frozen=True, slots=True)
class Whose:
    """To which call a leg belongs, and why it was there."""

    root: str
    label: str
    by: str = ""


class Records:
    """The list, over REST."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def since(self, moment: datetime) -> list[Record]:
        """Begun or ended since then, or not over. What was never dialled has no beginning."""
        utc = moment.astimezone(UTC)  # the library writes any hour as if it were UTC's
        found = [
            *self._list(start_time_after=utc),
            *self._list(end_time_after=utc),
            *(each for status in _ALIVE for each in self._list(status=status)),
        ]
        return list({record.sid: record for record in found}.values())

    def whose(self, sid: str) -> Whose | None:
        """By the addresses of ours that Twilio asked about this leg."""
        try:
            events = self._rest.ask(lambda api: api.calls(sid).events.list(limit=50))
        except Gone:
            return None
        return next(filter(None, (whose(str((event.request or {}).get("url", ""))) for event in events)), None)

    def _list(self, **filters: Any) -> list[Record]:
        return [_record(each) for each in self._rest.ask(lambda api: api.calls.list(page_size=PAGE, **filters))]


class Inbox(Protocol):
    """What is known already (see `telephony.twilio.bridge.Inbox`)."""

    def of(self, root: str) -> Sequence[Kept]: ...
    def whose(self, leg: str) -> Whose | None: ...
    def add(self, webhooks: Sequence[Webhook]) -> None: ...


class Place(Protocol):
    """How far the list was looked at."""

    def since(self, at: datetime) -> datetime: ...
    def enter(self, summary: CallSummary) -> None: ...
    def reached(self, at: datetime) -> None: ...


class Reconciler:
    def __init__(self, records: Records, inbox: Inbox, place: Place) -> None:
        self._records, self._inbox, self._place = records, inbox, place

    def run(self, at: datetime) -> None:
        """One look. Raises SwitchError; nothing is lost by that, the next look begins where this one did."""
        found = self._records.since(self._place.since(at) - OVERLAP)
        for root, parts in self._by_root(found).items():
            self._settle(root, parts, at)
        self._place.reached(at)

    def _by_root(self, found: Iterable[Record]) -> Mapping[str, dict[str, tuple[Record, Whose | None]]]:
        roots: dict[str, dict[str, tuple[Record, Whose | None]]] = defaultdict(dict)
        for record in found:
            if record.is_customers:
                roots[record.sid][record.sid] = record, None
            elif belongs := self._inbox.whose(record.sid) or self._records.whose(record.sid):
                roots[belongs.root][record.sid] = record, belongs
        return roots

    def _settle(self, root: str, parts: Mapping[str, tuple[Record, Whose | None]], at: datetime) -> None:
        ends = [record.ended_at for record, _ in parts.values() if record.is_over and record.ended_at]
        if not ends or max(ends) > at - SETTLED:
            return
        known = [kept.webhook for kept in self._inbox.of(root)]
        found = missing(root, list(parts.values()), known)
        if found:
            self._inbox.add(found)
        summary = follow(root, [*known, *found]).call.summary()
        if summary.ended_at is not None and summary.started_at is not None:
            self._place.enter(summary)


def missing(root: str, parts: Iterable[tuple[Record, Whose | None]], known: Iterable[Webhook]) -> list[Webhook]:
    """The webhooks that would have told what the list says, and did not."""
    call = follow(root, known).call
    found: list[Webhook] = []
    for record, belongs in parts:
        if belongs is None:
            if call.started_at is None and record.started_at:
                fields = {"CallSid": record.sid, "CallStatus": "ringing", "From": record.from_, "To": record.to}
                found.append(Webhook(Kind.VOICE, root, fields, record.started_at, decision="nobody"))
            if record.is_over and record.ended_at and (call.customer is None or call.customer.over_at is None):
                found.append(_told(Kind.STATUS, root, record, record.status, record.ended_at))
            continue
        customer = belongs.label == Role.CUSTOMER.value
        leg = call.customer if customer else call.legs.get(record.sid)
        if record.is_over and record.ended_at and (leg is None or leg.sid != record.sid or leg.over_at is None):
            if record.seconds and (leg is None or leg.up_at is None):
                began = record.ended_at - timedelta(seconds=record.seconds)
                found.append(_told(Kind.LEG, root, record, LegStatus.UP.value, began, belongs))
            found.append(_told(Kind.LEG, root, record, record.status, record.ended_at, belongs))
    return found


def whose(url: str) -> Whose | None:
    """Of an address that a leg's callbacks were sent to."""
    _, _, path = urlsplit(url).path.partition(f"{PREFIX}/")
    match path.split("/"):
        case [_, Kind.LEG.value, root, label, *rest] if ROOT.fullmatch(root) and LABEL.fullmatch(label):
            by = rest[0].replace("~", "/") if rest else ""
            return Whose(root, label, by if LINE.fullmatch(by) else "")
    return None


def _told(kind: Kind, root: str, record: Record, status: str, at: datetime, belongs: Whose | None = None) -> Webhook:
    fields = {
        "CallSid": record.sid,
        "CallStatus": status,
        "From": record.from_,
        "To": record.to,
        "Timestamp": format_datetime(at.astimezone(UTC)),
    }
    part, by = (belongs.label, belongs.by) if belongs else ("", "")
    return Webhook(kind, root, fields, at + timedelta(seconds=1), part=part, by=by)


def _record(each: Any) -> Record:
    sid = str(each.sid)
    return Record(
        sid=sid if CALL_SID.fullmatch(sid) else "",
        status=str(each.status),
        inbound=each.direction == "inbound",
        from_=str(getattr(each, "_from", None) or ""),
        to=str(each.to or ""),
        started_at=each.start_time,
        ended_at=each.end_time,
        seconds=int(each.duration) if str(each.duration or "").isdigit() else 0,
    )
