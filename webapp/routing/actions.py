"""Callers come and go, agents are rung: leases in rows, so that however many of us decide, nobody is rung twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from telephony.events import CallAnswered, CallEnded, CallerLeft, CallerWaits, CallEvent, LegEnded, Resynced
from webapp.accounts.models import User
from webapp.db import db, lock, transaction
from webapp.routing.decision import Match
from webapp.routing.models import Ring, WaitingCaller

GRACE = timedelta(seconds=15)  # after a ring should be over, until it is believed without a word of it


def record(event: CallEvent | Resynced | CallerWaits | CallerLeft, *, switch: str) -> None:
    """What a switch tells that decides who may be rung. Twice the same changes nothing."""
    match event:
        case CallerWaits():
            with transaction():
                _waits(event, switch)
        case CallerLeft() | CallEnded():
            with transaction():
                _forget(event.uid, switch)
        case LegEnded() | CallAnswered():
            with transaction():
                rings = sa.delete(Ring).where(Ring.switch == switch, Ring.uid == event.uid, Ring.line == event.line)
                db.session.execute(rings)
        case _:
            pass


def _waits(event: CallerWaits, switch: str) -> None:
    caller = db.session.get(WaitingCaller, (switch, event.uid))
    if caller is None:
        caller = WaitingCaller(switch=switch, uid=event.uid, since=event.at)
        db.session.add(caller)
    caller.queue = event.queue


def _forget(uid: str, switch: str) -> None:
    db.session.execute(sa.delete(WaitingCaller).where(WaitingCaller.switch == switch, WaitingCaller.uid == uid))
    db.session.execute(sa.delete(Ring).where(Ring.switch == switch, Ring.uid == uid))


def lease(found: Match, *, switch: str, at: datetime, seconds: int) -> bool:
    """Inside no transaction. False when somebody was faster: for this agent, or for this caller."""
    until = at + timedelta(seconds=seconds) + GRACE
    try:
        with transaction():
            lock(db.session.get_one(User, found.agent.id))  # two who decide for one agent wait for each other
            waits = db.session.get(WaitingCaller, (switch, found.caller.uid), with_for_update=True)
            rings = sa.select(Ring).where(
                sa.or_(Ring.user_id == found.agent.id, sa.and_(Ring.switch == switch, Ring.uid == found.caller.uid))
            )
            for ring in db.session.scalars(rings).all():
                if ring.until > at:
                    return False
                db.session.delete(ring)
            if waits is None:
                return False
            db.session.flush()
            db.session.add(
                Ring(user_id=found.agent.id, switch=switch, uid=found.caller.uid, line=found.agent.line,
                     began_at=at, until=until)
            )  # fmt: skip
    except IntegrityError:
        return False
    return True


def give_up(found: Match, *, until: datetime) -> None:
    """The phone could not be rung: its agent gets nobody for a moment, and the caller somebody else."""
    with transaction():
        db.session.execute(
            sa.update(Ring)
            .where(Ring.user_id == found.agent.id, Ring.uid == found.caller.uid)
            .values(until=until, uid="", switch="")
        )
