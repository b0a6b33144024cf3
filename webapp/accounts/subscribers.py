from __future__ import annotations

from webapp import jobs, live
from webapp.accounts.events import OutOfStep, PresenceChanged, StatusChanged, UserDeactivated
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import users_who_may
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
    """Those who answer for agents."""
    live.push("desk", {"kind": "agents"}, to=users_who_may(Permission.CALL_READ_TEAM))


@after_commit(OutOfStep)
def tell_switch(event: OutOfStep) -> None:
    jobs.soon(keep_in_step, str(event.user_id))


@after_commit(UserDeactivated)
def close_sockets(event: UserDeactivated) -> None:
    live.shut_out(event.user_id)
