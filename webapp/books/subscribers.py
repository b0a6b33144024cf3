from __future__ import annotations

import sqlalchemy as sa

from webapp import live
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import users_who_may
from webapp.books.events import CallRecovered, LedgerChecked
from webapp.books.models import Recovery
from webapp.calls.events import CallMerged
from webapp.db import db
from webapp.events import after_commit, on


@on(CallMerged)
def follow_merge(event: CallMerged) -> None:
    db.session.execute(sa.update(Recovery).where(Recovery.call_id == event.merged_id).values(call_id=event.call_id))


@after_commit(CallRecovered)
def refresh_recoveries(event: CallRecovered) -> None:
    live.push("desk", {"kind": "recoveries"}, to=users_who_may(Permission.LEDGER_READ))


@after_commit(LedgerChecked)
def refresh_ledger(event: LedgerChecked) -> None:
    live.push("desk", {"kind": "ledger"}, to=users_who_may(Permission.LEDGER_READ))
