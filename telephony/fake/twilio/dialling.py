"""<Dial>: other legs, connected with the one that dials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from telephony.fake.twilio import conferences, queues
from telephony.fake.twilio.clock import TIMEOUT, Signal, Steps, whole
from telephony.fake.twilio.errors import BadDocument, NotModelled
from telephony.fake.twilio.model import Call, Callback, Program, Recording
from telephony.fake.twilio.orders import RING_BUFFER
from telephony.fake.twilio.programs import Goto, Outcome
from telephony.fake.twilio.talk import Talk
from telephony.fake.twilio.twiml import WHISPERING, Element

if TYPE_CHECKING:
    from telephony.fake.twilio.interpreter import Interpreter
    from telephony.fake.twilio.stand_in import FakeTwilio

DEFAULT_TIMEOUT = 30
WORST_LAST = ("canceled", "failed", "busy", "no-answer")  # of several that were dialled, the last of these is told


def dial(twilio: FakeTwilio, interpreter: Interpreter, call: Call, verb: Element, base: str) -> Outcome:
    noun = verb.children[0].name if verb.children else "Number"
    if noun == "Conference":
        return (yield from conferences.dial(twilio, interpreter, call, verb, base))
    if noun == "Queue":
        return (yield from queues.dial(twilio, interpreter, call, verb, base))
    if not verb.flag("answerOnBridge"):
        twilio.calls.answer(call)
    session = _Session(twilio, interpreter, call, verb, base)
    return (yield from session.run())


class _Session:
    """Where the dialling leg and those it dials are."""

    def __init__(self, twilio: FakeTwilio, interpreter: Interpreter, parent: Call, verb: Element, base: str) -> None:
        self._twilio, self._interpreter = twilio, interpreter
        self._parent, self._verb, self._base = parent, verb, base
        self._action = interpreter.action(verb, base)
        self._legs: list[Call] = []
        self._winner: Call | None = None
        self._talk: Talk | None = None
        self._connected_at: float | None = None
        self._recording: Recording | None = None
        self._done = Signal()  # with DialCallStatus

    def run(self) -> Outcome:
        self._parent.place = self
        seconds = self._verb.number("timeout", DEFAULT_TIMEOUT) + RING_BUFFER
        for noun in self._nouns():
            leg = self._leg(noun)
            if leg is not None:
                leg.process = self._twilio.clock.start(self._rung(leg, noun, seconds))
        self._record("record-from-ringing")
        if not self._legs:
            self._done.set("failed")
        limit = float(self._verb.number("timeLimit", 4 * 3600))
        status = yield self._done, limit + seconds
        if status is TIMEOUT:
            status = "completed"
        self._parent.place = None
        self._finish(but=None)
        return self._next(str(status))

    def _nouns(self) -> tuple[Element, ...]:
        return self._verb.children or (Element("Number", {}, self._verb.text),)

    def _leg(self, noun: Element) -> Call | None:
        custom: dict[str, str] = {}
        to = noun.text
        if noun.name == "Client":
            identity = next((child.text for child in noun.children if child.name == "Identity"), noun.text)
            to = f"client:{identity}"
            custom = {each.get("name"): each.get("value") for each in noun.children if each.name == "Parameter"}
        if noun.name == "Number" and not _is_phone(to):
            self._twilio.alert(13223, f"Dial: invalid phone number format {to!r:.60}", self._parent.sid)
            return None
        if noun.name == "Sip" and not to.startswith(("sip:", "sips:")):
            raise NotModelled(f"TwiML <Sip> {to!r:.60}")
        leg = self._twilio.calls.child(self._parent, to, self._caller_id(noun), self._progress(noun), custom)
        leg.place = self
        self._legs.append(leg)
        return leg

    def _caller_id(self, noun: Element) -> str:
        given = self._verb.get("callerId") or self._parent.from_
        if noun.name == "Number" and given != self._parent.from_ and not self._twilio.owns(given):
            raise BadDocument(13214, f"Dial: invalid callerId {given!r:.60}")
        if noun.name == "Number" and given.startswith("client:"):
            raise BadDocument(13214, "Dial: a phone number needs a phone number as callerId")
        return given

    def _progress(self, noun: Element) -> Callback | None:
        url = noun.get("statusCallback")
        if not url:
            return None
        events = noun.words("statusCallbackEvent", "completed")
        return Callback(self._interpreter.url(self._base, url), noun.get("statusCallbackMethod", "POST"), events)

    def _rung(self, leg: Call, noun: Element, seconds: float) -> Steps:
        result = yield from self._twilio.calls.ring(leg, seconds)
        if result != "answered":
            self._twilio.calls.end(leg, result, "party")
            return
        self._winner = leg
        for other in self._legs:
            if other is not leg:
                self._twilio.calls.end(other, "canceled", "other")
        self._twilio.calls.answer(leg)
        url = noun.get("url")
        if url:
            program = Program(self._interpreter.url(self._base, url), noun.get("method", "POST"))
            fine = yield from self._interpreter.run(leg, program, WHISPERING, "a <Dial>'s whisper")
            if not fine:
                self._twilio.calls.end(leg, "completed", "twilio")
            if leg.is_over:
                return
        self._connect(leg)
        yield leg.over

    def _connect(self, leg: Call) -> None:
        self._twilio.calls.answer(self._parent)
        self._connected_at = self._twilio.clock.now
        self._talk = Talk(self._twilio.clock, self._parent, leg)
        self._record("record-from-answer")

    def _record(self, mode: str) -> None:
        wanted = self._verb.get("record", "do-not-record")
        if wanted.removesuffix("-dual") != mode or self._recording is not None:
            return
        callback = self._interpreter.recording_callback(self._verb, self._base)
        channels = 2 if wanted.endswith("-dual") else 1
        self._recording = self._twilio.recordings.start(self._parent, "DialVerb", channels, callback)

    def leave(self, call: Call, cause: str) -> None:
        if call is self._parent:
            self._finish(but=None)
            if cause != "redirected":
                self._interpreter.tell(call, self._action, self._told(self._status("completed")))
        elif call is self._winner:
            self._finish(but=call)
            self._done.set("completed" if self._connected_at is not None else "no-answer")
        elif self._winner is None and all(leg.is_over for leg in self._legs):
            self._done.set(max((leg.status for leg in self._legs), key=_rank))

    def _finish(self, but: Call | None) -> None:
        """Whoever else is left goes."""
        if self._talk is not None:
            self._talk.end()
        if self._recording is not None:
            self._twilio.recordings.stop(self._recording)
        for leg in self._legs:
            if leg is not but and not leg.is_over:
                leg.place = None
                self._twilio.calls.end(leg, "canceled", "other")

    def _status(self, otherwise: str) -> str:
        return otherwise if self._connected_at is not None else "canceled"

    def _next(self, status: str) -> Goto | None:
        return Goto(self._action, self._told(status)) if self._action is not None else None

    def _told(self, status: str) -> Mapping[str, str]:
        told: dict[str, str] = {"DialCallStatus": status, "DialBridged": str(self._connected_at is not None).lower()}
        leg = self._winner or (self._legs[-1] if self._legs else None)
        if leg is not None:
            told["DialCallSid"] = leg.sid
        if self._connected_at is not None:
            told["DialCallDuration"] = str(whole(self._twilio.clock.now - self._connected_at))
        if self._recording is not None:
            told["RecordingUrl"] = self._twilio.recordings.url(self._recording)
            told["RecordingSid"] = self._recording.sid
        return told


def _rank(status: str) -> int:
    return WORST_LAST.index(status) if status in WORST_LAST else -1


def _is_phone(address: str) -> bool:
    return address.startswith("+") and address[1:].isdigit() and 7 <= len(address) <= 16
