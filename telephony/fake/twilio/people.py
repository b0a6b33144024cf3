"""Those at the other end of the lines: what they do by themselves is a script, what they do when told is a method."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import jwt

from telephony.fake.twilio.clock import Signal, Timer
from telephony.fake.twilio.errors import NotModelled
from telephony.fake.twilio.model import Call

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

LONGEST_PARAMETERS = 800  # bytes, of what a page may say when it calls

# status and SIP code of a leg that nobody answered
REFUSED = {
    "busy": ("busy", 486),
    "rejects": ("busy", 603),
    "ignores": ("no-answer", 487),
    "unreachable": ("failed", 404),
    "absent": ("no-answer", 480),
}


@dataclass(frozen=True, slots=True)
class Script:
    """What somebody does when they are called, or when they call. Times are seconds."""

    kind: str = "answers"  # busy, rejects, ignores, unreachable; by_hand: waits to be told
    after: float = 3.0  # of ringing
    setup: float = 0.5  # until it rings
    stays: float | None = None  # from the answer (or from calling) to hanging up
    patience: float | None = None  # a caller's, until somebody talks to them
    talks: float | None = None  # from being connected with somebody to hanging up
    keys: tuple[tuple[float, str], ...] = ()  # pressed so long after the answer (or after calling)
    replies: tuple[str, ...] = ()  # to each menu in turn: keys, or words
    thinks: float = 2.0  # before each reply
    message: float = 8.0  # spoken after a beep; 0: nothing
    message_key: str = ""  # pressed after the message; "": hangs up
    answered_by: str = "human"
    detected_after: float = 2.0

    def hangs_up(self, after: float) -> Script:
        return replace(self, stays=after)

    def gives_up(self, after: float) -> Script:
        return replace(self, patience=after)

    def talks_for(self, seconds: float) -> Script:
        return replace(self, talks=seconds)

    def presses(self, keys: str, at: float) -> Script:
        return replace(self, keys=(*self.keys, (at, keys)))

    def replies_to_menus(self, *replies: str) -> Script:
        return replace(self, replies=replies)

    def leaves_message(self, seconds: float, key: str = "") -> Script:
        return replace(self, message=seconds, message_key=key)


def answers(after: float = 3.0) -> Script:
    return Script(after=after)


def busy() -> Script:
    return Script("busy")


def rejects(after: float = 2.0) -> Script:
    return Script("rejects", after=after)


def ignores() -> Script:
    return Script("ignores")


def unreachable() -> Script:
    return Script("unreachable")


def by_hand() -> Script:
    """Waits for `Party.answer`, `.reject`, `.hang_up`."""
    return Script("by_hand", message=0)


def machine(greeting: float = 4.0, after: float = 12.0) -> Script:
    """A voicemail box at the other end."""
    return Script(after=after, answered_by="machine_start", detected_after=greeting, stays=60)


class Party:
    """Somebody in one call."""

    def __init__(self, twilio: FakeTwilio, call: Call, script: Script) -> None:
        self._twilio, self.call, self.script = twilio, call, script
        self.decided = Signal()  # answers, busy, rejects …
        self.heard: list[str] = []  # what was said and played to them
        self._replies = deque(script.replies)
        self._inputs: deque[tuple[str, str]] = deque()
        self._listener: Signal | None = None
        self._timers: list[Timer] = []
        self._impatience: Timer | None = None
        self.connected = False
        self.speaking: Signal | None = None  # while a beep was heard and nothing said yet

    # ------------------------------------------------------------------------------------------------ what they do

    def answer(self) -> None:
        self.decided.set("answers")

    def reject(self) -> None:
        self.decided.set("rejects")

    def hang_up(self) -> None:
        self._twilio.calls.hung_up(self.call)

    def press(self, keys: str) -> None:
        for key in keys:
            self._input("key", key)

    def say(self, words: str) -> None:
        self._input("words", words)

    def speak(self, seconds: float) -> None:
        """After a beep."""
        if self.speaking is None:
            raise AssertionError("nothing is being recorded by <Record>")
        self.speaking.set(seconds)

    # ------------------------------------------------------------------------------------- what happens to them

    def rings(self) -> None:
        if self.script.kind == "by_hand":
            return
        if self.script.kind != "ignores":
            self._after(self.script.after, lambda: self.decided.set(self.script.kind))

    def begins(self) -> None:
        """They answered, or they are calling."""
        if self.script.stays is not None:
            self._after(self.script.stays, self.hang_up)
        if self.script.patience is not None:
            self._impatience = self._after(self.script.patience, self.hang_up)
        for moment, keys in self.script.keys:
            self._after(moment, lambda keys=keys: self.press(keys))

    def meets(self) -> None:
        """Somebody talks to them; the first time counts."""
        if self.connected:
            return
        self.connected = True
        if self._impatience is not None:
            self._impatience.cancel()
        if self.script.talks is not None:
            self._after(self.script.talks, self.hang_up)

    def listen(self) -> Signal:
        """The next key or word."""
        self._listener = Signal()
        if self._inputs:
            self._listener.set(self._inputs.popleft())
        return self._listener

    def asked(self) -> None:
        """A menu: what was pressed before does not count."""
        self._inputs.clear()
        if self._replies:
            reply = self._replies.popleft()
            keys = bool(reply) and set(reply) <= set("0123456789*#")
            if reply:
                self._after(self.script.thinks, lambda: self.press(reply) if keys else self.say(reply))

    def goes(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _input(self, kind: str, text: str) -> None:
        if self._listener is not None and not self._listener.happened:
            self._listener.set((kind, text))
        else:
            self._inputs.append((kind, text))

    def _after(self, seconds: float, do: Any) -> Timer:
        timer = self._twilio.clock.after(seconds, lambda: None if self.call.is_over else do())
        self._timers.append(timer)
        return timer


class Person:
    """Who is at an address: "+15005550101", "client:agent_7", "sip:bob@example.com"."""

    def __init__(self, address: str, script: Script) -> None:
        self.address, self.script = address, script
        self._next: deque[Script] = deque()
        self.parties: list[Party] = []  # one for each call, also those that were placed

    def will(self, *scripts: Script) -> Person:
        """One for each of the next calls; the last one for all later ones too."""
        self._next = deque(scripts[:-1])
        self.script = scripts[-1]
        return self

    def next_script(self) -> Script:
        return self._next.popleft() if self._next else self.script

    @property
    def party(self) -> Party:
        """In the newest call."""
        return self.parties[-1]


class People:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self._known: dict[str, Person] = {}
        self.anybody: Script | None = answers()  # phone numbers of whom nothing was said; None: not modelled
        self.received: dict[str, list[Any]] = {}  # messages, by address

    def at(self, address: str, *scripts: Script) -> Person:
        """Somebody who can be called; for a browser: who is registered."""
        person = self._known.get(address)
        if person is None:
            person = self._known[address] = Person(address, Script())
        return person.will(*scripts) if scripts else person

    def leaves(self, address: str) -> None:
        """The page is closed, the phone is off."""
        self._known.pop(address, None)

    def is_there(self, address: str) -> bool:
        return address in self._known

    def called(self, call: Call) -> Party:
        """Whoever this leg rings."""
        person = self._known.get(call.to)
        if person is None:
            script = self._nobody(call.to)
            return Party(self._twilio, call, script)
        party = Party(self._twilio, call, person.next_script())
        person.parties.append(party)
        return party

    def _nobody(self, address: str) -> Script:
        if address.startswith("client:"):
            fast = {"no-answer": "absent", "failed": "unreachable"}[self._twilio.doubts.unregistered_client]
            return Script(fast, after=0.2)
        if address.startswith("sip:"):
            return Script("unreachable", after=0.2)
        if self.anybody is None:
            raise NotModelled(f"who answers at {address}")
        return self.anybody

    def call(
        self, from_: str, to: str, script: Script | None = None, *, stir: str = "", caller_name: str | None = None
    ) -> Party:
        """Somebody calls one of the account's numbers."""
        party = self._twilio.calls.inbound(from_, to, script or by_hand(), stir=stir, caller_name=caller_name)
        if from_ in self._known:
            self._known[from_].parties.append(party)
        return party

    def connect(self, identity: str, application_sid: str, params: Mapping[str, str] | None = None) -> Party:
        """A browser calls: `Device.connect({params})`."""
        party = self._twilio.calls.from_browser(identity, application_sid, dict(params or {}))
        self.at(f"client:{identity}").parties.append(party)
        return party

    def text(self, from_: str, to: str, body: str = "", media: tuple[tuple[str, bytes], ...] = ()) -> Any:
        """Somebody writes to one of the account's numbers; both may begin with whatsapp:"""
        return self._twilio.messages.inbound(from_, to, body, media)

    def device(self, token: str, script: Script | None = None) -> Device:
        """A page that registers with this access token. Raises `DeviceError`."""
        return Device(self._twilio, token, script)


class DeviceError(Exception):
    """Twilio's code, as the page's `Device` would report it."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class Device:
    """What a page is to Twilio: a token, checked as Twilio does, and an identity that can be rung."""

    def __init__(self, twilio: FakeTwilio, token: str, script: Script | None) -> None:
        self._twilio = twilio
        claims = _claims(twilio, token)
        grants = claims.get("grants", {})
        self.identity: str = grants.get("identity", "")
        voice = grants.get("voice", {})
        self.application_sid: str = voice.get("outgoing", {}).get("application_sid", "")
        self.takes_calls = bool(voice.get("incoming", {}).get("allow"))
        self.expires = float(claims["exp"])
        if not self.identity or not set(self.identity) <= set(_LETTERS):
            raise DeviceError(20106, f"identity {self.identity!r}")
        if self.takes_calls:
            twilio.people.at(self.address, script or by_hand())

    @property
    def address(self) -> str:
        return f"client:{self.identity}"

    def connect(self, **params: str) -> Party:
        if self._twilio.clock.now >= self.expires:
            raise DeviceError(20104, "the token is expired")
        if not self.application_sid:
            raise NotModelled("a call by a token that names no application")
        if len(urlencode(params)) > LONGEST_PARAMETERS:
            raise DeviceError(31103, "the parameters are too long")
        return self._twilio.people.connect(self.identity, self.application_sid, params)

    def unregister(self) -> None:
        self._twilio.people.leaves(self.address)


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def _claims(twilio: FakeTwilio, token: str) -> dict[str, Any]:
    account = twilio.account
    try:
        headers = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(
            token, account.key_secret, algorithms=["HS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
        )  # fmt: skip
    except jwt.InvalidSignatureError as error:
        raise DeviceError(20107, "the signature is wrong") from error
    except jwt.PyJWTError as error:
        raise DeviceError(20101, str(error)) from error
    if headers.get("cty") != "twilio-fpa;v=1":
        raise DeviceError(20102, f"content type {headers.get('cty')}")
    if claims.get("iss") != account.key_sid or claims.get("sub") != account.sid:
        raise DeviceError(20103, "issuer or subject")
    if claims.get("exp", 0) <= twilio.clock.now:
        raise DeviceError(20104, "the token is expired")
    if claims["exp"] - claims.get("nbf", claims.get("iat", claims["exp"])) > 86400:
        raise DeviceError(20157, "it is valid for more than a day")
    return claims


def custom_parameters(address: str) -> tuple[str, dict[str, str]]:
    """client:agent_7?a=b is client:agent_7, who gets a=b."""
    base, _, query = address.partition("?")
    return (base, dict(parse_qsl(query, keep_blank_values=True))) if address.startswith("client:") else (address, {})
