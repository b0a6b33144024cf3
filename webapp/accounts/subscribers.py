from __future__ import annotations

from webapp import live
from webapp.accounts.events import UserDeactivated
from webapp.events import after_commit


@after_commit(UserDeactivated)
def close_sockets(event: UserDeactivated) -> None:
    live.shut_out(event.user_id)
