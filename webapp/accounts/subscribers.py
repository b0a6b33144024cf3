from __future__ import annotations

from uuid import UUID

from flask_login import current_user

from webapp import jobs, live
from webapp.accounts.events import OutOfStep, PresenceChanged, StatusChanged, UserDeactivated
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.permissions import Permission, may
from webapp.events import after_commit, after_commit_together


@after_commit(StatusChanged)
def show_status(event: StatusChanged) -> None:
    """On all pages of whose it is."""
    live.push("desk", {"kind": "status"}, to=[event.user_id])


@after_commit_together(StatusChanged)
def show_statuses(_events: list[StatusChanged]) -> None:
    _tell_heads()


@after_commit_together(PresenceChanged)
def show_presence(_events: list[PresenceChanged]) -> None:
    _tell_heads()


def _tell_heads() -> None:
    live.push_topic(live.AGENTS, "desk", {"kind": "agents"})


@live.on_connect
def _follow_agents(_user_id: UUID) -> None:
    if may(current_user, Permission.CALL_READ_TEAM):
        live.join(live.AGENTS)


@after_commit(OutOfStep)
def tell_switch(event: OutOfStep) -> None:
    jobs.soon(keep_in_step, str(event.user_id))


@after_commit(UserDeactivated)
def close_sockets(event: UserDeactivated) -> None:
    live.shut_out(event.user_id)
