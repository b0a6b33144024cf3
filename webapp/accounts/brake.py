"""Passwords cannot be tried out: after some wrong ones each further attempt has to wait, a little longer each time.

Three things are counted, in rows that all web workers share. One account from one address: a person who mistypes, or
somebody beside them. One account from anywhere, and one address with any accounts: programs that guess. The latter two
do not hold up whoever has logged in from that address before, so nobody can keep a colleague out from far away, and no
wait is longer than `LONGEST`. An attempt that has to wait is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, g, request
from flask_babel import ngettext
from flask_login import current_user, user_logged_in
from sqlalchemy.exc import IntegrityError

from webapp import incoming, text
from webapp.accounts.models import LogInBrake, User
from webapp.db import AWAY, db, now, transaction
from webapp.errors import TooManyAttempts

log = structlog.get_logger(__name__)

FREE_FOR_ONE, FREE_FOR_MANY = 5, 20  # wrong ones before the first wait
LONGEST = timedelta(seconds=30)
FORGOTTEN = timedelta(minutes=15)  # after so long without a wrong one nothing is held against anybody
KNOWN = timedelta(days=90)  # who logged in within this time is known at that address
GUARDED = ("security.login", "security.verify")


def wait_after(failures: int, free: int) -> timedelta:
    """How long the next attempt has to wait after so many wrong ones."""
    return min(timedelta(seconds=2 ** min(failures - free, 10)), LONGEST) if failures >= free else timedelta()


@dataclass(frozen=True, slots=True)
class Attempt:
    """Under which keys it is counted. They are hashes: what people type as their name may be their password."""

    pair: str
    account: str
    address: str


def init(app: Flask) -> None:
    """After the guard against forged requests: what that refuses is no attempt."""
    app.before_request(hold_up)
    app.after_request(count)
    user_logged_in.connect(_remember, app)


def hold_up() -> None:
    """Raises TooManyAttempts."""
    if request.method != "POST" or request.endpoint not in GUARDED:
        return
    attempt, at = _attempt(), now()
    if attempt is None:
        return
    with transaction():
        wait = begin(attempt, at)
    if wait:
        log.warning("an attempt to log in has to wait", address=request.remote_addr, seconds=wait)
        words = ngettext("Too many attempts. Wait %(num)s second.", "Too many attempts. Wait %(num)s seconds.", wait)
        raise TooManyAttempts(words, retry_after=wait)
    g.log_in_attempt = attempt


def count(response: Response) -> Response:
    attempt = g.pop("log_in_attempt", None)  # taken away by who came in
    if attempt is not None:
        with suppress(*AWAY), transaction():  # the answer is made already, and stays as it is
            failed(attempt, now())
    return response


def begin(attempt: Attempt, at: datetime) -> int:
    """Seconds to wait. If there are none, it is counted as a wrong one until it has turned out right: otherwise a
    hundred at once would all be the first."""
    pair = _locked(attempt.pair, at)
    ends = [_ends(pair, FREE_FOR_ONE, at)]
    if pair.succeeded_at is None or at - pair.succeeded_at > KNOWN:
        ends += [
            _ends(db.session.get(LogInBrake, key), FREE_FOR_MANY, at) for key in (attempt.account, attempt.address)
        ]
    wait = math.ceil((max(ends) - at).total_seconds())
    if wait <= 0:
        _count(pair, at)
    return max(wait, 0)


def failed(attempt: Attempt, at: datetime) -> None:
    for key in sorted((attempt.account, attempt.address)):
        _count(_locked(key, at), at)


def succeeded(attempt: Attempt, at: datetime) -> None:
    pair = _locked(attempt.pair, at)
    pair.failures, pair.succeeded_at = 0, at


def forget(at: datetime) -> None:
    """What says nothing any more."""
    stale = sa.or_(LogInBrake.succeeded_at.is_(None), LogInBrake.succeeded_at < at - KNOWN)
    db.session.execute(sa.delete(LogInBrake).where(LogInBrake.failed_at < at - FORGOTTEN, stale))


def _remember(_app: Flask, user: User, **_: Any) -> None:
    attempt = g.pop("log_in_attempt", None)
    if attempt is not None:
        with transaction():
            succeeded(attempt, now())


def _ends(row: LogInBrake | None, free: int, at: datetime) -> datetime:
    if row is None or at - row.failed_at > FORGOTTEN:
        return at
    return row.failed_at + wait_after(row.failures, free)


def _count(row: LogInBrake, at: datetime) -> None:
    row.failures = 1 if at - row.failed_at > FORGOTTEN else row.failures + 1
    row.failed_at = at


def _locked(key: str, at: datetime) -> LogInBrake:
    row = db.session.get(LogInBrake, key, with_for_update=True)
    if row is None:
        with suppress(IntegrityError), db.session.begin_nested():
            db.session.add(LogInBrake(key=key, failures=0, failed_at=at))
        row = db.session.get_one(LogInBrake, key, with_for_update=True, populate_existing=True)
    return row


def _attempt() -> Attempt | None:
    """None: nobody tries a password here. Raises Invalid for what can be no name, and no database could be asked for."""
    sent = incoming.body()
    typed = [text.line(incoming.text(sent, name), name, most=255).lower() for name in ("email", "username")]
    if current_user.is_authenticated and request.endpoint == "security.verify":
        accounts: Sequence[str] = [str(current_user.id)]
    else:
        accounts = [_account(name) for name in typed if name][:1]  # an address counts more, as at the log-in itself
    if not accounts or not incoming.text(sent, "password"):
        return None
    account, address = accounts[0], _network(request.remote_addr or "")
    return Attempt(_key("pair", account, address), _key("account", account), _key("address", address))


def _account(name: str) -> str:
    """A user name and a mail address are one account; a name that nobody has is held up like any other."""
    found = db.session.scalar(sa.select(User.id).where(sa.or_(User.username == name, User.email == name)).limit(1))
    return str(found or name)


def _network(address: str) -> str:
    """Of IPv6 everybody has a whole network."""
    with suppress(ValueError):
        parsed = ip_address(address)
        if isinstance(parsed, IPv6Address):
            return str(ip_network((parsed, 64), strict=False))
    return address


def _key(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
