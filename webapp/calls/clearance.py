"""The facts by which it is decided whether numbers may be called, read for many at once; and the words of the refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from babel.dates import get_timezone, get_timezone_location
from flask import current_app
from flask_babel import format_datetime, get_locale
from flask_babel import gettext as _

from config.settings import Settings
from telephony.numbers import e164
from webapp import switches
from webapp.accounts.models import AgentStatus, User
from webapp.accounts.permissions import Permission, may
from webapp.calls.decision import Callee, Caller, Decision, Occasion, Reason, Refusal, decide
from webapp.calls.models import Call, CallState, Leg
from webapp.calls.queries import asked_for
from webapp.calls.rules import hours_of
from webapp.contacts.queries import do_not_call, own_numbers_among
from webapp.db import db, now
from webapp.zones import zones_of


@dataclass(frozen=True, slots=True)
class Wish:
    """A number as it was typed or clicked, and for what it is called."""

    number: str
    occasion: Occasion = field(default_factory=Occasion)
    party_id: UUID | None = None  # whom of those who share it


def clear(
    user: User, wishes: Iterable[Wish], at: datetime | None = None, *, is_out_of_reach: bool = False
) -> list[Decision]:
    """One decision for each wish, in a few questions, however many they are. `is_out_of_reach`: the user's own phone,
    as `actions.is_out_of_reach` was told."""
    at, wishes = at or now(), list(wishes)
    caller = caller_of(user, is_out_of_reach=is_out_of_reach)
    region = _region(user)
    read = [e164(wish.number, region) for wish in wishes]
    known = [number for number in read if number]
    own = own_numbers_among(known)
    refused = do_not_call(known, [wish.party_id for wish in wishes if wish.party_id])
    hours = {queue: hours_of(queue) for queue in {wish.occasion.queue for wish in wishes}}
    return [
        decide(
            caller,
            Callee(
                number,
                is_own=number in own,
                do_not_call_at=refused.of(number, wish.party_id),
                zones=_zones(number),
            ),
            wish.occasion,
            hours[wish.occasion.queue],
            at,
        )
        for wish, number in zip(wishes, read, strict=True)
    ]


def caller_of(user: User, *, is_out_of_reach: bool = False) -> Caller:
    return Caller(
        may_call=may(user, Permission.CALL_PLACE),
        has_line=bool(user.lines),
        # whoever never logged in at a screen (a script) cannot have logged out
        is_logged_out=user.status is AgentStatus.LOGGED_OUT and user.logged_in_at is not None,
        is_out_of_reach=is_out_of_reach,
        is_busy=is_busy(user),
    )


def is_busy(user: User) -> bool:
    """In as many calls as one may be (`RINGBACK_CALLS_AT_ONCE`), those counted that were asked for and do not ring yet."""
    settings: Settings = current_app.extensions["ringback.settings"]
    in_call = (
        sa.select(Leg.call_id)
        .join(Call, Call.id == Leg.call_id)
        .where(Leg.user_id == user.id, Leg.ended_at.is_(None), Call.state != CallState.ENDED)
    )
    asked = sa.select(Call.id).where(Call.requested_by_id == user.id, asked_for())
    calls = sa.select(sa.func.count()).select_from(in_call.union(asked).subquery())
    return (db.session.scalar(calls) or 0) >= settings.calls_at_once


def own_refusal(user: User) -> str:
    """What keeps this person from calling anybody at all, said where a button would be; "" if nothing does."""
    decision = decide(Caller(may(user, Permission.CALL_PLACE), bool(user.lines)), Callee(""), Occasion(), None, now())
    return sentence(decision.first) if decision.first else ""


def sentence(refusal: Refusal, number: str = "") -> str:
    """Why not, in the reader's language."""
    if refusal.reason is Reason.HOURS:
        return _hours_sentence(refusal)
    if refusal.reason is Reason.DO_NOT_CALL:
        since = format_datetime(refusal.since, "d MMM y") if refusal.since else ""
        return str(_("Asked on %(date)s not to be called.", date=since))
    return _plain_sentence(refusal.reason, number)


def _hours_sentence(refusal: Refusal) -> str:
    zone = get_timezone(refusal.zone)
    there = format_datetime(now().astimezone(zone).replace(tzinfo=None), "EEE HH:mm", rebase=False)
    city = get_timezone_location(zone, locale=get_locale(), return_city=True)
    if refusal.opens_at is None:
        return str(_("It is %(time)s in %(city)s, and nobody may be called there.", time=there, city=city))
    opens = format_datetime(refusal.opens_at.astimezone(zone).replace(tzinfo=None), "EEE HH:mm", rebase=False)
    return str(_("It is %(time)s in %(city)s. May be called from %(opens)s there.", time=there, city=city, opens=opens))


def _plain_sentence(reason: Reason, number: str) -> str:
    words: dict[Reason, str] = {
        Reason.NOT_ALLOWED: _("You may not place calls."),
        Reason.NO_LINE: _("No phone is assigned to you. Ask your administrator for a line."),
        Reason.LOGGED_OUT: _("You are logged out. Say that you are available first."),
        Reason.OUT_OF_REACH: _("Your own phone cannot be reached. Look at “Check phone and sound”."),
        Reason.NOT_A_NUMBER: _("%(number)s is not a telephone number.", number=number[:40]),
        Reason.OWN_NUMBER: _("This is one of our own numbers."),
        Reason.BUSY: _("You are in a call."),
    }
    return words[reason]


def _zones(number: str | None) -> tuple[str, ...]:
    """Where nobody can say it, our own clock holds."""
    return tuple(zones_of(number)) or (current_app.config["BABEL_DEFAULT_TIMEZONE"],)


def _region(user: User) -> str:
    return switches.region_of(user.lines[0].switch) if user.lines else current_app.config["RINGBACK_REGION"]
