"""What is promised to the callers of a queue, as the ledger asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app

from webapp.clock import Calendar
from webapp.db import db
from webapp.tasks.models import QueuePolicy

REMINDERS = (15, 20, 30)
RETRIES = (5, 30, 120)
SECOND_STEP = 30
TICKET = 5
GRACE = timedelta(minutes=5)  # who is reached so much later than promised was still called in time
REMINDED_BEFORE = timedelta(minutes=10)  # a promised moment


@dataclass(frozen=True, slots=True)
class Policy:
    """Minutes pass on `calendar`. `retry_minutes`: how long to wait after the first, the second ... vain attempt."""

    calendar: Calendar = field(default_factory=Calendar)
    callback_minutes: int = 30
    reminder_minutes: tuple[int, ...] = REMINDERS
    second_step_minutes: int = SECOND_STEP
    retry_minutes: tuple[int, ...] = RETRIES
    short_seconds: int = 0
    ticket_minutes: int = TICKET

    def due(self, missed_at: datetime) -> datetime:
        return self.calendar.add_minutes(missed_at, self.callback_minutes)

    def second_step(self, due_at: datetime) -> datetime:
        return self.calendar.add_minutes(due_at, self.second_step_minutes)

    def reminder_after(self, at: datetime, *, since: datetime, due_at: datetime) -> datetime | None:
        """The first reminder that comes later than `at`, if one comes before it is too late."""
        moments = (self.calendar.add_minutes(since, minutes) for minutes in sorted(self.reminder_minutes))
        return next((moment for moment in moments if at < moment <= due_at), None)

    def retry(self, attempts: int, at: datetime) -> datetime | None:
        """When to try again after so many vain attempts; None: never, the plan is used up."""
        if attempts > len(self.retry_minutes):
            return None
        return self.calendar.add_minutes(at, self.retry_minutes[max(attempts, 1) - 1])

    def is_short(self, seconds: float) -> bool:
        return seconds < self.short_seconds

    def ticket_due(self, turn_at: datetime) -> datetime:
        return self.calendar.add_minutes(turn_at, self.ticket_minutes)


DAY = timedelta(days=1)  # who hangs up at once twice within it wants to be called


def policy_for(queue: str | None) -> Policy:
    """The queue's own, else the one for all, else what the settings say."""
    row = (db.session.get(QueuePolicy, queue) if queue else None) or db.session.get(QueuePolicy, "")
    return of_row(row) if row else by_settings()


def by_settings() -> Policy:
    return Policy(
        calendar=Calendar(zone=current_app.config["BABEL_DEFAULT_TIMEZONE"]),
        callback_minutes=current_app.config["RINGBACK_CALLBACK_MINUTES"],
    )


def of_row(row: QueuePolicy) -> Policy:
    return Policy(
        calendar=Calendar.of(row.zone, row.hours, row.holidays, row.closed_days),
        callback_minutes=row.callback_minutes,
        reminder_minutes=tuple(row.reminder_minutes),
        second_step_minutes=row.second_step_minutes,
        retry_minutes=tuple(row.retry_minutes),
        short_seconds=row.short_seconds,
        ticket_minutes=row.ticket_minutes,
    )
