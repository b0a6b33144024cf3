"""A Twilio account as a switch that takes commands: flags and participants of a call's room."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from telephony.commands import (
    Answer,
    Ask,
    Complete,
    Drop,
    Echo,
    Hangup,
    Hold,
    Join,
    Look,
    Mute,
    Originate,
    Park,
    Pause,
    PhoneState,
    Rescue,
    Resume,
    Retrieve,
    SendDigits,
    Swap,
    Transfer,
)
from telephony.errors import BadValue, SwitchError, SwitchRefused
from telephony.twilio.addresses import Addresses
from telephony.twilio.handles import Handle
from telephony.twilio.reconciler import Records
from telephony.twilio.rest import Gone, Rest, Uncertain
from telephony.twilio.twiml import ROOM_EVENTS
from telephony.twilio.webhooks import Kind, Role

LEG_EVENTS = ["initiated", "ringing", "answered", "completed"]
LONGEST_CALL = 4 * 3600
_LINE = re.compile(r"Client/[0-9A-Za-z_]{1,40}|Phone/[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Participant:
    leg: str
    label: str
    held: bool

    @property
    def is_customer(self) -> bool:
        return self.label == Role.CUSTOMER.value

    @property
    def is_listener(self) -> bool:
        return self.label.startswith(f"{Role.LISTENER.value}-")

    @property
    def is_asked(self) -> bool:
        return self.label.startswith(f"{Role.ASKED.value}-")


class TwilioSwitch:
    """`shown`: the number that customers see, unless a command names another."""

    can_answer = False  # a browser answers itself, and a telephone is answered by hand

    def __init__(self, name: str, rest: Rest, at: Addresses, *, shown: str = "") -> None:
        self.name, self._rest, self._at, self._shown = name, rest, at, shown

    @property
    def records(self) -> Records:
        """The account's own list of calls."""
        return Records(self._rest)

    def originate(self, command: Originate) -> None:
        """Rings the agent; the customer is called when they are in the room. Asked once: whether a request without an
        answer had an effect is seen by the room, whose name nobody else uses."""
        address = self._address_of(command.line)
        try:
            self._ring(command.uid, address, Role.AGENT, command.ring_seconds, command.shown)
        except Uncertain:
            if not self._room_of(command.uid)[1]:
                raise

    def hangup(self, command: Hangup) -> None:
        """Who is alone with the customer ends the call; of several each only leaves."""
        handle = Handle.of(command.channel)
        sid, room = self._room_of(handle.root)
        rest = [each for each in room if each.leg != handle.leg]
        talks = len(rest) < len(room) and any(each.is_customer for each in rest)
        if talks and all(each.is_customer or each.is_listener for each in rest):
            self._rest.ask(lambda api: api.conferences(sid).update(status="completed"))
        else:
            self._end(handle.leg)

    def mute(self, command: Mute) -> None:
        handle = Handle.of(command.channel)
        self._change(handle, handle.leg, muted=command.muted)

    def hold(self, command: Hold) -> None:
        handle = Handle.of(command.channel)
        self._hold(handle, self._customer(handle).leg, True)

    def resume(self, command: Resume) -> None:
        handle = Handle.of(command.channel)
        room = self._room(handle)
        self._let_go(each for each in room if each.is_asked)
        for each in room:
            if each.held and not each.is_asked:
                self._hold(handle, each.leg, False)

    def transfer(self, command: Transfer) -> None:
        handle = Handle.of(command.channel)
        customer = self._customer(handle)
        self._ring(handle.root, _target(command.to), Role.SENT, by=command.line)
        self._leave(handle, customer)

    def ask(self, command: Ask) -> None:
        handle = Handle.of(command.channel)
        customer = self._customer(handle)
        if not customer.held:
            self._hold(handle, customer.leg, True)
        try:
            self._ring(handle.root, _target(command.to), Role.ASKED, by=command.line)
        except SwitchError:
            with suppress(SwitchError):
                self._hold(handle, customer.leg, False)
            raise

    def complete(self, command: Complete) -> None:
        handle = Handle.of(command.channel)
        for each in self._room(handle):
            if each.held and not each.is_customer:
                self._hold(handle, each.leg, False)
        self._leave(handle, self._customer(handle))

    def swap(self, command: Swap) -> None:
        """Who talked waits before who waited talks: at no moment are all three together."""
        handle = Handle.of(command.channel)
        others = [each for each in self._room(handle) if each.leg != handle.leg and not each.is_listener]
        if not any(each.held for each in others):
            raise SwitchRefused("Nobody waits any more")
        for each in sorted(others, key=lambda each: each.held):
            self._hold(handle, each.leg, not each.held)

    def join(self, command: Join) -> None:
        handle = Handle.of(command.channel)
        for each in self._room(handle):
            if each.held:
                self._hold(handle, each.leg, False)

    def drop(self, command: Drop) -> None:
        handle = Handle.of(command.channel)
        waiting = [each for each in self._room(handle) if each.held]
        if not waiting:
            raise SwitchRefused("Nobody waits any more")
        self._let_go(waiting)

    def rescue(self, command: Rescue) -> None:
        """The customer stays in the room; who is alone there is looked after (see `telephony.twilio.conductor`)."""
        self._end(Handle.of(command.channel).leg)

    def pause(self, command: Pause) -> None:
        """Nothing to tell: who gets a call is decided by Ringback, which knows it."""

    def phone_state(self, command: Look) -> PhoneState:
        return PhoneState.UNKNOWN

    def answer(self, command: Answer) -> None:
        raise SwitchRefused("This telephone system cannot answer for a phone")

    def send_digits(self, command: SendDigits) -> None:
        raise SwitchRefused("The phone itself sends keys")

    def park(self, command: Park) -> str:
        raise SwitchRefused("Nobody can be parked on this telephone system")

    def retrieve(self, command: Retrieve) -> None:
        raise SwitchRefused("Nobody can be parked on this telephone system")

    def echo(self, command: Echo) -> None:
        raise SwitchRefused("This telephone system has no test call")

    def close(self) -> None:
        """Connections end by themselves."""

    # what the conductor asks for

    def dial_customer(self, root: str, number: str, *, shown: str = "") -> None:
        """Once; see `originate`."""
        try:
            self._ring(root, number, Role.CUSTOMER, shown=shown)
        except Uncertain:
            if not any(each.is_customer for each in self._room_of(root)[1]):
                raise

    def offer(self, root: str, line: str, *, role: Role = Role.OFFER, ring_seconds: int, by: str = "") -> str:
        """Rings a phone for a caller who waits. Returns the leg."""
        return self._ring(root, self._address_of(line), role, ring_seconds, by=by)

    def connect(self, root: str, queue_sid: str) -> None:
        """The caller who waits goes into the room. Raises Gone for one who does not wait any more."""
        url = self._at.url(Kind.JOIN, root)
        self._rest.ask(lambda api: api.queues(queue_sid).members(root).update(url=url, method="POST"))

    def requeue(self, leg: str, twiml: str) -> None:
        self._rest.ask(lambda api: api.calls(leg).update(twiml=twiml))

    def end(self, leg: str) -> None:
        self._end(leg)

    # parts

    def _ring(self, root: str, to: str, role: Role, ring_seconds: int = 30, shown: str = "", by: str = "") -> str:
        if not (number := shown or self._shown):
            raise SwitchRefused("No number is configured that customers could see")
        customer = role is Role.CUSTOMER
        label = role.value if customer else f"{role.value}-{secrets.token_hex(4)}"
        made: Any = self._rest.begin(
            lambda api: api.conferences(root).participants.create(
                from_=number,
                to=f"{to}?call={root}" if to.startswith("client:") else to,
                label=label,
                timeout=max(5, ring_seconds - 5),  # Twilio adds five seconds
                time_limit=LONGEST_CALL,
                beep="false",
                end_conference_on_exit=customer,
                status_callback=self._at.leg(root, label, by),
                status_callback_event=LEG_EVENTS,
                conference_status_callback=self._at.url(Kind.CONFERENCE, root),
                conference_status_callback_event=ROOM_EVENTS.split(),
            )
        )
        return str(made.call_sid)

    def _leave(self, handle: Handle, customer: Participant) -> None:
        if customer.held:
            self._hold(handle, customer.leg, False)
        sid, _room = self._room_of(handle.root)
        with suppress(Gone):
            self._rest.ask(lambda api: api.conferences(sid).participants(handle.leg).delete())

    def _hold(self, handle: Handle, leg: str, held: bool) -> None:
        music = {"hold_url": self._at.url(Kind.HOLD, handle.root), "hold_method": "POST"} if held else {}
        self._change(handle, leg, hold=held, **music)

    def _change(self, handle: Handle, leg: str, **changes: Any) -> None:
        sid = self._conference(handle.root)
        self._rest.ask(lambda api: api.conferences(sid).participants(leg).update(**changes))

    def _let_go(self, participants: Iterable[Participant]) -> None:
        for each in participants:
            self._end(each.leg)

    def _end(self, leg: str) -> None:
        with suppress(Gone):
            self._rest.ask(lambda api: api.calls(leg).update(status="completed"))

    def _customer(self, handle: Handle) -> Participant:
        for each in self._room(handle):
            if each.is_customer:
                return each
        raise SwitchRefused("The customer is not in the call any more")

    def _room(self, handle: Handle) -> list[Participant]:
        sid, room = self._room_of(handle.root)
        if not sid:
            raise SwitchRefused("The call is not answered")
        return room

    def _conference(self, root: str) -> str:
        if not (sid := self._room_of(root)[0]):
            raise SwitchRefused("The call is not answered")
        return sid

    def _room_of(self, root: str) -> tuple[str, list[Participant]]:
        """The room of this name in which somebody is now; "" where there is none. The same name may be used again."""
        rooms = self._rest.ask(lambda api: api.conferences.list(friendly_name=root, limit=10))
        for room in rooms:
            if room.status != "completed":
                sid = str(room.sid)
                with suppress(Gone):
                    found = self._rest.ask(lambda api, sid=sid: api.conferences(sid).participants.list(limit=50))  # type: ignore[misc]
                    return sid, _participants(found)
        return "", []

    @staticmethod
    def _address_of(line: str) -> str:
        if not _LINE.fullmatch(line):
            raise BadValue("line", f"{line!r:.60} is no line of this telephone system")
        kind, _, name = line.partition("/")
        return f"client:{name}" if kind == "Client" else f"+{name}"


def _participants(found: Sequence[Any]) -> list[Participant]:
    return [Participant(str(each.call_sid), each.label or "", bool(each.hold)) for each in found]


def _target(to: str) -> str:
    """A colleague's phone as `telephony.commands.colleague` names it, or a number."""
    if to.startswith("*"):
        return f"+{to[1:]}" if to[1:].isdigit() else f"client:{to[1:]}"
    if not to.startswith("+"):
        raise BadValue("to", f"{to!r:.60} is no number with its country")
    return to
