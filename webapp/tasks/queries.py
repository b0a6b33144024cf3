from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.calls import queries as call_reads
from webapp.calls.models import Call
from webapp.db import db
from webapp.errors import NotFound
from webapp.tasks import audit, listing
from webapp.tasks.listing import SHOWN
from webapp.tasks.models import Callback, CallbackAttempt, CallbackCall, CallbackState

MOST_BROKEN = 1_000
MOST_TOLD = 20  # calls of one callback


def callback(callback_id: UUID) -> Callback:
    """Raises `NotFound`."""
    found = db.session.get(Callback, callback_id, options=SHOWN)
    if found is None:
        raise NotFound(_("There is no such callback."))
    return found


def broken_rules() -> dict[UUID, str]:
    """What should never be: a call's or callback's id, and which rule it breaks."""
    return {problem.id: problem.rule for problem in audit.problems()[:MOST_BROKEN]}


def most_urgent(reader: User, size: int) -> Sequence[Callback]:
    """Of what is to be done."""
    return listing.page(reader, listing.Filters(), size=size).rows


def of_customers(party_ids: list[UUID], numbers: list[str]) -> list[Callback]:
    """What is open with these customers, by who they are or by their numbers."""
    same = sa.or_(Callback.party_id.in_(party_ids), Callback.number.in_(numbers))
    query = sa.select(Callback).where(Callback.state != CallbackState.CLOSED, same)
    return list(db.session.scalars(query.order_by(Callback.due_at).options(*SHOWN)).unique())


def closed_of_customer(
    party_id: UUID, numbers: list[str], *, after: datetime | None, until: datetime | None
) -> list[Callback]:
    """What became of the customer's callbacks that were closed in this time, the newest first; None: no bound.

    A number counts where nobody knew yet whose it was."""
    theirs = sa.or_(Callback.party_id == party_id, sa.and_(Callback.party_id.is_(None), Callback.number.in_(numbers)))
    query = sa.select(Callback).where(Callback.state == CallbackState.CLOSED, theirs)
    if after:
        query = query.where(Callback.closed_at > after)
    if until:
        query = query.where(Callback.closed_at <= until)
    return list(db.session.scalars(query.order_by(Callback.closed_at.desc()).options(*SHOWN)).unique())


def of_call(call_id: UUID) -> Callback | None:
    """What became of a missed call."""
    query = sa.select(Callback).join(CallbackCall, CallbackCall.callback_id == Callback.id)
    return db.session.scalar(query.where(CallbackCall.call_id == call_id).options(*SHOWN))


def how_many_open() -> int:
    query = sa.select(sa.func.count()).select_from(Callback)
    return db.session.scalar(query.where(Callback.state.in_([CallbackState.OPEN, CallbackState.CLAIMED]))) or 0


def missed_calls(callback: Callback) -> list[Call]:
    """The last ones that nobody answered, the newest first."""
    query = sa.select(CallbackCall.call_id).join(Call, Call.id == CallbackCall.call_id)
    query = query.where(CallbackCall.callback_id == callback.id).order_by(Call.started_at.desc()).limit(MOST_TOLD)
    ids = db.session.scalars(query).all()
    known = call_reads.by_ids(ids)
    return [known[call_id] for call_id in ids]


def attempts(callback: Callback) -> list[tuple[CallbackAttempt, Call, str]]:
    """Our last calls to them, the newest first, with the name of who made each."""
    query = (
        sa.select(CallbackAttempt, User.name)
        .outerjoin(User, User.id == CallbackAttempt.by_id)
        .where(CallbackAttempt.callback_id == callback.id)
        .order_by(CallbackAttempt.at.desc())
        .limit(MOST_TOLD)
    )
    made = db.session.execute(query).all()
    known = call_reads.by_ids(attempt.call_id for attempt, _name in made)
    return [(attempt, known[attempt.call_id], name or "") for attempt, name in made]
