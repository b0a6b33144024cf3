"""Who does not answer, and that they are there again. Nobody is ever logged out for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app

from config.settings import Settings
from webapp.accounts.actions import set_status
from webapp.accounts.breaks import NO_ANSWER
from webapp.accounts.events import OutOfStep
from webapp.accounts.models import AgentStatus, ChangedBy, User
from webapp.accounts.queries import all_heads, heads_of
from webapp.agents.events import AttentionChanged
from webapp.agents.queries import unanswered_in_a_row
from webapp.db import lock, now
from webapp.events import publish
from webapp.notices.actions import notify

DID_NOT_ANSWER = "agent.did_not_answer"
NEWS = timedelta(minutes=10)  # what is told later than that says nothing of where somebody is now


def did_not_answer(user: User, at: datetime) -> None:
    """Their phone rang in vain. When that is too often in a row, it is shown to them, and their head is told."""
    settings: Settings = current_app.extensions["ringback.settings"]
    lock(user)
    if not settings.unanswered_rings or user.status is not AgentStatus.AVAILABLE or user.did_not_answer_at:
        return
    if at < now() - NEWS or (rings := unanswered_in_a_row(user)) < settings.unanswered_rings:
        return
    user.did_not_answer_at = at
    if settings.unanswered_break:
        set_status(user, AgentStatus.ON_BREAK, reason=NO_ANSWER, by=ChangedBy.SYSTEM, at=max(at, user.status_since))
        publish(OutOfStep(user_id=user.id))
    heads = [head for head in (heads_of([user.team_id]) if user.team_id else []) or all_heads() if head.id != user.id]
    key, facts = f"{DID_NOT_ANSWER}:{user.id}:{at.isoformat()}", {"who": user.name, "rings": rings}
    notify(heads, kind=DID_NOT_ANSWER, key=key, facts=facts, link="/agents")
    publish(AttentionChanged(user_id=user.id))


def is_here(user: User, at: datetime, *, by: ChangedBy = ChangedBy.AGENT) -> None:
    """They answered, or they say so."""
    lock(user)
    user.here_at = max(user.here_at or at, at)
    if user.did_not_answer_at is None:
        return
    user.did_not_answer_at = None
    if user.status is AgentStatus.ON_BREAK and user.status_reason == NO_ANSWER:
        set_status(user, AgentStatus.AVAILABLE, by=by, at=max(at, user.status_since))
        publish(OutOfStep(user_id=user.id))
    publish(AttentionChanged(user_id=user.id))
