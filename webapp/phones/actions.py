"""Browser phones' accounts, and what agents do with calls in progress. What speaks with a switch stands outside a
transaction; what was done is written down after the switch took it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import current_app
from flask_babel import gettext as _

from config.settings import Settings
from telephony.ari import BrowserPhone
from telephony.commands import Hold, Mute, Resume, SendDigits
from telephony.errors import BadValue, SwitchError, SwitchUnavailable
from telephony.switch import Switch
from webapp import switches
from webapp.accounts.models import Line, User
from webapp.calls import capture
from webapp.calls.models import Call, Leg
from webapp.db import db, lock, now, transaction
from webapp.errors import Conflict, Invalid, Unavailable
from webapp.phones.models import Handling
from webapp.phones.queries import browser_line


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """What a page needs to register. The password exists here, on the switch and in that page, and nowhere else."""

    line_id: UUID
    switch: str
    phone: BrowserPhone
    sip_url: str
    domain: str
    until: datetime


def new_account(user: User) -> Account:
    """A new password for the user's browser phone; `make` brings it to the switch once this is committed."""
    line = browser_line(user)
    if line is None:
        raise Conflict(_("You have no phone in the browser."))
    settings = switches.settings_of(line.switch)
    if settings is None or settings.browser_phones is None:
        raise Unavailable(_("No browser phones are configured for this telephone system."))
    lock(line)
    line.account_until = now() + timedelta(minutes=_settings().phone_password_minutes)
    return Account(
        line_id=line.id,
        switch=line.switch,
        phone=BrowserPhone(
            name=name_of(line),
            password=secrets.token_urlsafe(24),
            context=settings.browser_phones.context,
            caller=user.name,
        ),
        sip_url=settings.browser_phones.sip_url,
        domain=settings.host,
        until=line.account_until,
    )


def make(account: Account) -> None:
    """Raises Unavailable with the switch's reason."""
    db.session.rollback()
    with _asking():
        switches.phones_of(account.switch).make(account.phone)


def put_away(line: Line) -> None:
    """Nobody can register with it any more; a call on it goes on. Raises `SwitchError`."""
    line_id, switch, name, until = line.id, line.switch, name_of(line), line.account_until
    db.session.rollback()
    switches.phones_of(switch).remove(name)
    with transaction():
        gone = db.session.get_one(Line, line_id)
        if gone.account_until == until:  # else a page has got another one meanwhile
            gone.account_until = None


def name_of(line: Line) -> str:
    return line.endpoint.partition("/")[2]


def mute(user: User, call: Call, muted: bool) -> None:
    def note(handling: Handling) -> None:
        handling.muted = muted

    _do(call, _talking(user, call), lambda switch, channel: switch.mute(Mute(channel, muted)), note)


def hold(user: User, call: Call, held: bool) -> None:
    """The customer hears music. A browser phone, or a desk phone's own key, does this by itself."""

    def note(handling: Handling) -> None:
        handling.waits = held

    leg = _talking(user, call)
    command = Hold if held else Resume
    _do(call, leg, lambda switch, channel: getattr(switch, command.__name__.lower())(command(channel)), note)


def send_digits(user: User, call: Call, digits: str) -> None:
    _do(call, _talking(user, call), lambda switch, channel: switch.send_digits(SendDigits(channel, digits)))


def _talking(user: User, call: Call) -> Leg:
    """Raises Conflict where this user does not talk in the call (any more)."""
    leg = call.leg_of(user.id)
    if leg is None or leg.answered_at is None or leg.ended_at is not None or call.is_over:
        raise Conflict(_("You are not in this call any more."))
    return leg


def _do(
    call: Call, leg: Leg, ask: Callable[[Switch, str], None], note: Callable[[Handling], None] | None = None
) -> None:
    """Ask the switch, and write down what it did."""
    call_id, leg_id, switch, channel = call.id, leg.id, call.switch, leg.channel
    db.session.rollback()
    with _asking():
        ask(switches.get(switch), channel)
    if note is None:
        return
    with transaction():
        call = db.session.get_one(Call, call_id)
        lock(call)
        handling = db.session.get(Handling, leg_id)
        if handling is None:
            handling = Handling(leg_id=leg_id, muted=False, waits=False)
            db.session.add(handling)
        note(handling)
        capture.changed(call)


class _asking:
    """A switch's refusal, as pages and scripts are told it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadValue):
            raise Invalid(error.reason, fields={error.field: error.reason}) from error
        if isinstance(error, SwitchUnavailable):
            raise Unavailable(_("The telephone system does not answer.")) from error
        if isinstance(error, SwitchError):
            raise Unavailable(_("The telephone system refused: %(reason)s", reason=error.reason)) from error


def _settings() -> Settings:
    settings: Settings = current_app.extensions["ringback.settings"]
    return settings
