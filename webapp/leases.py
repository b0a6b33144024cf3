"""One holder at a time: the bridge of a switch, the beat. A lease that is not renewed falls to whoever asks next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Model, db, now, transaction

HELD_FOR = timedelta(seconds=20)


class Lease(Model):
    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(80))
    expires_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the holder tells of itself, for others


def take(
    name: str,
    holder: str,
    *,
    at: datetime | None = None,
    held_for: timedelta = HELD_FOR,
    facts: dict[str, Any] | None = None,
) -> bool:
    """Take or renew; False when somebody else holds it."""
    at = at or now()
    with transaction():
        taken = db.session.execute(
            sa.update(Lease)
            .where(Lease.name == name, sa.or_(Lease.holder == holder, Lease.expires_at < at))
            .values(holder=holder, expires_at=at + held_for, facts=facts or {})
        )
        if taken.rowcount:  # type: ignore[attr-defined]
            return True
    try:
        with transaction():
            db.session.add(Lease(name=name, holder=holder, expires_at=at + held_for, facts=facts or {}))
        return True
    except IntegrityError:
        return False


def facts_of(name: str, *, at: datetime | None = None) -> dict[str, Any] | None:
    """What the present holder told last; None when there is none."""
    lease = db.session.get(Lease, name)
    return lease.facts if lease and lease.expires_at >= (at or now()) else None


def give_back(name: str, holder: str) -> None:
    with transaction():
        db.session.execute(sa.delete(Lease).where(Lease.name == name, Lease.holder == holder))
