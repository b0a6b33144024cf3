from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import Line, User
from webapp.calls.models import Leg
from webapp.db import db
from webapp.phones.models import Handling


def browser_line(user: User) -> Line | None:
    """The phone that is the page itself. One is enough for anybody."""
    return next((line for line in user.lines if line.in_browser), None)


def is_in_browser(user: User, switch: str, leg: Leg | None) -> bool:
    line = browser_line(user)
    return bool(line and leg and (line.switch, line.endpoint) == (switch, leg.line))


def handling_of(leg_ids: Iterable[UUID]) -> dict[UUID, Handling]:
    ids = list(leg_ids)
    if not ids:
        return {}
    return {row.leg_id: row for row in db.session.scalars(sa.select(Handling).where(Handling.leg_id.in_(ids)))}
