"""What the desk's screens join."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from webapp.accounts.models import User
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.contacts.models import Party
from webapp.paging import Page, moment
from webapp.tasks import queries as task_reads
from webapp.tasks import shown as tasks
from webapp.timeline import queries as timeline


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened with a party: a call, or a callback that was closed."""

    at: datetime
    call: calls.Row | None = None
    callback: tasks.Row | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    calls: int
    last_call_at: datetime | None
    talk_seconds: float


def history(reader: User, party: Party, after: str | None = None) -> Page[Entry]:
    """As whoever may read the party sees it; only the reader's own calls can be opened from it.

    The timeline is what is paged; with its entries come the callbacks that were closed meanwhile."""
    page = timeline.of_party(party.id, after=after)
    ids = [activity.subject_id for activity in page.rows if activity.kind == "call.ended"]
    known, may_open = call_reads.by_ids(ids), call_reads.visible_ids(reader, ids)
    rows = calls.rows((known[call_id] for call_id in ids if call_id in known), may_open)
    closed = task_reads.closed_of_customer(
        party.id,
        [point.value for point in party.phones],
        after=moment(page.after) if page.after else None,
        until=moment(after) if after else None,
    )
    entries = [Entry(row.started_at, call=row) for row in rows]
    entries += [Entry(row.closed_at, callback=row) for row in tasks.rows(closed, reader) if row.closed_at]
    return Page(sorted(entries, key=lambda entry: entry.at, reverse=True), page.after)


def facts(party_id: UUID) -> Facts:
    return Facts(*call_reads.facts(party_id))
