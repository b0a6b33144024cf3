"""Who is told what of a callback. Each is told once: a notice's key says of which moment it speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from webapp.accounts.models import User
from webapp.calls.shown import number_display
from webapp.db import db
from webapp.notices.actions import notify
from webapp.tasks.models import Callback
from webapp.tasks.people import above, concerned, heads

REMINDER, OVERDUE, STILL_OVERDUE = "callback.reminder", "callback.overdue", "callback.still_overdue"
EXHAUSTED, ASSIGNED, TAKEN, TURN, PROMISE = (
    "callback.exhausted", "callback.assigned", "callback.taken", "callback.turn", "callback.promise",
)  # fmt: skip
OVERDUE_MANY, OPEN = "callback.overdue_many", "/callbacks?tab=open"
LONGEST_FACT = 100  # characters
ASSIGNED_MANY, MINE = "callback.assigned_many", "/callbacks?tab=mine"


def remind(callback: Callback, moment: datetime, at: datetime) -> None:
    kind = PROMISE if callback.promised_for else REMINDER
    _tell(concerned(callback, at), kind, callback, moment, at)


def tell_overdue(callback: Callback, at: datetime) -> None:
    """At once, on screen and by mail: the heads of those who had it to do."""
    _tell(heads(callback, at), OVERDUE, callback, callback.due_at, at, mail=True)


class Burst:
    """Many that are overdue at the same time: each head is told once of all that were added since the last telling."""

    def __init__(self, at: datetime) -> None:
        self._at, self._number = at, 0
        self._heads: dict[tuple[UUID | None, str | None], list[UUID]] = {}  # by team and queue
        self._counts: Counter[UUID] = Counter()

    def begin(self) -> None:
        """A transaction that was undone took its own with it."""
        self._counts.clear()

    def add(self, callback: Callback) -> None:
        has_it = callback.claimed_by or callback.assigned_to
        kind = (has_it.team_id if has_it else None, callback.queue)
        if kind not in self._heads:
            self._heads[kind] = [head.id for head in heads(callback, self._at)]
        self._counts.update(self._heads[kind])

    def tell(self) -> None:
        counts, self._counts, self._number = self._counts, Counter(), self._number + 1
        for head_id, count in counts.items():
            notify(
                [db.session.get_one(User, head_id)], kind=OVERDUE_MANY,
                key=f"{OVERDUE_MANY}:{self._at:%Y-%m-%dT%H:%M:%S.%f}:{self._number}",
                facts={"count": str(count)}, link=OPEN, at=self._at, mail=True,
            )  # fmt: skip


def tell_above(callback: Callback, at: datetime) -> None:
    _tell(above(callback, at), STILL_OVERDUE, callback, callback.due_at, at, mail=True)


def tell_exhausted(callback: Callback, at: datetime) -> None:
    _tell(heads(callback, at), EXHAUSTED, callback, at, at, mail=True)


def tell_turn(callback: Callback, at: datetime) -> None:
    """The turn of a caller who left the queue to be called has come."""
    _tell(concerned(callback, at), TURN, callback, at, at)


def tell_assigned(callback: Callback, to: User, by: User, at: datetime) -> None:
    if to.id != by.id:
        _tell([to], ASSIGNED, callback, at, at, by=by.name)


def tell_assigned_many(how_many: int, to: User, by: User, at: datetime) -> None:
    """Once for all of them."""
    if to.id != by.id:
        facts = {"count": str(how_many), "by": by.name}
        notify([to], kind=ASSIGNED_MANY, key=f"{ASSIGNED_MANY}:{by.id}:{at.isoformat()}", facts=facts, link=MINE, at=at)


def tell_taken(callback: Callback, from_: User, by: User, at: datetime) -> None:
    """Somebody who was on it is told that they are not any more."""
    if from_.id != by.id:
        _tell([from_], TAKEN, callback, at, at, by=by.name)


def _tell(
    users: Iterable[User], kind: str, callback: Callback, moment: datetime, at: datetime, *, mail: bool = False,
    **more: str,
) -> None:  # fmt: skip
    notify(
        users, kind=kind, key=f"{kind}:{callback.id}:{moment:%Y-%m-%dT%H:%M:%S.%f}", facts=_facts(callback) | more,
        link=f"/callbacks?tab=open#callback-{callback.id}", at=at, mail=mail,
    )  # fmt: skip


def _facts(callback: Callback) -> dict[str, Any]:
    """Names and numbers come from a line or a form: whoever shows them escapes them. They begin no line of their own,
    since a mail has nothing else to tell a stranger's words from ours."""
    has_it = callback.claimed_by or callback.assigned_to
    number = number_display(callback.number, callback.number_raw, callback.switch)
    return {
        "who": _one_line((callback.party.name if callback.party else callback.name_raw) or number),
        "number": _one_line(number),
        "queue": callback.queue or "",
        "missed": callback.missed,
        "attempts": callback.attempts,
        "due_at": callback.due_at.isoformat(),
        "since_at": callback.first_missed_at.isoformat(),
        "promised_at": callback.promised_for.isoformat() if callback.promised_for else "",
        "has_it": has_it.name if has_it else "",
    }


def _one_line(text: str) -> str:
    plain = " ".join("".join(mark if mark.isprintable() else " " for mark in text[: 4 * LONGEST_FACT]).split())
    return plain if len(plain) <= LONGEST_FACT else plain[: LONGEST_FACT - 1] + "…"
