"""What calls do by their documents."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from telephony.fake.twilio import dialling, queues
from telephony.fake.twilio.clock import TIMEOUT, Signal, Steps
from telephony.fake.twilio.errors import BadDocument, NotModelled
from telephony.fake.twilio.model import Call, Callback, Program, Recording, Target
from telephony.fake.twilio.programs import Goto, HungUp, Left, NoDocument, Outcome
from telephony.fake.twilio.sound import length_of
from telephony.fake.twilio.twiml import TALKING, Element, allow, parse
from telephony.fake.twilio.webhooks import WRONG_CONTENT, Failed, Params

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

LETTERS_PER_SECOND = 15.0
ERROR_MESSAGE = 5.0
XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})
ANY_KEY = "1234567890*#"


class Interpreter:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self._verbs: dict[str, Callable[[Call, Element, str], Outcome]] = {
            "Say": self._say,
            "Play": self._play,
            "Pause": self._pause,
            "Gather": self._gather,
            "Record": self._record,
            "Redirect": self._redirect,
            "Reject": self._reject,
            "Hangup": self._hang_up,
            "Leave": self._leave,
            "Start": self._start,
            "Stop": self._stop,
            "Dial": lambda call, verb, base: dialling.dial(self._twilio, self, call, verb, base),
            "Enqueue": lambda call, verb, base: queues.enqueue(self._twilio, self, call, verb, base),
        }

    # ------------------------------------------------------------------------------------------------- documents

    def run(
        self, call: Call, program: Program, allowed: frozenset[str] = TALKING, where: str = "a call"
    ) -> Generator[Any, Any, bool]:
        """Until the documents are at their end, or say that the call is. False: one could not be had."""
        goto: Goto | None = Goto(Target(program.url, program.method))
        twiml, fallback = program.twiml, program.fallback
        while goto is not None:
            target = goto.target
            try:
                if twiml:
                    verbs, twiml = allow(parse(twiml), allowed, where), ""
                else:
                    verbs = yield from self.document(call, goto, allowed, where)
                goto = yield from self.perform(call, verbs, target.url)
            except (NoDocument, BadDocument) as error:
                call.failures.append(error.code)
                if isinstance(error, BadDocument):
                    self._twilio.alert(error.code, str(error), call.sid, target)
                if fallback is None or target == fallback:
                    yield from self._apologise(call)
                    return False
                goto = Goto(fallback, {"ErrorCode": str(error.code), "ErrorUrl": target.url.partition("#")[0]})
            except HungUp as hung_up:
                self._twilio.calls.end(call, hung_up.status, "twilio")
                return True
        return True

    def document(
        self, call: Call, goto: Goto, allowed: frozenset[str], where: str
    ) -> Generator[Any, Any, tuple[Element, ...]]:
        params = {**self._twilio.calls.params(call), **goto.params}
        outcome = yield from self._twilio.webhooks.ask(goto.target, params, call.sid)
        if isinstance(outcome, Failed):
            raise NoDocument(outcome.code, goto.target)
        if outcome.status == 204:
            return ()  # nothing more to do
        if outcome.content_type.startswith("audio/"):
            return (Element("Play", {}, goto.target.url),)
        if outcome.content_type not in XML_TYPES:
            raise BadDocument(WRONG_CONTENT, f"content type {outcome.content_type!r}")
        return allow(parse(outcome.text), allowed, where)

    def perform(self, call: Call, verbs: tuple[Element, ...], base: str) -> Outcome:
        for verb in verbs:
            goto = yield from self._verbs[verb.name](call, verb, base)
            if goto is not None:
                return goto
        return None

    def tell(self, call: Call, target: Target | None, params: Params) -> None:
        """An action that is told after the call is over or elsewhere: what it answers is ignored."""
        if target is not None:
            asked = self._ignoring(call, target, {**self._twilio.calls.params(call), **params})
            self._twilio.clock.start(asked)

    def _ignoring(self, call: Call, target: Target, params: Params) -> Steps:
        yield from self._twilio.webhooks.ask(target, params, call.sid)

    def _apologise(self, call: Call) -> Steps:
        """Twilio says that it is sorry, an application error has occurred, and goodbye."""
        self._twilio.calls.answer(call)
        self._hear(call, "error")
        yield ERROR_MESSAGE

    def action(self, verb: Element, base: str) -> Target | None:
        url = verb.get("action")
        return Target(self.url(base, url), verb.get("method", "POST")) if url else None

    def url(self, base: str, url: str) -> str:
        joined = urljoin(base.partition("#")[0], url)
        if not joined.startswith(("http://", "https://")):
            raise NotModelled(f"a relative URL in TwiML that has no URL itself: {url}")
        return joined

    def recording_callback(self, verb: Element, base: str) -> Callback | None:
        url = verb.get("recordingStatusCallback")
        if not url:
            return None
        events = verb.words("recordingStatusCallbackEvent", "completed")
        return Callback(self.url(base, url), verb.get("recordingStatusCallbackMethod", "POST"), events)

    # ----------------------------------------------------------------------------------------------------- sounds

    def _say(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.calls.answer(call)
        self._hear(call, verb.text)
        yield from _repeat(max(1.0, len(verb.text) / LETTERS_PER_SECOND), verb.number("loop", 1))
        return None

    def _play(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.calls.answer(call)
        if "digits" in verb.attributes:
            yield sum({"w": 0.5, "W": 1.0}.get(key, 0.25) for key in verb.get("digits"))
            return None
        url = self.url(base, verb.text)
        self._hear(call, url)
        seconds = yield from self._sound(call, url)
        yield from _repeat(seconds, verb.number("loop", 1))
        return None

    def _sound(self, call: Call, url: str) -> Generator[Any, Any, float]:
        """Its length. A file that cannot be had is skipped, and the account gets an alert."""
        known = self._twilio.sounds.get(url)
        if known is not None:
            return known
        outcome = yield from self._twilio.webhooks.ask(Target(url, "GET"), {}, call.sid)
        if isinstance(outcome, Failed):
            return 0.0
        if not outcome.content_type.startswith("audio/"):
            raise BadDocument(WRONG_CONTENT, f"<Play> of {outcome.content_type!r}")
        length = self._twilio.sounds[url] = length_of(outcome.body)
        return length

    def _pause(self, call: Call, verb: Element, base: str) -> Outcome:
        yield float(verb.number("length", 1))  # before the answer it rings on
        return None

    def _hear(self, call: Call, what: str) -> None:
        if call.party is not None:
            call.party.heard.append(what)

    # ------------------------------------------------------------------------------------------------ keys and words

    def _gather(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.calls.answer(call)
        assert call.party is not None
        call.party.asked()
        prompt = self._twilio.clock.start(self._prompt(call, verb, base))
        try:
            digits, words, key = yield from self._listen(call, verb, prompt.done)
        finally:
            prompt.stop()
        if not digits and not words and not verb.flag("actionOnEmptyResult"):
            return None
        target = self.action(verb, base) or Target(base, verb.get("method", "POST"))
        if not target.url:
            raise NotModelled("<Gather> without an action in TwiML that has no URL")
        told: dict[str, str | None] = {"Digits": digits, "FinishedOnKey": key or None}
        if words:
            told = {"SpeechResult": words, "Confidence": "0.9", "Language": verb.get("language", "en-US")}
        return Goto(target, {**told, "msg": "Gather End"})

    def _prompt(self, call: Call, verb: Element, base: str) -> Steps:
        yield from self.perform(call, verb.children, base)

    def _listen(self, call: Call, verb: Element, prompted: Signal) -> Generator[Any, Any, tuple[str, str, str]]:
        """The prompt is interrupted by the first input, and time runs from its end."""
        assert call.party is not None
        hears, patience = verb.get("input", "dtmf").split(), float(verb.number("timeout", 5))
        finish, most = verb.get("finishOnKey", "#"), verb.number("numDigits", 0)
        digits = ""
        while True:
            came = call.party.listen()
            if not digits:
                first = Signal()
                came.then(first.set)
                prompted.then(first.set)
                yield first
            got = yield came, patience
            if got is TIMEOUT:
                return digits, "", ""
            kind, text = got
            if kind == "words":
                if "speech" in hears:
                    return digits, text, ""
            elif "dtmf" in hears:
                if text in finish:
                    return digits, "", text
                digits += text
                if len(digits) == most:
                    return digits, "", ""

    # ---------------------------------------------------------------------------------------------------- recording

    def _record(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.calls.answer(call)
        assert call.party is not None
        self._hear(call, "beep" if verb.flag("playBeep", True) else "")
        action = self.action(verb, base) or Target(base, verb.get("method", "POST"))
        if not action.url:
            raise NotModelled("<Record> without an action in TwiML that has no URL")
        recording = self._twilio.recordings.start(call, "RecordVerb", 1, self.recording_callback(verb, base))
        box = _Voicemail(self, call, recording, action)
        call.place = box
        key = yield from self._speak(call, verb, recording, box)
        call.place = None
        box.stop()
        if not recording.seconds(self._twilio.clock.now):
            return None  # an empty one: the document goes on
        return Goto(action, box.told(key))

    def _speak(self, call: Call, verb: Element, recording: Recording, box: _Voicemail) -> Generator[Any, Any, str]:
        """Until a key, the longest time, or silence; the silence at the end is trimmed."""
        party, most = call.party, float(verb.number("maxLength", 3600))
        assert party is not None
        finish = verb.get("finishOnKey", ANY_KEY)
        party.speaking = Signal()
        began = self._twilio.clock.now
        box.silent = True
        if party.script.message:
            party.speaking.set(party.script.message)
        spoken = yield party.speaking, float(verb.number("timeout", 5) or most)
        party.speaking = None
        if spoken is TIMEOUT:
            self._twilio.recordings.trim(recording)
            return ""
        box.silent = False
        left = most - (self._twilio.clock.now - began)
        ends, cut = self._twilio.clock.now + min(spoken, left), spoken > left
        while self._twilio.clock.now < ends:
            got = yield party.listen(), ends - self._twilio.clock.now
            if got is not TIMEOUT and got[0] == "key" and got[1] in finish:
                return str(got[1])
        if cut:
            return ""
        if party.script.message and not party.script.message_key:
            self._twilio.calls.hung_up(call)
            yield Signal()  # never: the call is over
        if party.script.message_key:
            return party.script.message_key
        self._twilio.recordings.trim(recording)
        yield float(verb.number("timeout", 5))
        return ""

    def _start(self, call: Call, verb: Element, base: str) -> Outcome:
        noun = verb.children[0]
        channels = 2 if noun.get("channels", "dual") == "dual" else 1
        self._twilio.recordings.start(call, "StartCallRecordingTwiML", channels, self.recording_callback(noun, base))
        return None
        yield

    def _stop(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.recordings.stop_all(call)
        return None
        yield

    # ---------------------------------------------------------------------------------------------------- where next

    def _redirect(self, call: Call, verb: Element, base: str) -> Outcome:
        return Goto(Target(self.url(base, verb.text) if verb.text else base, verb.get("method", "POST")))
        yield

    def _reject(self, call: Call, verb: Element, base: str) -> Outcome:
        raise HungUp("busy" if verb.get("reason") == "busy" else "no-answer")
        yield

    def _hang_up(self, call: Call, verb: Element, base: str) -> Outcome:
        self._twilio.calls.answer(call)
        raise HungUp
        yield

    def _leave(self, call: Call, verb: Element, base: str) -> Outcome:
        raise Left
        yield


class _Voicemail:
    """A call that is being recorded by <Record>: who hangs up has left a message."""

    def __init__(self, interpreter: Interpreter, call: Call, recording: Recording, action: Target) -> None:
        self._interpreter, self._twilio = interpreter, interpreter._twilio
        self._call, self._recording, self._action = call, recording, action
        self.silent = True

    def stop(self) -> None:
        if self.silent:
            self._twilio.recordings.empty(self._recording)
        self._twilio.recordings.stop(self._recording)

    def leave(self, call: Call, cause: str) -> None:
        self.stop()
        if cause != "redirected" and not self.silent:
            self._interpreter.tell(self._call, self._action, self.told("hangup"))

    def told(self, key: str) -> Mapping[str, str]:
        seconds = self._twilio.recordings.duration(self._recording)
        return {
            "RecordingUrl": self._twilio.recordings.url(self._recording),
            "RecordingSid": self._recording.sid,
            "RecordingDuration": str(seconds),
            "Digits": key,
        }


def _repeat(seconds: float, times: int) -> Steps:
    """0 times: without end."""
    if times == 0 and seconds:
        yield Signal()
    yield seconds * max(times, 1)
