"""What the verbs of this feature share about one row: closing it, giving it a time, telling that it is another one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp.calls.models import Call, CallState
from webapp.db import db, now
from webapp.errors import Conflict
from webapp.events import publish
from webapp.tasks.events import CallbacksChanged
from webapp.tasks.models import Callback, CallbackAttempt, CallbackKind, CallbackState, ClosedAs
from webapp.tasks.policies import Policy, policy_for


def close(callback: Callback, how: ClosedAs, *, at: datetime, call_id: UUID | None = None) -> None:
    callback.state, callback.open_key = CallbackState.CLOSED, None
    callback.closed_as, callback.closed_at, callback.closed_by_call_id = how, at, call_id
    callback.remind_at = callback.second_step_due_at = callback.claimed_until = None


def reopen(callback: Callback, key: str | None) -> None:
    callback.state, callback.open_key = CallbackState.OPEN, key
    callback.closed_as = callback.closed_at = callback.closed_by_call_id = None


def refuse_closed(callback: Callback) -> None:
    if not callback.is_open:
        raise Conflict(_("This callback is already closed."))


def changed(callback: Callback) -> None:
    if callback.id is None:
        db.session.flush()
    publish(CallbacksChanged(callback_id=callback.id, at=now()))


def set_due(callback: Callback, due_at: datetime, policy: Policy | None = None, *, at: datetime | None = None) -> None:
    """A later time has reminders of its own, and heads who have not heard of it. Of an earlier one they may know."""
    if due_at > callback.due_at:
        callback.reminded = 0
        callback.overdue_told_at = callback.second_step_due_at = callback.second_step_at = None
    callback.due_at = due_at
    remind(callback, policy, at=at)


def remind(callback: Callback, policy: Policy | None = None, *, at: datetime | None = None) -> None:
    """The next reminder after `at`. Of a promise and of a ticket other moments remind, and only once."""
    if callback.kind is not CallbackKind.MISSED:
        return
    policy = policy or policy_for(callback.queue)
    since = callback.retry_at or callback.first_missed_at
    callback.remind_at = policy.reminder_after(at or since, since=since, due_at=callback.due_at)


def is_being_called(callback_id: UUID) -> bool:
    """A call that was made for it is up."""
    return bool(db.session.scalar(sa.select(call_is_up(callback_id))))


def call_is_up(callback_id: Any, *more: sa.ColumnElement[bool]) -> sa.Exists:
    """Of one callback, or of each row of a query. `more`: which of the attempts count."""
    return sa.exists().where(
        *more,
        CallbackAttempt.callback_id == callback_id,
        CallbackAttempt.failed_at.is_(None),
        Call.id == CallbackAttempt.call_id,
        Call.state != CallState.ENDED,
    )
