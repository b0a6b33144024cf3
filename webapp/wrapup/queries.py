from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from webapp.accounts.models import User
from webapp.calls.models import Call, Leg
from webapp.db import db
from webapp.wrapup.models import WrapUp, WrapUpForm


def form_for(queue: str | None) -> WrapUpForm:
    """The queue's own, else the one for all others, else one without limits and fields."""
    return forms_for([queue])[queue]


def forms_for(queues: Iterable[str | None]) -> dict[str | None, WrapUpForm]:
    """In a few questions, however many they are."""
    wanted = set(queues)
    names = {queue for queue in wanted if queue} | {""}
    rows = {form.queue: form for form in db.session.scalars(sa.select(WrapUpForm).where(WrapUpForm.queue.in_(names)))}
    other = rows.get("") or plain()
    return {queue: rows.get(queue or "", other) for queue in wanted}


def plain(queue: str = "") -> WrapUpForm:
    """What holds until somebody decides otherwise; no row."""
    return WrapUpForm(
        queue=queue, limit_seconds=0, more_seconds=60, disposition_required=True, next_step=True, choices=[], fields=[]
    )


def all_forms() -> Sequence[WrapUpForm]:
    return db.session.scalars(sa.select(WrapUpForm).order_by(WrapUpForm.queue)).all()


def queue_of(call: Call, user_id: UUID) -> str | None:
    """By whose form this agent wraps the call up: of the queue that gave it to them."""
    leg = call.leg_of(user_id)
    return (leg.queue if leg else None) or call.queue


def wrap_up_of(call_id: UUID, user_id: UUID) -> WrapUp | None:
    return db.session.scalar(sa.select(WrapUp).where(WrapUp.call_id == call_id, WrapUp.user_id == user_id))


def by_call(user: User, call_ids: Iterable[UUID]) -> dict[UUID, WrapUp]:
    """This agent's own."""
    mine = sa.select(WrapUp).where(WrapUp.user_id == user.id, WrapUp.call_id.in_(list(call_ids)))
    return {row.call_id: row for row in db.session.scalars(mine).unique()}


def saved_of(call_id: UUID) -> Sequence[WrapUp]:
    """What everybody said of a call, in order."""
    said = sa.select(WrapUp).where(WrapUp.call_id == call_id, WrapUp.saved_at.is_not(None))
    return db.session.scalars(said.order_by(WrapUp.saved_at)).unique().all()


def expired(at: datetime) -> list[UUID]:
    """Calls in which somebody's time is over."""
    over = sa.and_(Leg.wrap_up_until <= at, Leg.wrapped_up_at.is_(None))
    return list(db.session.scalars(sa.select(Leg.call_id).where(over).distinct()))


def held_too_long(at: datetime) -> list[UUID]:
    """Whose time is over, though no call says so any more."""
    return list(db.session.scalars(sa.select(User.id).where(User.held_back_until <= at)))
