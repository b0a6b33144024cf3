"""The only writer of what switches report: one event, one transaction, and telling it twice changes nothing. What
becomes of the row is in `progress`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from telephony import events as told
from telephony.events import CallEnded, Caller, CallEvent, CallSummary, Resynced
from webapp import live
from webapp.calls import doubt, progress, why
from webapp.calls.disagreement import Story, changes, disagree, story_of
from webapp.calls.events import CallChanged
from webapp.calls.identity import identify
from webapp.calls.models import Call, CallState, Leg, StepKind
from webapp.db import db, now, transaction
from webapp.events import publish

log = structlog.get_logger(__name__)

REQUEST_PATIENCE = timedelta(seconds=60)  # how long a call that we asked for may be unheard of


def record(event: CallEvent | Resynced, *, switch: str) -> None:
    """Write what `switch` told. Raises only what the database raises."""
    if isinstance(event, Resynced):
        reconcile(event, switch=switch)
        return
    with transaction():
        _record(event, switch)


def reconcile(event: Resynced, *, switch: str) -> None:
    """After a reconnect: what the switch no longer knows ended while nobody looked."""
    for uid in _vanished(event, switch):
        with transaction():
            call = progress.find(switch, uid)
            if call and not call.is_over:
                progress.lose(call, event.at)
                changed(call)
    for uid in doubt.looked_at_again(event, switch):
        with transaction():
            call = progress.find(switch, uid)
            if call and not call.booked_at:
                _look_again(call, event)


def _look_again(call: Call, event: Resynced) -> None:
    """What the list of channels says of a call that is doubtful, or over."""
    before = _fingerprint(call)
    if call.is_over and call.uid in event.open_uids and call.ended_at and call.ended_at < event.at:
        doubt.reopen(call, event.at)
    elif call.doubtful and _confirms(event, call):
        progress.trust(call, "list", event.at)
    if _fingerprint(call) != before:
        changed(call)


def _confirms(event: Resynced, call: Call) -> bool:
    """The customer is in one bridge with somebody; or is gone, and nobody says that they were."""
    if call.answered_at:
        return call.uid in event.talking_uids
    return call.is_over and call.uid not in event.open_uids


@dataclass(frozen=True, slots=True)
class Settled:
    """What the books changed of a call: a new one (`before` is None), or one that was told otherwise."""

    call_id: UUID
    was_open: bool
    before: Story | None
    after: Story


def settle(summary: CallSummary, *, switch: str) -> Settled | None:
    """What the switch itself wrote down of a call that is over wins over what was heard of it. None: no difference.

    Inside the caller's transaction; `summary.ended_at` must be known.
    """
    assert summary.ended_at is not None
    event = CallEnded(uid=summary.uid, at=summary.ended_at, summary=summary)
    call = progress.find(switch, summary.uid)
    if call is not None:  # only one of them may know: of a call that rang when we came, the switch does not tell it
        _hide_if_withheld(call, event)
    if call is not None and call.withheld:
        summary = replace(summary, customer=Caller("", withheld=True))
    if summary.cut_off and call and call.ended_at and call.ended_at > event.at:
        summary = replace(summary, ended_at=call.ended_at)  # what was heard goes on where the books break off
    before = story_of(call) if call else None
    was_open = call is not None and not call.is_over
    if call is not None and call.is_over and not disagree(call, summary):
        _book(call, event.at)
        return None
    if call is None or was_open:
        _record(replace(event, summary=summary), switch, by_books=True)
        call = progress.find(switch, summary.uid)
        assert call is not None
    if disagree(call, summary):
        progress.correct(call, summary)
        changed(call)
    _book(call, event.at)
    if before is None:
        return Settled(call.id, False, None, story_of(call))
    old, new = changes(before, story_of(call))
    return Settled(call.id, was_open, old, new) if new or was_open else None


def _book(call: Call, at: datetime) -> None:
    call.booked_at = call.booked_at or now()
    if call.doubtful:
        progress.trust(call, "books", at)
        changed(call)


def _record(event: CallEvent, switch: str, *, by_books: bool = False) -> None:
    call = progress.find(switch, event.uid)
    if call is None:
        call = progress.begun(event, switch)
        if call is None:
            log.warning("event of an unknown call", switch=switch, uid=event.uid, told=type(event).__name__)
            return
    heard, before = now(), _fingerprint(call)
    if call.booked_at and not by_books and not isinstance(event, told.CallsMerged):
        _hide_if_withheld(call, event)
        return
    progress.advance(call, event)
    if _fingerprint(call) != before or call.version == 0:
        why.note(call, StepKind.TOLD, why.facts_of(event, by_books=by_books), said_at=event.at, at=heard)
        changed(call)


def _hide_if_withheld(call: Call, event: CallEvent) -> None:
    """The one thing that may be told late; all else that comes late, or from a forger, has no word any more."""
    about = progress.account_in(event)
    if about is not None and about.customer.withheld and not call.withheld:
        identify(call, about.customer)
        changed(call)


def changed(call: Call) -> None:
    """Inside a transaction that has locked the row: everybody who takes part is to look again."""
    call.version += 1
    db.session.flush()
    users = {leg.user_id for leg in call.legs if leg.user_id} | ({call.requested_by_id} - {None})
    versions = live.touch(user for user in users if user)
    why.note(call, StepKind.SENT, {"users": [str(user) for user in versions], "version": call.version})
    publish(
        CallChanged(
            call_id=call.id,
            version=call.version,
            state=call.state.value,
            user_ids=frozenset(versions),
            live_versions=tuple(versions.items()),
        )
    )


def _fingerprint(call: Call) -> tuple[Any, ...]:
    """All that a page shows of a call; an event that leaves it as it was is no news."""
    return (
        *(getattr(call, column.key) for column in sa.inspect(Call).column_attrs if column.key != "version"),
        tuple(
            tuple(getattr(leg, column.key) for column in sa.inspect(Leg).column_attrs)
            for leg in sorted(call.legs, key=lambda leg: leg.uid)
        ),
    )


def _vanished(event: Resynced, switch: str) -> list[str]:
    calls = db.session.execute(
        sa.select(Call.uid, Call.state, Call.started_at).where(Call.switch == switch, Call.state != CallState.ENDED)
    ).all()
    db.session.rollback()
    return [
        uid
        for uid, state, started_at in calls
        if uid not in event.open_uids
        and started_at <= event.at
        and not (state is CallState.REQUESTED and event.at - started_at < REQUEST_PATIENCE)
    ]
