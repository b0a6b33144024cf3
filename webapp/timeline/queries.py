from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from webapp.paging import Page, newest_first
from webapp.timeline.models import Activity


def of_party(party_id: UUID, *, after: str | None = None) -> Page[Activity]:
    return newest_first(sa.select(Activity).where(Activity.party_id == party_id), Activity.at, Activity.id, after=after)
