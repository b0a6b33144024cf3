from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from webapp.db import db, now
from webapp.timeline.models import Activity


def note(
    party_id: UUID,
    kind: str,
    subject_id: UUID,
    *,
    at: datetime | None = None,
    actor_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Write into a party's history; the same fact told twice is one entry, the later telling's."""
    entry = db.session.scalar(
        sa.select(Activity).where(
            Activity.party_id == party_id, Activity.kind == kind, Activity.subject_id == subject_id
        )
    )
    if entry is None:
        entry = Activity(party_id=party_id, kind=kind, subject_id=subject_id)
        db.session.add(entry)
    entry.at, entry.actor_id, entry.data = at or now(), actor_id, data or {}
