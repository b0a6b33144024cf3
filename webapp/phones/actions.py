"""Browser phones' accounts, and what agents do with calls in progress. What speaks with a switch stands outside a
transaction; what was done is written down after the switch took it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from config.settings import Settings
from telephony.ari import BrowserPhone
from telephony.commands import (
    Ask,
    Complete,
    Drop,
    Echo,
    Hangup,
    Hold,
    Join,
    Look,
    Mute,
    Park,
    PhoneState,
    Rescue,
    Resume,
    Retrieve,
    SendDigits,
    Swap,
    Transfer,
    colleague,
)
from telephony.errors import BadValue, SwitchError, SwitchUnavailable
from telephony.numbers import display, e164
from telephony.switch import Switch
from webapp import switches
from webapp.accounts.models import Line, User
from webapp.accounts.presence import EXPIRES
from webapp.calls import capture
from webapp.calls.clearance import is_busy
from webapp.calls.models import Call, Leg
from webapp.db import db, lock, now, transaction
from webapp.errors import Conflict, Invalid, NotFound, Unavailable
from webapp.events import publish
from webapp.phones.events import ParkingChanged, PhoneTaken
from webapp.phones.models import Handling, ParkedCall
from webapp.phones.queries import browser_line, checked_line, is_asking, kept_in_browser, on_browser_phones

_QUEUE = re.compile(r"[0-9A-Za-z_.-]{1,80}")


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """What a page needs to register. The password exists here, on the switch and in that page, and nowhere else."""

    line_id: UUID
    switch: str
    phone: BrowserPhone
    sip_url: str
    domain: str
    until: datetime
    taken: bool  # from another device


def new_account(user: User, device: UUID | None = None, *, take: bool = False) -> Account:
    """A new password for the user's browser phone; `make` brings it to the switch once this is committed. Raises Conflict
    while another device is the phone, unless it is to be taken from there, which no call may be in the way of. Who asks
    without a device (a program) takes it from none, and has it until a page comes."""
    if take and device is None:
        problem = _("Name the device that takes it.")
        raise Invalid(problem, fields={"device": problem})
    line = browser_line(user)
    if line is None:
        raise Conflict(_("You have no phone in the browser."))
    settings = switches.settings_of(line.switch)
    if settings is None or settings.browser_phones is None:
        raise Unavailable(_("No browser phones are configured for this telephone system."))
    lock(line)
    taken = _hold(line, device, take=take)
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
        taken=taken,
    )


def _hold(line: Line, device: UUID | None, *, take: bool) -> bool:
    """This device is the phone from now on. Returns whether another one was it before."""
    at, taken = now(), line.device not in (None, device)
    if taken and (legs := kept_in_browser(line.user_id)):
        if any(leg.answered_at for leg in legs):
            raise Conflict(_("You are in a call on your other device. Use your phone here when it is over."))
        raise Conflict(_("A call rings on your other device. Use your phone here after it."))
    if line.is_held_by_another(device, at) and not take:
        raise Conflict(_("Your phone is on another device."))
    line.device, line.device_until = device, at + EXPIRES
    if taken:
        publish(PhoneTaken(user_id=line.user_id))
    return taken


def make(account: Account) -> None:
    """Raises Unavailable with the switch's reason, and Conflict when another page asked meanwhile: its word came later,
    so nobody is to register with this password, whichever of both the switch heard last."""
    db.session.rollback()
    with _asking():
        switches.phones_of(account.switch).make(account.phone)
    if db.session.scalar(sa.select(Line.account_until).where(Line.id == account.line_id)) != account.until:
        raise Conflict(_("Your phone is on another device."))


def put_away(line: Line) -> None:
    """Nobody can register with it any more; a call on it goes on. Raises `SwitchError`."""
    line_id, switch, name, until = line.id, line.switch, name_of(line), line.account_until
    db.session.rollback()
    switches.phones_of(switch).remove(name)
    with transaction():
        gone = db.session.get_one(Line, line_id)
        if gone.account_until == until:  # else a page has got another one meanwhile
            gone.account_until = None
            gone.give_back()


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

    def ask_switch(switch: Switch, channel: str) -> None:
        if held:
            switch.hold(Hold(channel))
        else:
            switch.resume(Resume(channel))

    _do(call, _talking(user, call), ask_switch, note)


def send_digits(user: User, call: Call, digits: str) -> None:
    _do(call, _talking(user, call), lambda switch, channel: switch.send_digits(SendDigits(channel, digits)))


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a customer is sent to, or who is asked first."""

    to: str  # as a switch dials it
    label: str  # as people read it


def target(user: User, call: Call, wanted: str) -> Target:
    """A colleague's phone by its id, or a number. Raises Invalid, NotFound."""
    try:
        line = db.session.get(Line, UUID(wanted))
    except ValueError:
        return _outside(call, wanted)
    if line is None or line.switch != call.switch or not line.user.active or line.user_id == user.id:
        raise NotFound(_("There is no such colleague."))
    return Target(colleague(line.endpoint), line.user.name)


def _outside(call: Call, wanted: str) -> Target:
    number = e164(wanted, switches.region_of(call.switch))
    if number is None:
        problem = _("Choose a colleague, or type a number.")
        raise Invalid(problem, fields={"to": problem})
    return Target(number, display(number, switches.region_of(call.switch)))


def transfer(user: User, call: Call, to: Target) -> None:
    """The customer goes there, and this agent's part is over."""
    leg = _talking(user, call)
    command = Transfer(leg.channel, to.to, leg.line, _queue(call))
    _do(call, leg, lambda switch, _channel: switch.transfer(command))


def ask(user: User, call: Call, to: Target) -> None:
    """The customer waits while this agent talks to somebody else about the call."""
    leg = _talking(user, call)
    handling = db.session.get(Handling, leg.id)
    if handling and is_asking(call, leg, handling):
        raise Conflict(_("You are asking somebody already."))
    command = Ask(leg.channel, to.to, leg.line, _queue(call))

    def note(handling: Handling) -> None:
        handling.asked, handling.asked_to, handling.asked_at = to.label[:120], to.to, now()
        handling.waits, handling.swapped, handling.joined = False, False, False

    _do(call, leg, lambda switch, _channel: switch.ask(command), note)


def complete(user: User, call: Call) -> None:
    leg, handling = _asking_somebody(user, call)
    command = Complete(leg.channel, _room(), not handling.swapped, handling.asked_to)
    _do(call, leg, lambda switch, _channel: switch.complete(command))


def swap(user: User, call: Call) -> None:
    leg, _handling = _asking_somebody(user, call)

    def note(handling: Handling) -> None:
        handling.swapped = not handling.swapped

    _do(call, leg, lambda switch, channel: switch.swap(Swap(channel)), note)


def join(user: User, call: Call) -> None:
    """All three talk."""
    leg, handling = _asking_somebody(user, call)
    command = Join(leg.channel, _room(), not handling.swapped)

    def note(handling: Handling) -> None:
        handling.joined = True

    _do(call, leg, lambda switch, _channel: switch.join(command), note)


def back(user: User, call: Call) -> None:
    """To the customer alone; whom this agent asked is let go."""
    leg, handling = _asking_somebody(user, call)
    swapped = handling.swapped

    def note(handling: Handling) -> None:
        handling.asked_at, handling.swapped = None, False

    def ask_switch(switch: Switch, channel: str) -> None:
        if swapped:
            switch.drop(Drop(channel))
        else:
            switch.resume(Resume(channel))

    _do(call, leg, ask_switch, note)


def park(user: User, call: Call) -> str:
    """The customer waits where any phone can fetch them. Returns the space."""
    leg = _talking(user, call)
    call_id, switch, channel, user_id = call.id, call.switch, leg.channel, user.id
    db.session.rollback()
    with _asking():
        space = switches.get(switch).park(Park(channel))
    with transaction():
        parked = db.session.get(ParkedCall, call_id) or ParkedCall(call_id=call_id)
        parked.space, parked.by_id, parked.at = space, user_id, now()
        db.session.add(parked)
        publish(ParkingChanged(switch=switch))
    return space


def retrieve(user: User, call_id: UUID) -> None:
    """This agent's phone rings, and brings the parked customer."""
    parked = db.session.get(ParkedCall, call_id)
    if parked is None or parked.call.is_over:
        raise NotFound(_("This customer is not parked any more."))
    line = next((line for line in user.lines if line.switch == parked.call.switch), None)
    if line is None:
        raise Conflict(_("You have no phone there."))
    switch, command = parked.call.switch, Retrieve(line.endpoint, parked.space, line.in_browser)
    db.session.rollback()
    with _asking():
        switches.get(switch).retrieve(command)


def test_call(user: User) -> None:
    """This user's phone rings, and who picks up hears themselves. It is nobody's call: no row, no wrap-up."""
    line = _own_phone(user)
    if is_busy(user):
        raise Conflict(_("You are in a call. Test your phone after it."))
    switch, command = line.switch, Echo(line.endpoint, line.in_browser)
    db.session.rollback()
    with _asking():
        switches.get(switch).echo(command)


def phone_state(user: User) -> PhoneState:
    """What the switch says of this user's phone."""
    line = _own_phone(user)
    switch, command = line.switch, Look(line.endpoint)
    db.session.rollback()
    with _asking():
        return switches.get(switch).phone_state(command)


def _own_phone(user: User) -> Line:
    line = checked_line(user)
    if line is None:
        raise Conflict(_("You have no phone."))
    return line


def unpark(call_id: UUID) -> None:
    """Somebody has them, or they have hung up."""
    parked = db.session.get(ParkedCall, call_id)
    if parked is not None:
        publish(ParkingChanged(switch=parked.call.switch))
        db.session.delete(parked)


def rescue_calls(user: User) -> None:
    """The page says that it goes away, or comes anew and knows of no call: what was on its phone goes on elsewhere."""
    for leg, line in on_browser_phones(user.id):
        rescue(leg, line)


def rescue(leg: Leg, line: Line) -> None:
    """Once for each leg: a page says so, and the sweep finds it as well. Raises Unavailable."""
    switch, queue, channel = leg.call.switch, _queue(leg.call), leg.channel
    talks, leg_id = leg.answered_at is not None, leg.id
    db.session.rollback()
    if not _is_first(leg_id):
        return
    with _asking():
        if talks:
            switches.get(switch).rescue(Rescue(channel, line.endpoint, queue))
        else:  # it only rings: the queue goes on to the next
            switches.get(switch).hangup(Hangup(channel))


def _is_first(leg_id: UUID) -> bool:
    with transaction():
        handling = db.session.get(Handling, leg_id, with_for_update=True)
        if handling is not None and handling.rescued_at is not None:
            return False
        if handling is None:
            handling = Handling(leg_id=leg_id)
            db.session.add(handling)
        handling.rescued_at = now()
    return True


def _asking_somebody(user: User, call: Call) -> tuple[Leg, Handling]:
    leg = _talking(user, call)
    handling = db.session.get(Handling, leg.id)
    if handling is None or handling.joined or not is_asking(call, leg, handling):
        raise Conflict(_("You are asking nobody any more."))
    return leg, handling


def _room() -> str:
    return str(secrets.randbelow(10**12) + 10**12)


def _queue(call: Call) -> str:
    """As far as a dial plan can take its name."""
    return call.queue if call.queue and _QUEUE.fullmatch(call.queue) else ""


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
            handling = Handling(leg_id=leg_id)
            db.session.add(handling)
            db.session.flush()
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
