"""Checks of the firm's days, kept: which are due, and one after the other."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import current_app

from webapp.books import actions, ledger, queries
from webapp.books.days import bounds, day_at, due
from webapp.db import db, transaction

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
        if days:
            days += [day for day in queries.unbalanced(switch, today - LOOK_BACK) if day not in days]
        db.session.rollback()
        for day in days:
            check_day(day, switch, at=at)


def check_now(at: datetime) -> None:
    """Today as far as it has come, yesterday, and every shown day that did not balance."""
    today = day_at(at, _zone())
    since = today - timedelta(days=queries.SHOWN_DAYS - 1)
    for switch in queries.switches_with_books():
        days = {today, today - timedelta(days=1), *queries.unbalanced(switch, since)}
        db.session.rollback()
        for day in sorted(days):
            check_day(day, switch, at=at)


def check_day(day: date, switch: str, *, at: datetime) -> bool:
    """True if it balances."""
    begin, end = bounds(day, _zone())
    with transaction():
        return actions.keep_check(day, switch, ledger.balance(begin, end, switch=switch), at=at).balances


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
