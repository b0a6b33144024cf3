"""Reads of calls. Lists and pages begin at `visible_to`: what a user may not see does not exist for them.

A customer's last calls and history are the exception: whoever may read a contact sees when and how it was talked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, lazyload, selectinload

from telephony.commands import First
from telephony.events import Direction, LegResult, Result
from telephony.numbers import e164
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Permission, may
from webapp.calls.models import Call, CallNote, CallState, Disposition, Leg, NumberChoice
from webapp.contacts.models import Party
from webapp.contacts.text import folded
from webapp.db import db, now
from webapp.errors import Invalid, NotFound
from webapp.paging import Page, newest_first

# how long a call stays in its agent's bar in which state; answered, as long as it lasts
SHOWN_FOR = {
    "ringing": timedelta(minutes=3),  # a phone that "rings" for longer than this does not ring any more
    "requested": timedelta(seconds=60),  # the switch was asked and nothing has happened yet
    "wrap_up": timedelta(hours=8),  # later than that it is done on the call's page
    "failed": timedelta(seconds=10),
    "unanswered": timedelta(seconds=5),  # nobody talked to this caller
    "answered_elsewhere": timedelta(seconds=5),
}
MOST_IN_BAR = 6


_NAME_ONLY = (lazyload(User.roles), lazyload(User.lines))
# what pages show of a call, and no more: a card must be there before the agent looks
_SHOWN = (
    joinedload(Call.party).options(joinedload(Party.company), lazyload(Party.points)),
    joinedload(Call.requested_by).options(*_NAME_ONLY),
    selectinload(Call.legs).joinedload(Leg.user).options(*_NAME_ONLY),
    selectinload(Call.notes).joinedload(CallNote.user).options(*_NAME_ONLY),
)


@dataclass(frozen=True, slots=True)
class Filters:
    direction: Direction | None = None
    result: str = ""  # a Result, or "missed"
    mine: bool = False
    q: str = ""  # a part of a name or of a number


def visible_to(user: User) -> sa.Select[Call]:
    """The calls that exist for this user."""
    return sa.select(Call).where(_visible(user)).options(*_SHOWN)


def call_for(user: User, call_id: UUID) -> Call:
    """Raises `NotFound`, also for a call that is none of this user's business."""
    call = db.session.scalars(visible_to(user).where(Call.id == call_id)).unique().one_or_none()
    if call is None:
        raise NotFound(_("There is no such call."))
    return call


def log(user: User, filters: Filters, after: str | None = None) -> Page[Call]:
    return newest_first(visible_to(user).where(*_filtered(user, filters)), Call.started_at, Call.id, after=after)


def in_bar(user: User, at: datetime | None = None) -> Sequence[Call]:
    """The calls in which this user's own phone takes part now or just did, and those that they asked for."""
    at = at or now()
    mine = sa.select(Leg.call_id).where(Leg.user_id == user.id)
    recently = sa.or_(Leg.rang_at > at - SHOWN_FOR["ringing"], Leg.asked_at.is_not(None))
    rings = sa.and_(Leg.answered_at.is_(None), recently)
    living = mine.join(Call).where(
        Call.state != CallState.ENDED, Leg.ended_at.is_(None), sa.or_(Leg.answered_at.is_not(None), rings)
    )
    since = _at_the_screen_since(user, at)
    to_wrap_up = mine.where(*_waits_for_wrap_up(since, at))
    elsewhere = sa.and_(Leg.result == LegResult.ANSWERED_ELSEWHERE, Leg.ended_at > at - SHOWN_FOR["answered_elsewhere"])
    unanswered = sa.and_(
        _inbound_unanswered(), Call.state == CallState.ENDED, Leg.ended_at > at - SHOWN_FOR["unanswered"]
    )
    gone = mine.join(Call).where(Leg.answered_at.is_(None), sa.or_(elsewhere, unanswered))
    asked = sa.and_(
        Call.requested_by_id == user.id,
        sa.or_(
            sa.and_(asked_for(), Call.started_at > at - SHOWN_FOR["requested"]),
            sa.and_(
                Call.state == CallState.ENDED, Call.answered_at.is_(None), Call.ended_at > at - SHOWN_FOR["failed"]
            ),
        ),
    )
    query = (
        sa.select(Call)
        .where(sa.or_(Call.id.in_(living), Call.id.in_(to_wrap_up), Call.id.in_(gone), asked))
        .order_by(Call.state == CallState.ENDED, Call.started_at.desc(), Call.id.desc())  # what lives is never left out
        .limit(MOST_IN_BAR)
        .options(*_SHOWN)
    )
    return db.session.scalars(query).unique().all()


def asked_for() -> sa.ColumnElement[bool]:
    """Calls that do not ring at whoever asked for them yet: nothing was told of it, or the customer's phone rings first."""
    customer_rings = sa.and_(Call.rings_first == First.CUSTOMER, Call.state == CallState.RINGING, ~Call.legs.any())
    return sa.or_(Call.state == CallState.REQUESTED, customer_rings)


def calls_customer_first(user_id: UUID) -> bool:
    """Is a customer rung, or kept waiting, whom this user is to talk to and does not yet?"""
    early = Call.state.in_([CallState.REQUESTED, CallState.RINGING])
    waits = sa.exists().where(Call.requested_by_id == user_id, Call.rings_first == First.CUSTOMER, early)
    return bool(db.session.scalar(sa.select(waits)))


def how_many_to_wrap_up(user: User, at: datetime | None = None) -> int:
    """Calls that wait for this user to say how they ended, more than their bar may show."""
    at = at or now()
    waiting = _waits_for_wrap_up(_at_the_screen_since(user, at), at)
    return (
        db.session.scalar(sa.select(sa.func.count(sa.distinct(Leg.call_id))).where(Leg.user_id == user.id, *waiting))
        or 0
    )


def _at_the_screen_since(user: User, at: datetime) -> datetime:
    since = at - SHOWN_FOR["wrap_up"]
    return max(since, user.logged_in_at or since)  # before, a phone was answered, not a screen


def _waits_for_wrap_up(since: datetime, at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return Leg.answered_at.is_not(None), Leg.ended_at > since, *wraps_up(at)


def wraps_up(at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Of legs that ended: nobody said that it is done, and its time is not over."""
    return Leg.wrapped_up_at.is_(None), sa.or_(Leg.wrap_up_until.is_(None), Leg.wrap_up_until > at)


def last_calls(calls: Iterable[Call], most: int = 3) -> dict[UUID, list[Call]]:
    """For each call the finished ones that this customer had before it, in one question."""
    ranked = [_before(call, most) for call in calls if call.party_id or call.number]
    if not ranked:
        return {}
    pairs = db.session.execute(sa.union_all(*ranked)).all()
    found = by_ids({call_id for _of, call_id in pairs})
    last: dict[UUID, list[Call]] = {}
    for of, call_id in pairs:
        last.setdefault(of, []).append(found[call_id])
    return {of: sorted(rows, key=lambda row: row.started_at, reverse=True) for of, rows in last.items()}


def how_often(numbers: Iterable[str], since: datetime) -> dict[str, int]:
    """How many calls each of these numbers had since then."""
    query = (
        sa.select(Call.number, sa.func.count())
        .where(Call.number.in_(list(numbers)), Call.started_at > since)
        .group_by(Call.number)
    )
    return {number: count for number, count in db.session.execute(query) if number}


def chosen_parties(numbers: Iterable[str]) -> dict[str, UUID]:
    """Whom agents meant last time by numbers that several share."""
    choices = db.session.scalars(sa.select(NumberChoice).where(NumberChoice.number.in_(list(numbers))))
    return {choice.number: choice.party_id for choice in choices}


def by_ids(call_ids: Iterable[UUID]) -> dict[UUID, Call]:
    """For a customer's history."""
    calls = db.session.scalars(sa.select(Call).where(Call.id.in_(list(call_ids))).options(*_SHOWN)).unique()
    return {call.id: call for call in calls}


def visible_ids(user: User, call_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these this user may open."""
    return set(db.session.scalars(sa.select(Call.id).where(_visible(user), Call.id.in_(list(call_ids)))))


def facts(party_id: UUID) -> tuple[int, datetime | None, float]:
    """How often, when last and how long was talked with this customer."""
    query = sa.select(sa.func.count(), sa.func.max(Call.started_at), sa.func.sum(Call.talk_seconds))
    count, last, talked = db.session.execute(query.where(Call.party_id == party_id)).one()
    return count, last, talked or 0.0


def dispositions() -> Sequence[Disposition]:
    query = sa.select(Disposition).where(Disposition.active).order_by(Disposition.position, Disposition.label)
    return db.session.scalars(query).all()


def disposition(code: str) -> Disposition:
    """Raises `Invalid`, also for one that is not in use any more."""
    found = db.session.scalar(sa.select(Disposition).where(Disposition.code == code, Disposition.active))
    if found is None:
        problem = _("There is no such disposition.")
        raise Invalid(problem, fields={"disposition": problem})
    return found


def _visible(user: User) -> sa.ColumnElement[bool]:
    if may(user, Permission.CALL_READ_ALL):
        return sa.true()
    if may(user, Permission.CALL_READ_TEAM):
        return sa.or_(_taken_part(_team_of(user)), _inbound_unanswered())
    return _taken_part([user.id])


def _team_of(user: User) -> sa.Select[UUID]:
    """Everybody of the user's own team and of the teams that they head, and the user."""
    headed = sa.select(Team.id).where(Team.head_id == user.id)
    own = User.team_id == user.team_id if user.team_id else sa.false()
    return sa.select(User.id).where(sa.or_(User.id == user.id, own, User.team_id.in_(headed)))


def _taken_part(users: Any) -> sa.ColumnElement[bool]:
    legs = sa.select(Leg.call_id).where(Leg.user_id.in_(users))
    return sa.or_(Call.requested_by_id.in_(users), Call.id.in_(legs))


def _inbound_unanswered() -> sa.ColumnElement[bool]:
    return sa.and_(Call.direction == Direction.INBOUND, Call.answered_at.is_(None))


def _filtered(user: User, filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.direction:
        conditions.append(Call.direction == filters.direction)
    if filters.result == "missed":
        conditions += [_inbound_unanswered(), Call.state == CallState.ENDED]
    elif filters.result:
        conditions.append(Call.result == Result(filters.result))
    if filters.mine:
        conditions.append(_taken_part([user.id]))
    if filters.q:
        conditions.append(_with_customer(filters.q))
    return conditions


def _with_customer(text: str) -> sa.ColumnElement[bool]:
    words = folded(text).split()
    named = sa.select(Party.id).where(*(Party.search_name.contains(word, autoescape=True) for word in words))
    ways = [Call.party_id.in_(named), Call.name_raw.icontains(text, autoescape=True)] if words else []
    if re.fullmatch(r"[+0-9()\-./\s]+", text) and (digits := re.sub(r"\D", "", text).lstrip("0")):
        whole = e164(text, current_app.config["RINGBACK_REGION"])
        ways += [Call.number == (whole or ""), Call.number.contains(digits, autoescape=True)]
    return sa.or_(*ways) if ways else sa.false()


def _before(call: Call, most: int) -> Any:
    """Newest first, by two indexes: an own little SELECT, since LIMIT belongs to each call."""
    same = [Call.party_id == call.party_id] if call.party_id else []
    same += [Call.number == call.number] if call.number and not call.party_id else []
    newest = (
        sa.select(Call.id)
        .where(sa.or_(*same), Call.id != call.id, Call.state == CallState.ENDED, Call.started_at <= call.started_at)
        .order_by(Call.started_at.desc())
        .limit(most)
        .subquery()
    )
    return sa.select(sa.literal(call.id, sa.Uuid()).label("of"), newest.c.id)
