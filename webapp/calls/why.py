"""Why did this call pop, or why did it not? The chain from what the switch said to what a page showed, kept with the call."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from telephony.events import CallEnded, CallEvent
from webapp.calls.models import Call, Step, StepKind
from webapp.db import db, now

MOST = 300  # versions of one call whose steps are kept; nobody reads more
_PERSONAL = {"customer", "channel", "uid", "at", "summary", "number"}  # kept in the row itself, or in another step
_SUMMED = ("direction", "result", "hangup_by", "cause", "did", "queue", "wait", "talk", "hold")


def note(
    call: Call, kind: StepKind, facts: dict[str, Any], *, said_at: datetime | None = None, at: datetime | None = None
) -> None:
    """Inside the transaction that does what the step says, so that it is told if and only if it was done."""
    if (call.version or 0) <= MOST:
        db.session.add(Step(call=call, kind=kind, facts=facts, said_at=said_at, at=at or now()))


def forget_caller(call: Call) -> None:
    """The number turned out to be withheld: it is not kept in what was said of it before either."""
    db.session.flush()
    said = Step.kind.in_((StepKind.NUMBER, StepKind.MATCH))
    db.session.execute(sa.delete(Step).where(Step.call_id == call.id, said))


def facts_of(event: CallEvent, *, by_books: bool = False) -> dict[str, Any]:
    """What of an event the decisions hang on; never a name or number."""
    facts: dict[str, Any] = {"event": type(event).__name__, "by_books": by_books or None}
    if isinstance(event, CallEnded):
        facts |= {name: _plain(getattr(event.summary, name)) for name in _SUMMED}
        facts["rang"], facts["answered_by"] = list(event.summary.rang), list(event.summary.answered_by)
    else:
        facts |= {each.name: _plain(getattr(event, each.name)) for each in fields(event) if each.name not in _PERSONAL}
        facts["tainted"] = event.tainted or None
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def steps_of(call: Call) -> list[Step]:
    return list(db.session.scalars(sa.select(Step).where(Step.call_id == call.id).order_by(Step.at, Step.id)))


def painted(call: Call, *, by: UUID, version: int, ms: float) -> None:
    """A page tells that its card is on the screen; once for each user and version."""
    told = {"user": str(by), "version": version, "ms": ms}
    if all((step.facts.get("user"), step.facts.get("version")) != (str(by), version) for step in _paints(call)):
        note(call, StepKind.PAINTED, told)


def _paints(call: Call) -> list[Step]:
    return [step for step in steps_of(call) if step.kind is StepKind.PAINTED]
