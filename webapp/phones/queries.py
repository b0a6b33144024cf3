from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import AgentStatus, Line, User
from webapp.calls.models import Call, CallState, Leg
from webapp.db import db, now
from webapp.phones.models import Handling, ParkedCall


def browser_line(user: User) -> Line | None:
    """The phone that is the page itself. One is enough for anybody."""
    return next((line for line in user.lines if line.in_browser), None)


def checked_line(user: User) -> Line | None:
    """Whose state the check page tells: the page's own phone before one on the desk."""
    return browser_line(user) or next(iter(user.lines), None)


def is_in_browser(user: User, switch: str, leg: Leg | None) -> bool:
    line = browser_line(user)
    return bool(line and leg and (line.switch, line.endpoint) == (switch, leg.line))


JUST_NOW = timedelta(seconds=8)  # until the switch tells that a phone rings


def is_asking(call: Call, leg: Leg, handling: Handling, at: datetime | None = None) -> bool:
    """Whom this agent asks is there, or is being called. Who declined or hung up is gone by themselves."""
    since = handling.asked_at
    if since is None:
        return False
    others = [other for other in call.legs if other is not leg and other.rang_at >= since - timedelta(seconds=2)]
    if others:
        return any(other.ended_at is None for other in others)
    return (at or now()) - since < JUST_NOW


def parked(user: User) -> Sequence[ParkedCall]:
    """On the switches where this user has a phone, who waits longest first."""
    names = {line.switch for line in user.lines}
    query = sa.select(ParkedCall).join(Call).where(Call.switch.in_(names), Call.state != CallState.ENDED)
    return db.session.scalars(query.order_by(ParkedCall.at)).unique().all()


def colleagues(user: User, switch: str) -> Sequence[Line]:
    """Phones of those who are logged in, by name."""
    query = (
        sa.select(Line)
        .join(User)
        .where(Line.switch == switch, Line.user_id != user.id, User.active, User.status != AgentStatus.LOGGED_OUT)
        .order_by(User.name)
    )
    return db.session.scalars(query).unique().all()


def on_browser_phones(user_id: UUID | None = None) -> Sequence[tuple[Leg, Line]]:
    """What goes on there now, with the phone."""
    same = sa.and_(Line.switch == Call.switch, Line.endpoint == Leg.line, Line.in_browser)
    query = sa.select(Leg, Line).join(Call, Leg.call_id == Call.id).join(Line, same)
    query = query.where(Leg.ended_at.is_(None), Call.state != CallState.ENDED)
    query = query.where(Line.user_id == user_id) if user_id else query
    return [(leg, line) for leg, line in db.session.execute(query).unique()]


def kept_in_browser(user_id: UUID) -> list[Leg]:
    """What rings or is talked in there, and was not moved on because its page is gone."""
    legs = [leg for leg, _line in on_browser_phones(user_id)]
    rescued = {leg_id for leg_id, handling in handling_of(leg.id for leg in legs).items() if handling.rescued_at}
    return [leg for leg in legs if leg.id not in rescued]


class Holder(StrEnum):
    """Which device is a browser phone, as seen from one of them."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOBODY = "nobody"


def holder(user: User, device: UUID | None) -> Holder:
    line = browser_line(user)
    if line is None or line.device is None:
        return Holder.NOBODY
    if line.device == device:
        return Holder.HERE
    held = line.is_held_by_another(device, now()) or kept_in_browser(user.id)
    return Holder.ELSEWHERE if held else Holder.NOBODY


def handling_of(leg_ids: Iterable[UUID]) -> dict[UUID, Handling]:
    ids = list(leg_ids)
    if not ids:
        return {}
    return {row.leg_id: row for row in db.session.scalars(sa.select(Handling).where(Handling.leg_id.in_(ids)))}
