from __future__ import annotations

from webapp import live
from webapp.events import after_commit
from webapp.notices.events import NoticesChanged


@after_commit(NoticesChanged)
def ring(event: NoticesChanged) -> None:
    live.push("desk", {"kind": "notices"}, to=sorted(event.user_ids))
