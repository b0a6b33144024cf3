"""Calls whose callers forged what the switch says. What is heard of them is written down, but nothing is decided for good
before it is confirmed: by the switch's books, or by its own list of channels. Only `capture` writes with it.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from telephony.events import Resynced
from webapp.calls import why
from webapp.calls.events import CallDoubted
from webapp.calls.models import Call, CallState, StepKind
from webapp.db import db, now
from webapp.events import publish


def doubt(call: Call, at: datetime) -> None:
    """Once for each call: whoever was confirmed is not doubted again."""
    if call.doubted_at is not None:
        return
    call.doubtful, call.doubted_at = True, now()
    why.note(call, StepKind.TOLD, {"event": "Doubted"}, said_at=at)
    db.session.flush()
    publish(CallDoubted(call_id=call.id, switch=call.switch, uid=call.uid, at=at))


def trust(call: Call, by: str, at: datetime) -> None:
    """`by`: list or books."""
    call.doubtful = False
    why.note(call, StepKind.TOLD, {"event": "Confirmed", "by": by}, said_at=at)


def reopen(call: Call, at: datetime) -> None:
    """The switch still has it: the end that was heard was none."""
    was_over_at = call.ended_at
    call.state = CallState.ANSWERED if call.answered_at else CallState.RINGING
    call.ended_at = call.result = call.hangup_by = call.cause = None
    for leg in call.legs:
        if leg.answered_at and leg.ended_at == was_over_at:
            leg.ended_at = leg.result = None
    why.note(call, StepKind.TOLD, {"event": "Reopened"}, said_at=at)
    doubt(call, at)


def looked_at_again(event: Resynced, switch: str) -> list[str]:
    """Of which the list of channels may say more than the events did: doubtful ones, and those that it has though they
    are over. What the books have said nothing else changes."""
    own = (Call.switch == switch, Call.booked_at.is_(None))
    doubtful = sa.select(Call.uid).where(*own, Call.doubtful, Call.started_at <= event.at)
    found = set(db.session.scalars(doubtful))
    alive = sorted(event.open_uids)
    for first in range(0, len(alive), 500):
        some = Call.uid.in_(alive[first : first + 500])
        over = sa.select(Call.uid).where(*own, some, Call.state == CallState.ENDED, Call.ended_at < event.at)
        found |= set(db.session.scalars(over))
    db.session.rollback()
    return sorted(found)
