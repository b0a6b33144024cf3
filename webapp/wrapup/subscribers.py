from __future__ import annotations

from webapp import live
from webapp.calls.events import CallChanged, CallMerged
from webapp.calls.models import Call
from webapp.db import db, now
from webapp.events import after_commit, on
from webapp.wrapup.actions import follow, move
from webapp.wrapup.events import DraftKept


@on(CallChanged)
def follow_wrap_up(event: CallChanged) -> None:
    if event.user_ids:
        follow(db.session.get_one(Call, event.call_id), now())


@on(CallMerged)
def move_wrap_ups(event: CallMerged) -> None:
    move(db.session.get_one(Call, event.merged_id), db.session.get_one(Call, event.call_id))


@after_commit(DraftKept)
def show_draft_elsewhere(event: DraftKept) -> None:
    """In the other tabs and on the other devices of who types it."""
    told = {"kind": "answers", "ids": [str(event.call_id)], "version": event.version}
    live.push("desk", told, to=[event.user_id])
