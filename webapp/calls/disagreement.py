"""Where what we know of a call and what the switch itself wrote down differ. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from telephony.events import CallSummary, Result
from webapp.calls.models import Call

NEAR = timedelta(seconds=1)  # two clocks' readings of one moment
Story = Mapping[str, Any]


def story_of(call: Call) -> dict[str, Any]:
    """What a correction may change, in words and ISO times: fit for JSON."""
    return {
        "direction": call.direction.value,
        "result": call.result.value if call.result else None,
        "started_at": _iso(call.started_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "answered_by": sorted({leg.line for leg in call.answered_legs}),
    }


def disagree(call: Call, books: CallSummary) -> bool:
    """About whether, when and by whom it was answered, how and when it ended. Seconds of talk and of hold are no
    dispute: the books do not know of hold."""
    if books.result in (None, Result.LOST) and call.result is not Result.LOST:
        return False  # the books break off: what was heard is the fuller story
    return (
        call.direction is not books.direction
        or call.result is not books.result
        or _apart(call.answered_at, books.answered_at)
        or _apart(call.ended_at, books.ended_at)
        or (call.requested_by_id is None and books.started_at is not None and _apart(call.started_at, books.started_at))
        or not set(books.answered_by) <= {leg.line for leg in call.answered_legs}
    )


def changes(before: Story, after: Story) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what is another now, as it was and as it is. Two readings of one moment are no change."""
    names = [name for name in after if not _same(name, before.get(name), after[name])]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}


def _same(name: str, one: Any, other: Any) -> bool:
    if name.endswith("_at") and one and other:
        return not _apart(datetime.fromisoformat(one), datetime.fromisoformat(other))
    return bool(one == other)


def _apart(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > NEAR


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
