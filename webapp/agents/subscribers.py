from __future__ import annotations

from webapp import live
from webapp.accounts.events import StatusChanged
from webapp.accounts.models import AgentStatus, ChangedBy, User
from webapp.agents.actions import did_not_answer, is_here
from webapp.agents.events import AttentionChanged
from webapp.calls.events import CallChanged, RingAnswered, RingUnanswered
from webapp.db import db
from webapp.events import after_commit, after_commit_together, on


@on(RingUnanswered)
def count_ring(event: RingUnanswered) -> None:
    did_not_answer(db.session.get_one(User, event.user_id), event.at)


@on(RingAnswered)
def notice_answer(event: RingAnswered) -> None:
    user = db.session.get_one(User, event.user_id)
    if user.did_not_answer_at and user.did_not_answer_at <= event.at:
        is_here(user, event.at, by=ChangedBy.SYSTEM)


@on(StatusChanged)
def forget_rings(event: StatusChanged) -> None:
    """Whoever declares something themselves is there, or will not be asked."""
    user = db.session.get_one(User, event.user_id)
    if user.did_not_answer_at and user.did_not_answer_at < event.at and user.status is not AgentStatus.ON_BREAK:
        user.did_not_answer_at = None


@after_commit_together(CallChanged)
def show_states(events: list[CallChanged]) -> None:
    """Whatever becomes of a call may be another state of those whose phones take part."""
    if any(event.user_ids for event in events):
        live.push_topic(live.AGENTS, "desk", {"kind": "agents"})


@after_commit(AttentionChanged)
def show_attention(event: AttentionChanged) -> None:
    live.push("desk", {"kind": "status"}, to=[event.user_id])
    live.push_topic(live.AGENTS, "desk", {"kind": "agents"})
