from __future__ import annotations

from webapp.calls.events import CallMerged
from webapp.calls.models import Call
from webapp.db import db
from webapp.events import on
from webapp.scripts.actions import move


@on(CallMerged)
def move_runs(event: CallMerged) -> None:
    move(db.session.get_one(Call, event.merged_id), db.session.get_one(Call, event.call_id))
