from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import request
from flask_babel import gettext as _

from telephony.events import Direction, Result
from webapp import incoming, text
from webapp.calls import notes
from webapp.calls.queries import Filters

E = TypeVar("E", bound=StrEnum)
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Dialling:
    number: str
    key: UUID  # the same key is the same call, however often it is sent
    party_id: UUID | None
    shown: str = ""  # which of our numbers the customer is to see


def dialling() -> Dialling:
    sent = incoming.body()
    number = text.line(incoming.text(sent, "number"), "number", most=40, required=True)
    shown = text.line(incoming.text(sent, "shown_number"), "shown_number", most=40)
    return Dialling(number, incoming.uuid(sent, "key"), incoming.optional_uuid(sent, "party"), shown)


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    over: str | None  # which version its author saw


def note() -> Note:
    """Plain text, or {"text": …, "over": …}."""
    if _is_plain():
        return Note(notes.read(request.get_data(as_text=True), "text"), None)
    sent = incoming.body()
    over = incoming.text(sent, "over") if "over" in sent else None
    return Note(notes.read(incoming.text(sent, "text"), "text"), over)


def party() -> UUID | None:
    """None: none of those who have the number. Raises `Invalid` where nothing was said."""
    sent = incoming.body()
    return None if incoming.text(sent, "party") == NOBODY else incoming.uuid(sent, "party")


def filters() -> Filters:
    """From the address; what is unknown there is no filter."""
    result = request.args.get("result", "")
    return Filters(
        direction=_choice(Direction, request.args.get("direction", "")),
        result=result if result == "missed" or _choice(Result, result) else "",
        mine=request.args.get("mine", "") in ("1", "on", "true", "yes"),
        q=request.args.get("q", "").replace("\x00", " ").strip()[:200],
    )


def query(filters: Filters) -> dict[str, Any]:
    """The address that stands for these filters."""
    return {
        "q": filters.q or None,
        "direction": filters.direction,
        "result": filters.result or None,
        "mine": "1" if filters.mine else None,
    }


def results() -> list[tuple[str, str]]:
    """What calls can be filtered by, in the order in which one asks for it."""
    return [
        ("answered", _("Answered")),
        ("missed", _("Missed")),
        (Result.ABANDONED, _("Abandoned")),
        (Result.NO_AGENTS, _("No agents")),
        (Result.QUEUE_TIMEOUT, _("Queue timeout")),
        (Result.BUSY, _("Busy")),
        (Result.NO_ANSWER, _("No answer")),
        (Result.REJECTED, _("Rejected")),
        (Result.WRONG_NUMBER, _("Wrong number")),
        (Result.AGENT_NO_ANSWER, _("Agent did not answer")),
        (Result.AGENT_DECLINED, _("Agent declined")),
        (Result.AGENT_UNAVAILABLE, _("Agent's phone unavailable")),
        (Result.FAILED, _("Failed")),
        (Result.LOST, _("Lost track")),
    ]


def _choice(enum: type[E], value: str) -> E | None:
    return enum(value) if value in {member.value for member in enum} else None


def _is_plain() -> bool:
    return request.mimetype == "text/plain"
