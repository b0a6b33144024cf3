"""Checks of the firm's days, kept: which are due, and one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from flask import current_app

from webapp.books import actions, ledger, queries
from webapp.books.days import bounds, day_at, due
from webapp.books.models import Incomplete
from webapp.db import db, transaction
from webapp.tasks.queries import broken_rules

AFTER_MIDNIGHT = timedelta(minutes=15)  # what ended before it is in the books by then
LOOK_BACK = timedelta(days=7)  # days that did not balance are checked again: what was late may have come


def check_what_is_due(at: datetime) -> None:
    """Each day once, after it is over; days on which nothing ran are made good."""
    zone = _zone()
    today = day_at(at - AFTER_MIDNIGHT, zone)
    for switch in queries.switches_with_books():
        place = queries.place_of(switch)
        if place is None:
            continue
        days = due(today, _last_whole(switch, zone), day_at(place.began_at, zone))
        again = _again(switch, today - LOOK_BACK, zone) if days else _read_since(switch, today - LOOK_BACK, zone)
        days += [day for day in again if day not in days and day < today]
        rules = broken_rules() if days else {}
        db.session.rollback()
        for day in days:
            check_day(day, switch, at=at, rules=rules)


def check_now(at: datetime) -> None:
    """Today as far as it has come, yesterday, and every shown day that did not balance."""
    zone = _zone()
    today = day_at(at, zone)
    since = today - timedelta(days=queries.SHOWN_DAYS - 1)
    for switch in queries.switches_with_books():
        days = {today, today - timedelta(days=1), *_again(switch, since, zone)}
        rules = broken_rules()
        db.session.rollback()
        for day in sorted(days):
            check_day(day, switch, at=at, rules=rules)


def check_day(day: date, switch: str, *, at: datetime, rules: Mapping[UUID, str] | None = None) -> bool:
    """True if it balances."""
    begin, end = bounds(day, _zone())
    # computed before the lock: others write meanwhile
    why = ledger.incomplete(begin, end, switch=switch, at=at)
    found = ledger.balance(begin, end, switch=switch)
    named = [offender.call_id for offender in found.offenders]
    found.offenders += ledger.broken(broken_rules() if rules is None else rules, begin, end, switch=switch, but=named)
    with transaction():
        return actions.keep_check(day, switch, found, incomplete=why, at=at).balances


def _again(switch: str, since: date, zone: str) -> list[date]:
    """Days that did not balance, were not read to their end, or of which the books told more since."""
    return [
        check.day
        for check in queries.kept_checks(switch, since)
        if not check.balances or queries.booked_after(check, *bounds(check.day, zone))
    ]


def _read_since(switch: str, since: date, zone: str) -> list[date]:
    """Days that were checked before their books were read, and are read by now: nobody waits a night for those."""
    place = queries.place_of(switch)
    read_up_to = place.read_up_to if place else None
    return [
        check.day
        for check in queries.kept_checks(switch, since)
        if check.incomplete is Incomplete.UNREAD and read_up_to and read_up_to >= bounds(check.day, zone)[1]
    ]


def _last_whole(switch: str, zone: str) -> date | None:
    """A check that somebody asked for while the day lasted does not count as the day's."""
    last = queries.last_checked(switch)
    check = queries.check_of(last, switch) if last else None
    if check is None:
        return None
    whole = check.at >= bounds(check.day, zone)[1] + AFTER_MIDNIGHT
    return check.day if whole else check.day - timedelta(days=1)


def _zone() -> str:
    zone: str = current_app.config["BABEL_DEFAULT_TIMEZONE"]
    return zone
