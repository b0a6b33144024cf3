from __future__ import annotations

from webapp.calls.events import CallChanged, CallMerged
from webapp.calls.models import Call
from webapp.db import db, now
from webapp.events import on
from webapp.wrapup.actions import follow, move


@on(CallChanged)
def follow_wrap_up(event: CallChanged) -> None:
    if event.user_ids:
        follow(db.session.get_one(Call, event.call_id), now())


@on(CallMerged)
def move_wrap_ups(event: CallMerged) -> None:
    move(db.session.get_one(Call, event.merged_id), db.session.get_one(Call, event.call_id))
