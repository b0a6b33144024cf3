"""An Asterisk as a `Switch`: commands on connections of their own, made when first needed and again when lost."""

from __future__ import annotations

import re
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from telephony.ami.client import AmiClient, AmiError, AuthRefused, ConnectionLost, Message
from telephony.ami.parties import Parties, parties_of
from telephony.commands import (
    Answer,
    Ask,
    Cancel,
    Complete,
    Drop,
    Echo,
    First,
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
    colleague,
)
from telephony.errors import BadValue, SwitchRefused, SwitchUnavailable

TIMEOUT = 5.0  # for a whole command, connecting included
GLANCE = 1.0  # the same for a question that somebody's click waits for, and that may stay without an answer
IDLE_PING = 30.0
# contexts of config/asterisk/ringback-phones.conf, and that of Asterisk's parking lot
HOLD, ROOM, TRANSFER, RESCUE = "ringback-hold", "ringback-room", "ringback-transfer", "ringback-rescue"
CHECK, AUTO, AGENT = "ringback-check", "ringback-auto", "ringback-agent"
PARKED = "parkedcalls"
CONTEXTS = (HOLD, ROOM, TRANSFER, RESCUE, CHECK, AUTO, AGENT)

_STATES = {
    "NOT_INUSE": PhoneState.FREE,
    "RINGING": PhoneState.RINGING,
    "INUSE": PhoneState.IN_CALL,
    "RINGINUSE": PhoneState.IN_CALL,
    "BUSY": PhoneState.IN_CALL,  # one that takes a single call
    "ONHOLD": PhoneState.IN_CALL,
    "UNAVAILABLE": PhoneState.AWAY,
    "INVALID": PhoneState.AWAY,
}

_LINE = re.compile(r"(PJSIP|SIP|IAX2|SCCP)/[0-9A-Za-z_.-]{1,40}")
_INTERFACE = re.compile(r"[A-Za-z0-9]{2,10}/[0-9A-Za-z_.@/-]{1,100}")
_CONTEXT = re.compile(r"[0-9A-Za-z_-]{1,79}")
_HELD = re.compile(r"[A-Za-z0-9]{2,10}/[0-9A-Za-z_.@:;+=-]{1,120}")
_ANSWER_ITSELF = ",PJSIP_HEADER(add,Call-Info)=<sip:ringback>;answer-after=0"
_UNREACHABLE = "The telephone system cannot be reached"
_UNCERTAIN = "The telephone system did not answer in time"


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    secret: str


class AsteriskSwitch:
    """`login` needs write=call,originate and no read class.

    `answer_login` is for `Answer` alone, and a switch is better off without: PJSIPNotify belongs to the class `system`,
    whose owner can also run programs on the PBX (MixMonitor's Command) and read its configuration. Asterisk has no
    narrower one. Whoever wants the feature gives that user no other class, and lets it log in from loopback only.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        login: Login,
        *,
        context: str,
        answer_login: Login | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if not _CONTEXT.fullmatch(context):
            raise BadValue("context", f"{context!r:.60} is not allowed")
        self.name = name
        self._context = context
        self._commands = _Connection(host, port, login, tls, timeout)
        self._answers = _Connection(host, port, answer_login, tls, timeout) if answer_login else None

    @property
    def can_answer(self) -> bool:
        return self._answers is not None

    def originate(self, command: Originate) -> None:
        """Asked once, and only once: when the connection dies in the middle, a phone may be ringing already."""
        if not _LINE.fullmatch(command.line):
            raise BadValue("line", f"{command.line!r:.60} is no line of this telephone system")
        legs = self._agent_first(command) if command.first is First.AGENT else self._customer_first(command)
        self._commands.send(
            {
                "Action": "Originate",
                "ActionID": command.uid,
                "ChannelId": command.uid,
                **legs,
                "Priority": "1",
                "CallerID": f"<{command.number}>",
                "Timeout": str(command.ring_seconds * 1000),
                "Async": "true",
            }
        )

    def _agent_first(self, command: Originate) -> dict[str, str]:
        auto = _ANSWER_ITSELF if command.answer_itself else ""
        return {
            "Channel": command.line, "Context": self._context, "Exten": command.number, "Variable": _marks(command) + auto,
        }  # fmt: skip

    def _customer_first(self, command: Originate) -> dict[str, str]:
        """Only the dial plan knows how a number is dialled: a Local channel goes through it, and on to the agent when the
        customer has picked up. Without sound it stays, with sound Asterisk takes it out."""
        phone = f",RINGBACK_PHONE={command.line},RINGBACK_SECONDS={command.agent_ring_seconds}"
        return {
            "Channel": f"Local/{command.number}@{self._context}",
            "Context": AGENT,
            "Exten": "auto" if command.answer_itself else "ring",  # nothing that could be taken for a number
            "Variable": _marks(command) + phone,
        }

    def cancel(self, command: Cancel) -> None:
        """A call that we asked for has the id that we gave it, and Asterisk takes it for the name of its first channel."""
        self._commands.send({"Action": "Hangup", "Channel": command.uid, "Cause": "16"})

    def hangup(self, command: Hangup) -> None:
        self._commands.send({"Action": "Hangup", "Channel": command.channel, "Cause": "16"})

    def answer(self, command: Answer) -> None:
        """A NOTIFY inside the dialog that rings. The phone may still not obey: then nothing happens."""
        if self._answers is None:
            raise SwitchRefused("This telephone system cannot answer for a phone")
        if not command.channel.startswith("PJSIP/"):
            raise BadValue("channel", "only PJSIP phones can be told to answer")
        self._answers.send({"Action": "PJSIPNotify", "Channel": command.channel, "Variable": "Event=talk"})

    def pause(self, command: Pause) -> None:
        """In all queues at once. A phone that is in none has nothing to be taken out of: that is no error."""
        try:
            self._pause(command.line, command)
        except SwitchRefused as error:
            if "not found" not in error.reason.lower():
                raise
            for interface in self._interfaces_of(command.line):
                self._pause(interface, command)

    def _pause(self, interface: str, command: Pause) -> None:
        paused = "true" if command.paused else "false"
        action = {"Action": "QueuePause", "Interface": interface, "Paused": paused, "Reason": command.reason}
        self._commands.send({name: value for name, value in action.items() if value})

    def _interfaces_of(self, line: str) -> list[str]:
        """As which queues ring a phone that they know by another name (Local/1001@internal/n)."""
        entries = [entry for entry in self._commands.send({"Action": "QueueStatus"}).events if not entry.tainted]
        names = [entry.get("Location", "") for entry in entries if entry.get("StateInterface") == line]
        return [name for name in dict.fromkeys(names) if _INTERFACE.fullmatch(name)]

    def mute(self, command: Mute) -> None:
        """MuteAudio belongs to "system", as PJSIPNotify does."""
        if self._answers is None:
            raise SwitchRefused("This telephone system cannot mute a phone")
        state = "on" if command.muted else "off"
        self._answers.send({"Action": "MuteAudio", "Channel": command.channel, "Direction": "in", "State": state})

    def send_digits(self, command: SendDigits) -> None:
        customer = self._partner(command.channel)
        for digit in command.digits:
            self._commands.send({"Action": "PlayDTMF", "Channel": customer, "Digit": digit, "Duration": "120"})

    def hold(self, command: Hold) -> None:
        customer = self._partner(command.channel)
        self._let_wait(command.channel, customer)
        self._move(customer, "s", command.channel, "wait")

    def resume(self, command: Resume) -> None:
        self._move(command.channel, "back")

    def transfer(self, command: Transfer) -> None:
        agent, held = command.channel, self._held(command.channel)
        customer = held or self._partner(agent)
        self._mark(customer, command)
        if not held:  # which the switch tells as what it is
            to = {"Context": TRANSFER, "Exten": command.to}
            with suppress(SwitchRefused):  # in a room there is no transfer
                self._commands.send({"Action": "BlindTransfer", "Channel": agent, **to})
                return
        self._hand_over(agent, customer, command.to)

    def ask(self, command: Ask) -> None:
        agent, held = command.channel, self._held(command.channel)
        customer = held or self._partner(agent)
        self._mark(customer, command)
        outside = f"Local/{command.to}@{self._context}/n"
        self._set(agent, "RINGBACK_DIAL", f"PJSIP/{command.to[1:]}" if command.to[0] == "*" else outside)
        self._let_wait(agent, customer)
        if held:
            self._move(agent, "ask")
        else:
            self._move(customer, "s", agent, "ask")

    def complete(self, command: Complete) -> None:
        agent = command.channel
        waits, others = self._waiting(agent), self._parties(agent).others
        if not others:
            self._hand_over(agent, waits, command.to)
            return
        ours, theirs = f"2{command.room}", f"1{command.room}"
        self._let_wait(agent, "")  # the dial plan ends the agent's part when nobody is left to talk to
        self._move(others[0], ours if command.customer_waits else theirs, context=ROOM)
        self._move(waits, theirs if command.customer_waits else ours, context=ROOM)

    def swap(self, command: Swap) -> None:
        agent = command.channel
        waits, talks = self._waiting(agent), self._partner(agent)
        self._set(agent, "RINGBACK_BACK", waits)
        self._let_wait(agent, talks)
        self._move(talks, "s", agent, "with")

    def join(self, command: Join) -> None:
        agent = command.channel
        waits, talks = self._waiting(agent), self._partner(agent)
        ours, theirs = f"2{command.room}", f"1{command.room}"
        self._let_wait(agent, "")
        self._move(talks, ours if command.customer_waits else theirs, agent, ours, context=ROOM)
        self._move(waits, theirs if command.customer_waits else ours, context=ROOM)

    def drop(self, command: Drop) -> None:
        waits = self._waiting(command.channel)
        self._let_wait(command.channel, "")
        self.hangup(Hangup(waits))

    def park(self, command: Park) -> str:
        agent = command.channel
        customer = self._partner(agent)
        self._commands.send({"Action": "Park", "Channel": customer, "TimeoutChannel": agent})
        for patience in (0.05, 0.1, 0.2, 0.4, 0.8):
            for frame in self._commands.send({"Action": "ParkedCalls"}).events:
                if frame.get("ParkeeChannel") == customer and not frame.tainted:
                    return frame.get("ParkingSpace", "")
            time.sleep(patience)
        raise SwitchUnavailable(_UNCERTAIN)

    def rescue(self, command: Rescue) -> None:
        agent = command.channel
        customer = self._held(agent) or self._partner(agent)
        self._set(customer, "RINGBACK_QUEUE", command.queue)
        self._let_wait(agent, "")
        self._move(customer, colleague(command.line), context=RESCUE)
        with suppress(SwitchRefused):  # with nobody left to talk to, the dial plan may have been quicker
            self.hangup(Hangup(agent))

    def retrieve(self, command: Retrieve) -> None:
        self._ring(command.line, PARKED, command.space, answer_itself=command.answer_itself)

    def echo(self, command: Echo) -> None:
        self._ring(command.line, CHECK, "echo", answer_itself=command.answer_itself)

    def phone_state(self, command: Look) -> PhoneState:
        told = self._commands.send({"Action": "Getvar", "Variable": f"DEVICE_STATE({command.line})"}, GLANCE)
        return _STATES.get(told.frame.get("Value", ""), PhoneState.UNKNOWN)

    def _ring(self, line: str, context: str, exten: str, *, answer_itself: bool) -> None:
        """Who picks up goes there."""
        action = {
            "Action": "Originate",
            "Channel": line,
            "Context": context,
            "Exten": exten,
            "Priority": "1",
            "CallerID": f"<{exten}>",
            "Timeout": "30000",
            "Async": "true",
        }
        if answer_itself:
            action["Variable"] = _ANSWER_ITSELF.removeprefix(",")
        self._commands.send(action)

    def _mark(self, customer: str, command: Transfer) -> None:
        """For the dial plan, if nobody takes the customer."""
        self._set(customer, "RINGBACK_FROM", colleague(command.line))
        self._set(customer, "RINGBACK_QUEUE", command.queue)

    def _hand_over(self, agent: str, customer: str, to: str) -> None:
        self._let_wait(agent, "")
        self._move(customer, to, context=TRANSFER)
        self.hangup(Hangup(agent))

    def _let_wait(self, channel: str, waits: str) -> None:
        self._set(channel, "RINGBACK_HELD", waits)

    def _held(self, channel: str) -> str:
        """Who waits for this agent, by what we wrote down; "" where nobody does."""
        asked = {"Action": "Getvar", "Channel": channel, "Variable": "RINGBACK_HELD"}
        held = self._commands.send(asked).frame.get("Value", "")
        return held if _HELD.fullmatch(held) else ""

    def _waiting(self, channel: str) -> str:
        if not (held := self._held(channel)):
            raise SwitchRefused("Nobody waits any more")
        return held

    def _set(self, channel: str, name: str, value: str) -> None:
        self._commands.send({"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value})

    def _move(self, channel: str, exten: str, other: str = "", others_exten: str = "", context: str = HOLD) -> None:
        action = {"Action": "Redirect", "Channel": channel, "Context": context, "Exten": exten, "Priority": "1"}
        if other:
            action |= {"ExtraChannel": other, "ExtraContext": context, "ExtraExten": others_exten, "ExtraPriority": "1"}
        self._commands.send(action)

    def _partner(self, channel: str) -> str:
        """Who is moved is for a moment with nobody."""
        for patience in (0.1, 0.2, 0.4, 0.0):
            parties = self._parties(channel)
            if parties.others or not patience:
                break
            time.sleep(patience)
        return parties.partner()

    def _parties(self, channel: str) -> Parties:
        return parties_of(channel, self._commands.send({"Action": "CoreShowChannels"}).events)

    def close(self) -> None:
        self._commands.close()
        if self._answers is not None:
            self._answers.close()


def _marks(command: Originate) -> str:
    """Two underscores: the leg to the customer inherits them."""
    shown = f",__CRM_SHOWN={command.shown}" if command.shown else ""
    return f"__CRM_CALL_ID={command.uid}{shown}"


class _Connection:
    """One login, for any number of threads."""

    def __init__(self, host: str, port: int, login: Login, tls: ssl.SSLContext | None, timeout: float) -> None:
        self._host, self._port, self._login, self._tls, self._timeout = host, port, login, tls, timeout
        self._connecting = threading.Lock()
        self._client: AmiClient | None = None

    def send(self, action: dict[str, str], patience: float | None = None) -> Message:
        deadline = time.monotonic() + min(self._timeout, patience or self._timeout)
        client = self._connected(deadline)
        try:
            answer = client.send_action(action, timeout=max(0.0, deadline - time.monotonic()))
        except ConnectionLost as error:
            raise SwitchUnavailable(_UNCERTAIN) from error
        except AmiError as error:
            raise SwitchRefused(str(error)) from error
        if not answer.ok:
            raise SwitchRefused(answer.text)
        return answer

    def _connected(self, deadline: float) -> AmiClient:
        if not self._connecting.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise SwitchUnavailable(_UNREACHABLE)
        try:
            if self._client is None or not self._client.connected():
                self._client = self._connect(max(0.1, deadline - time.monotonic()))
            return self._client
        finally:
            self._connecting.release()

    def _connect(self, timeout: float) -> AmiClient:
        client = AmiClient(tls=self._tls, timeout=timeout, ping_interval=IDLE_PING)
        try:
            client.connect(self._host, self._port)
            client.login(self._login.username, self._login.secret, events="off")
        except AuthRefused as error:
            client.close()
            raise SwitchRefused(f"The telephone system refuses the log-in: {error}") from error
        except AmiError as error:
            client.close()
            raise SwitchUnavailable(_UNREACHABLE) from error
        client.timeout = self._timeout
        return client

    def close(self) -> None:
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None
