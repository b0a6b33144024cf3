"""Agents as pages show them: one's own menu, and the list of those who answer for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from webapp.accounts import breaks
from webapp.accounts.models import AgentStatus, BreakReason, User
from webapp.accounts.presence import disconnected_ids
from webapp.agents.queries import AgentState, Observed, states_of
from webapp.agents.words import reason_word, state_word, status_word
from webapp.db import now


@dataclass(frozen=True, slots=True)
class Choice:
    code: str
    label: str
    paid: bool
    minutes: int | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent."""

    id: UUID
    name: str
    team: str
    status: str
    word: str
    reason: str
    since: datetime
    back_at: datetime | None  # when a break of this kind is to be over
    too_long: bool
    state: str
    state_word: str
    state_since: datetime
    connected: bool
    did_not_answer_at: datetime | None


@dataclass(frozen=True, slots=True)
class Total:
    word: str
    count: int
    tone: str


def row_of(user: User, at: datetime | None = None) -> Row:
    return rows_of([user], at)[0]


def rows_of(users: Sequence[User], at: datetime | None = None) -> list[Row]:
    at = at or now()
    reasons = {reason.code: reason for reason in breaks.all_reasons()}
    away, states = disconnected_ids(at), states_of(users, at)
    return [_row(user, states[user.id], user.id not in away, reasons, at) for user in users]


def choices(user: User) -> list[Choice]:
    return [_choice(reason, user) for reason in breaks.choosable()]


def totals(rows: Sequence[Row]) -> list[Total]:
    """Each agent counts once: whose phone does something by its state, the others by their status."""
    busy = Counter(row.state for row in rows if is_busy(row.state))
    resting = Counter(row.status for row in rows if not is_busy(row.state))
    free = [(status_word(status), resting[status.value], status.value) for status in AgentStatus]
    at_work = [(state_word(state), busy[state.value], state.value) for state in AgentState if is_busy(state.value)]
    return [Total(word, count, _TONES[key]) for word, count, key in (*free[:1], *at_work, *free[1:]) if count]


_TONES = {
    "available": "available", "on_break": "paused", "logged_out": "offline",
    "calling": "ringing", "ringing": "ringing", "talking": "on-call", "on_hold": "warn", "wrap_up": "wrap-up",
}  # fmt: skip


def next_change(rows: Iterable[Row], at: datetime | None = None) -> float | None:
    """In how many seconds one of them changes though nobody does anything: a break becomes too long."""
    at = at or now()
    ends = [row.back_at for row in rows if row.back_at and row.back_at > at]
    return round((min(ends) - at).total_seconds() + 0.1, 1) if ends else None  # not before the server agrees


def sorted_by_need(rows: Iterable[Row]) -> list[Row]:
    """Whoever does not answer or is not connected first; then those at work; who is logged out last."""

    def need(row: Row) -> tuple[bool, bool, bool, str]:
        out = row.status == AgentStatus.LOGGED_OUT.value
        return out, row.did_not_answer_at is None, row.connected, row.name.casefold()

    return sorted(rows, key=need)


def _row(user: User, observed: Observed, connected: bool, reasons: dict[str, BreakReason], at: datetime) -> Row:
    reason = reasons.get(user.status_reason)
    minutes = reason.max_minutes if reason and user.status is AgentStatus.ON_BREAK else None
    back_at = user.status_since + timedelta(minutes=minutes) if minutes else None
    return Row(
        id=user.id,
        name=user.name,
        team=user.team.name if user.team else "",
        status=user.status.value,
        word=status_word(user.status),
        reason=reason_word(user.status_reason, reasons),
        since=user.status_since,
        back_at=back_at,
        too_long=back_at is not None and at > back_at,
        state=observed.state.value,
        state_word=state_word(observed.state),
        state_since=observed.since,
        connected=connected or user.status is AgentStatus.LOGGED_OUT,
        did_not_answer_at=user.did_not_answer_at,
    )


def _choice(reason: BreakReason, user: User) -> Choice:
    chosen = user.status is AgentStatus.ON_BREAK and user.status_reason == reason.code
    return Choice(reason.code, reason_word(reason.code, {reason.code: reason}), reason.paid, reason.max_minutes, chosen)


def is_busy(state: str) -> bool:
    return state != AgentState.IDLE.value
