"""The ledger's own movement. Every promise is a moment in a row. Each row is locked and looked at again before anything
is done about it, so that it is done once, however often and in however many places this runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import absence_of, absent_ids, people_who_may, present
from webapp.contacts.models import Party
from webapp.db import db, now, transaction
from webapp.jobs import job
from webapp.tasks import oversight, tickets
from webapp.tasks.actions import give_back
from webapp.tasks.models import Callback, CallbackState
from webapp.tasks.people import give, hand_to
from webapp.tasks.policies import policy_for
from webapp.tasks.rows import call_is_up, changed, is_being_called, remind

log = structlog.get_logger(__name__)

TOO_LATE = timedelta(minutes=10)
AT_ONCE = 500  # of one sort in one sweep; the next one comes soon
TOGETHER = 50  # rows in one transaction: others who write wait no longer than for these
MANY = 20  # overdue at once; more are told of in one notice


@job(every=timedelta(seconds=2))
def sweep(at: datetime | None = None) -> None:
    at = at or now()
    tell_overdue(at)  # the one thing that is promised within seconds
    open_again(at)
    offer_tickets(at)
    remind_people(at)
    tell_above(at)
    release_claims(at)


@job(every=timedelta(seconds=15))
def find_owners(at: datetime | None = None) -> None:
    """What is with somebody who is away goes to others; what is nobody's goes to the contact's owner, once here."""
    at = at or now()
    free = sa.select(Callback.id).where(Callback.state.in_([CallbackState.OPEN, CallbackState.WAITING]))
    away = sa.or_(Callback.assigned_to_id.in_(absent_ids(at)), User.active.is_(False))
    _each(free.join(User, User.id == Callback.assigned_to_id).where(away), lambda callback: _pass_on(callback, at))
    here = [user.id for user in present(people_who_may(Permission.CALLBACK_WORK), at)]
    theirs = free.join(Party, Party.id == Callback.party_id).where(Party.owner_id.in_(here))
    _each(theirs.where(Callback.assigned_to_id.is_(None)), lambda callback: _give(callback, at))


def _pass_on(callback: Callback, at: datetime) -> None:
    """A promise of a day on which they are here again stays theirs."""
    theirs, promised = callback.assigned_to, callback.promised_for
    waits = callback.state is CallbackState.WAITING and promised is not None and promised > at
    if theirs and theirs.active and waits and promised and absence_of(theirs, promised) is None:
        return
    hand_to(callback, None, None, at=at)
    db.session.flush()
    _give(callback, at)


def _give(callback: Callback, at: datetime) -> None:
    give(callback, at)
    changed(callback)


def open_again(at: datetime) -> None:
    """What waited for its moment: the next attempt, or a promise."""

    def act(callback: Callback) -> None:
        if callback.state is CallbackState.WAITING and callback.retry_at and callback.retry_at <= at:
            callback.state = CallbackState.OPEN
            if at - callback.retry_at < TOO_LATE:
                oversight.remind(callback, callback.retry_at, at)
            changed(callback)

    _each(sa.select(Callback.id).where(Callback.state == CallbackState.WAITING, Callback.retry_at <= at), act)


def offer_tickets(at: datetime) -> None:
    """Looked at without a lock first: most of them wait for a while."""
    ready = [ticket.id for ticket in tickets.waiting() if tickets.turn_has_come(ticket, at)]
    _each(sa.select(Callback.id).where(Callback.id.in_(ready)), lambda ticket: tickets.take_turn(ticket, at))


def remind_people(at: datetime) -> None:
    """Several that are past are one, and one that comes much too late (nothing ran here) says nothing new."""

    def act(callback: Callback) -> None:
        moment = callback.remind_at
        if not callback.is_open or moment is None or moment > at:
            return
        callback.reminded += 1
        remind(callback, at=at)
        if at - moment < TOO_LATE:
            oversight.remind(callback, moment, at)
            changed(callback)

    _each(_past(Callback.remind_at, at), act)


def tell_overdue(at: datetime) -> None:
    query = _past(Callback.due_at, at).where(Callback.overdue_told_at.is_(None))
    many = db.session.scalar(sa.select(sa.func.count()).select_from(query.limit(MANY + 1).subquery()))
    burst = oversight.Burst(at) if many and many > MANY else None

    def act(callback: Callback) -> None:
        if not callback.is_open or callback.overdue_told_at or callback.due_at > at:
            return
        callback.overdue_told_at = at
        callback.second_step_due_at = policy_for(callback.queue).second_step(callback.due_at)
        if burst:
            burst.add(callback)
        else:
            oversight.tell_overdue(callback, at)
        changed(callback)

    _each(query, act, burst)


def tell_above(at: datetime) -> None:
    def act(callback: Callback) -> None:
        due_at = callback.second_step_due_at
        if not callback.is_open or callback.second_step_at or due_at is None or due_at > at:
            return
        callback.second_step_at, callback.second_step_due_at = at, None
        oversight.tell_above(callback, at)
        changed(callback)

    _each(_past(Callback.second_step_due_at, at).where(Callback.second_step_at.is_(None)), act)


def release_claims(at: datetime) -> None:
    """A claim that was not renewed, and no call is up for it."""

    def act(callback: Callback) -> None:
        until = callback.claimed_until
        if callback.state is CallbackState.CLAIMED and until and until < at and not is_being_called(callback.id):
            give_back(callback, at)

    claimed = sa.select(Callback.id).where(Callback.state == CallbackState.CLAIMED)
    _each(claimed.where(Callback.claimed_until < at, ~call_is_up(Callback.id)), act)


def _past(moment: Any, at: datetime) -> sa.Select[UUID]:
    return sa.select(Callback.id).where(Callback.state != CallbackState.CLOSED, moment <= at).order_by(moment)


def _each(query: sa.Select[UUID], act: Callable[[Callback], None], burst: oversight.Burst | None = None) -> None:
    """Some in one transaction, at whose end a burst is told of. Where one fails, each has a transaction of its own."""
    ids = db.session.scalars(query.limit(AT_ONCE)).all()
    db.session.rollback()
    for some in (ids[i : i + TOGETHER] for i in range(0, len(ids), TOGETHER)):
        try:
            _do(some, act, burst)
        except Exception:
            log.warning("callbacks are moved on one by one", callbacks=len(some), exc_info=True)
            for callback_id in some:
                _do_alone(callback_id, act, burst)


def _do(ids: Sequence[UUID], act: Callable[[Callback], None], burst: oversight.Burst | None) -> None:
    with transaction():
        if burst:
            burst.begin()
        for callback_id in ids:
            callback = db.session.get(Callback, callback_id, with_for_update={"of": Callback})
            if callback is not None:
                act(callback)
        if burst:
            burst.tell()


def _do_alone(callback_id: UUID, act: Callable[[Callback], None], burst: oversight.Burst | None) -> None:
    try:
        _do([callback_id], act, burst)
    except Exception:
        log.exception("a callback could not be moved on", callback=str(callback_id))
