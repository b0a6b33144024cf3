from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID, uuid4

from flask import current_app, request
from flask_babel import gettext as _

from telephony.numbers import e164
from webapp import incoming, text, zones
from webapp.db import now
from webapp.errors import Invalid
from webapp.tasks import moments
from webapp.tasks.listing import LONGEST_PAGE, PAGE, Due, Filters, Holder, Sort, Tab
from webapp.tasks.models import CallbackKind
from webapp.tasks.promises import Owner

E = TypeVar("E", bound=StrEnum)
MOST_ROWS = 100  # asked for by their ids at once
MOST_CHOSEN = 5000  # of one bulk
LONGEST_SEARCH = 200


def reason() -> str:
    return incoming.text(incoming.body(), "reason")


def key() -> UUID:
    """Sent by the page, so that a second click is the same call; a plain form without a script has none."""
    return incoming.optional_uuid(incoming.body(), "key") or uuid4()


def filters(sent: Mapping[str, Any] | None = None) -> Filters:
    """From the address; what is unknown there is no filter."""
    sent = request.args if sent is None else sent
    priority = str(sent.get("priority") or "")
    return Filters(
        tab=_choice(Tab, sent.get("tab")) or Tab.OPEN,
        q=" ".join(str(sent.get("q") or "").replace("\x00", " ").split())[:LONGEST_SEARCH],
        queue=str(sent.get("queue") or "").replace("\x00", "")[:80],
        holder=_holder(sent.get("holder")),
        due=_choice(Due, sent.get("due")),
        kind=_choice(CallbackKind, sent.get("kind")),
        priority=int(priority) if priority in ("1", "2", "3") else None,
        team=_uuid(sent.get("team")),
        sort=_choice(Sort, sent.get("sort")) or Sort.URGENCY,
    )


def query(filters: Filters) -> dict[str, Any]:
    """The address that stands for these filters; what is as always is left out."""
    return {
        "tab": None if filters.tab is Tab.OPEN else filters.tab.value,
        "q": filters.q or None,
        "queue": filters.queue or None,
        "holder": str(filters.holder) if filters.holder else None,
        "due": filters.due.value if filters.due else None,
        "kind": filters.kind.value if filters.kind else None,
        "priority": str(filters.priority) if filters.priority else None,
        "team": str(filters.team) if filters.team else None,
        "sort": None if filters.sort is Sort.URGENCY else filters.sort.value,
    }


def ids() -> list[UUID]:
    """Of the rows that are asked for one by one. Raises `Invalid`."""
    return _uuids(request.args.get("ids", "").split(","), "ids", MOST_ROWS)


def size() -> int:
    wanted = request.args.get("size", "")
    return min(max(int(wanted), 1), LONGEST_PAGE) if wanted.isascii() and wanted.isdigit() and len(wanted) < 5 else PAGE


class Verb(StrEnum):
    ASSIGN = "assign"
    RELEASE = "release"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    verb: Verb
    ids: list[UUID] | None  # None: all that the filters say
    filters: Filters
    to: UUID | None
    reason: str


def bulk() -> Bulk:
    """What is to be done with many. Raises `Invalid`: a filter that is not understood must not mean all of them."""
    sent = incoming.body()
    verb = _choice(Verb, sent.get("verb"))
    if verb is None:
        raise _wrong("verb", _("This cannot be used."))
    whole = sent.get("all") in (True, "1", "true")
    chosen = sent.get("filters")
    if whole and not isinstance(chosen, dict):
        raise _wrong("filters", _("This cannot be used."))
    read = filters(chosen if isinstance(chosen, dict) else {})
    if isinstance(chosen, dict) and any(query(read).get(name) != value for name, value in chosen.items() if value):
        raise _wrong("filters", _("This cannot be used."))
    return Bulk(
        verb=verb,
        ids=None if whole else _chosen_ids(sent),
        filters=read,
        to=incoming.uuid(sent, "to") if verb is Verb.ASSIGN else None,
        reason=incoming.text(sent, "reason"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a call is promised to: an open callback, or a number that has none."""

    callback_id: UUID | None
    number: str | None
    party_id: UUID | None
    queue: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    subject: Subject
    at: datetime
    zone: str
    owner: Owner
    note: str


def subject(sent: Mapping[str, Any], *, required: bool = True) -> Subject:
    """Raises `Invalid`; without `required` the dialog asks for the number."""
    callback_id = incoming.optional_uuid(sent, "callback")
    written = text.line(incoming.text(sent, "number"), "number", most=40)
    number = e164(written, current_app.config["RINGBACK_REGION"]) if written else None
    if callback_id is None and number is None and (required or written):
        problem = _("This is missing.") if not written else _("%(number)s is not a telephone number.", number=written)
        raise _wrong("number", problem)
    return Subject(
        callback_id=callback_id,
        number=number,
        party_id=incoming.optional_uuid(sent, "party"),
        queue=text.line(incoming.text(sent, "queue"), "queue", most=80) or None,
    )


def promise() -> Promise:
    """Raises `Invalid`, for all fields at once."""
    sent = incoming.body()
    who = subject(sent)
    problems: dict[str, str] = {}
    zone = zones.named(incoming.text(sent, "zone")) or ""
    at = moments.read(incoming.text(sent, "date"), incoming.text(sent, "time"), zone, now(), problems)
    note = moments.note(incoming.text(sent, "note"), problems)
    if problems or at is None:
        raise Invalid(" ".join(problems.values()), fields=problems)
    return Promise(
        subject=who,
        at=at,
        zone=zone,
        owner=Owner.ANYONE if incoming.text(sent, "whose") == "anyone" else Owner.ME,
        note=note,
    )


def _choice(kind: type[E], written: Any) -> E | None:
    try:
        return kind(written)
    except ValueError:
        return None


def _uuid(written: Any) -> UUID | None:
    try:
        return UUID(str(written))
    except ValueError:
        return None


def _holder(written: Any) -> Holder:
    if written == "me":
        return "me"
    return "nobody" if written == "nobody" else _uuid(written)


def _chosen_ids(sent: Mapping[str, Any]) -> list[UUID]:
    written = sent.get("ids")
    if not isinstance(written, list):
        raise _wrong("ids", _("This cannot be used."))
    return _uuids(written, "ids", MOST_CHOSEN)


def _uuids(written: list[Any], field: str, most: int) -> list[UUID]:
    found = [_uuid(each) for each in written if each]
    if None in found or len(found) > most:
        raise _wrong(field, _("This cannot be used."))
    return [each for each in dict.fromkeys(found) if each]


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: problem})
