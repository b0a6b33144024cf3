"""What we said that we would do: "we call you on Tuesday at three", and whether we did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from telephony.numbers import e164, zones_of
from webapp import switches, text, zones
from webapp.accounts.models import User
from webapp.calls.identity import party_for
from webapp.contacts.models import OwnNumber, Party
from webapp.db import db, now
from webapp.errors import Conflict, Invalid
from webapp.tasks.actions import take_over
from webapp.tasks.lookup import one_at_a_time, open_entry
from webapp.tasks.models import AssignedBy, Callback, CallbackKind, CallbackState, ClosedAs
from webapp.tasks.people import hand_to
from webapp.tasks.policies import GRACE, REMINDED_BEFORE
from webapp.tasks.rows import changed

FARTHEST = timedelta(days=366)
BY_CONVERSATION = (ClosedAs.REACHED, ClosedAs.CALLED_BACK, ClosedAs.RANG_IN)
NEITHER = (ClosedAs.MERGED, ClosedAs.DISMISSED)


class Owner(StrEnum):
    """Who is to call: who promised, or whoever comes."""

    ME = "me"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Step:
    """A promise as somebody gives it: when, on whose clock, and who is to call."""

    at: datetime
    zone: str
    owner: Owner
    note: str


def promise(
    number: str, when: datetime, *, by: User, owner: Owner = Owner.ME, zone: str = "", party: Party | None = None,
    note: str = "", switch: str = "", at: datetime | None = None,
) -> Callback:  # fmt: skip
    """We call `number` at `when`. Without an offset it is the callee's clock: `zone`, else where their number is, else
    ours. What was open for the number, or for the person, goes on in this. Raises Invalid by field (number,
    at, zone, note), Conflict."""
    at = at or now()
    known, switch = _number(number, switch, by), switch or _switch(by)
    zone = _zone(zone, known)
    promised_for = _moment(when, zone, at)
    note = text.line(note, "note", most=500)
    party_id = party.id if party else party_for(known)
    one_at_a_time(party_id)
    before = open_entry(f"tel:{known}", known, party_id)
    if before and before.claimed_by and before.claimed_by_id != by.id:
        raise Conflict(_("%(name)s is already on it.", name=before.claimed_by.name))
    if before:
        before.open_key = None
        db.session.flush()
    callback = Callback(
        open_key=f"tel:{known}", number=known, number_raw=known, switch=switch, kind=CallbackKind.PROMISE, missed=0,
        party_id=party_id, queue=before.queue if before else None, attempts=0,
        state=CallbackState.WAITING, retry_at=max(at, promised_for - REMINDED_BEFORE), first_missed_at=at, last_missed_at=at,
        promised_for=promised_for, promised_zone=zone, promised_by_id=by.id, note=note, due_at=promised_for + GRACE,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(callback)
    except IntegrityError as error:
        raise Conflict(_("Somebody else was faster. Look again.")) from error
    if owner is Owner.ME:
        hand_to(callback, by, AssignedBy.PERSON, at=at)
    if before:
        take_over(before, callback, at=at)
        callback.first_missed_at = callback.last_missed_at = at  # what was before this word does not count against it
        changed(before)
    changed(callback)
    return callback


def zone_of(number: str) -> str:
    """Where somebody with this number is: there, if that is one place; ours, if it may be ours; else the first."""
    ours, possible = str(current_app.config["BABEL_DEFAULT_TIMEZONE"]), zones_of(number)
    return ours if not possible or ours in possible else possible[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the promises whose time has come: how many were kept. `rate` is None when there was none."""

    kept: int
    broken: int

    @property
    def rate(self) -> float | None:
        return self.kept / (self.kept + self.broken) if self.kept + self.broken else None


def kept(
    since: datetime, until: datetime, *, by: Collection[UUID] | None = None, team_id: UUID | None = None,
    at: datetime | None = None,
) -> Kept:  # fmt: skip
    """The promises for this time, of these people or this team: of who gave them.

    Kept: a conversation with them, by whichever call, after it was given and at the latest `GRACE` after its moment.
    Left out: those that another promise replaced, and those that somebody withdrew, with a reason, in time.
    """
    at = at or now()
    theirs = [Callback.promised_for >= since, Callback.promised_for < until]
    if by is not None:
        theirs.append(Callback.promised_by_id.in_(list(by)))
    if team_id is not None:
        theirs.append(Callback.promised_by_id.in_(sa.select(User.id).where(User.team_id == team_id)))
    reached = Callback.closed_as.in_(BY_CONVERSATION)
    late = sa.func.coalesce(Callback.closed_at > Callback.promised_for, False)
    past = Callback.promised_for < at - GRACE
    undone = sa.or_(Callback.closed_at.is_(None), sa.and_(~late, Callback.closed_as.not_in(NEITHER), ~reached))
    counts = sa.select(
        sa.func.count(sa.case((sa.and_(reached, ~late), 1))), sa.func.count(sa.case((sa.and_(undone, past), 1)))
    )
    in_time, broken = db.session.execute(counts.where(*theirs)).one()
    rows = sa.select(Callback.promised_for, Callback.closed_at, Callback.closed_as)  # few: it depends on the minute
    told = db.session.execute(rows.where(*theirs, late))
    fates = [_fate(moment, closed, how, at) for moment, closed, how in told if moment]
    return Kept(in_time + fates.count(True), broken + fates.count(False))


def _fate(promised_for: datetime, closed_at: datetime | None, closed_as: ClosedAs | None, at: datetime) -> bool | None:
    """Kept, broken, or neither (yet)."""
    latest = promised_for + GRACE
    in_time = closed_at is not None and closed_at <= latest
    if closed_as is ClosedAs.MERGED or (closed_as is ClosedAs.DISMISSED and in_time):
        return None
    if closed_as in BY_CONVERSATION and in_time:
        return True
    return False if at > latest else None


def _number(number: str, switch: str, by: User) -> str:
    known = e164(number, switches.region_of(switch or _switch(by)))
    problem = ""
    if known is None:
        problem = _("This is not a telephone number.")
    elif db.session.get(OwnNumber, known):
        problem = _("This is one of our own numbers.")
    if known is None or problem:
        raise Invalid(problem, fields={"number": problem})
    return known


def _switch(by: User) -> str:
    return by.lines[0].switch if by.lines else next(iter(switches.names()), "main")


def _zone(zone: str, number: str) -> str:
    if zone and not zones.is_known(zone):
        problem = _("There is no such time zone.")
        raise Invalid(problem, fields={"zone": problem})
    return zone or zone_of(number)


def _moment(when: datetime, zone: str, at: datetime) -> datetime:
    moment = (when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    problem = ""
    if moment <= at:
        problem = _("This moment is past.")
    elif moment > at + FARTHEST:
        problem = _("This is more than a year away.")
    if problem:
        raise Invalid(problem, fields={"at": problem})
    return moment
