"""TwiML, read strictly: what Twilio would take with a warning, or this stand-in does not know, is `NotModelled`; what
Twilio itself cannot run is a `BadDocument`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from xml.etree import ElementTree  # the documents are our own product's

from telephony.fake.twilio.errors import BadDocument, NotModelled

Check = Callable[[str], object]  # true when the value may stand there
MAX_SAY = 4096
MAX_INLINE = 4000


@dataclass(frozen=True, slots=True)
class Element:
    name: str
    attributes: Mapping[str, str]
    text: str = ""
    children: tuple[Element, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def number(self, name: str, default: int) -> int:
        return int(self.attributes.get(name, default))

    def flag(self, name: str, default: bool = False) -> bool:
        return self.attributes[name] == "true" if name in self.attributes else default

    def words(self, name: str, default: str) -> frozenset[str]:
        return frozenset(self.attributes.get(name, default).split())


@dataclass(frozen=True, slots=True)
class Rule:
    attributes: Mapping[str, Check] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    text: bool = False


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _some_of(*words: str) -> Check:
    return lambda value: bool(value.split()) and set(value.split()) <= set(words)


def _whole(least: int, most: int) -> Check:
    return lambda value: value.isascii() and value.isdigit() and least <= int(value) <= most


def _any(value: str) -> bool:
    return True


def is_url(value: str) -> bool:
    """Absolute by HTTP, or relative; without blanks."""
    return (
        bool(value) and not re.search(r"[\s\x00-\x1f]", value) and not re.match(r"(?!https?:)[a-z][a-z0-9+.-]*:", value)
    )


def is_label(value: str) -> bool:
    """Of a participant; what looks like a call would be taken for one."""
    return len(value) <= 128 and "/" not in value and "%2F" not in value and not _sid(value)


_flag = _one_of("true", "false")
_method = _one_of("GET", "POST")
_keys = re.compile(r"[0-9*#]*").fullmatch
_tones = re.compile(r"[0-9*#ABCDwW]{1,32}").fullmatch
_sid = re.compile(r"CA[0-9a-fA-F]{32}").fullmatch
_progress = _some_of("initiated", "ringing", "answered", "completed")
_recording_events = _some_of("in-progress", "completed", "absent")
_trim = _one_of("trim-silence", "do-not-trim")

_recording_callback: dict[str, Check] = {
    "recordingStatusCallback": is_url,
    "recordingStatusCallbackMethod": _method,
    "recordingStatusCallbackEvent": _recording_events,
}
_leg: dict[str, Check] = {
    "url": is_url,
    "method": _method,
    "statusCallback": is_url,
    "statusCallbackMethod": _method,
    "statusCallbackEvent": _progress,
}
CONFERENCE_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify", "announcement")

RULES: dict[str, Rule] = {
    "Response": Rule(
        children=frozenset(
            "Say Play Pause Gather Dial Enqueue Leave Record Redirect Reject Hangup Start Stop Message".split()
        )
    ),
    "Say": Rule({"voice": _any, "language": _any, "loop": _whole(0, 1000)}, text=True),
    "Play": Rule({"loop": _whole(0, 1000), "digits": _tones}, text=True),
    "Pause": Rule({"length": _whole(1, 600)}),
    "Gather": Rule(
        {
            "input": _one_of("dtmf", "speech", "dtmf speech", "speech dtmf"),
            "action": is_url,
            "method": _method,
            "timeout": _whole(0, 600),
            "speechTimeout": lambda value: value == "auto" or _whole(1, 600)(value),
            "finishOnKey": _keys,
            "numDigits": _whole(1, 100),
            "actionOnEmptyResult": _flag,
            "bargeIn": _flag,
            "language": _any,
            "hints": _any,
            "speechModel": _any,
        },
        frozenset({"Say", "Play", "Pause"}),
    ),
    "Dial": Rule(
        {
            "action": is_url,
            "method": _method,
            "timeout": _whole(1, 600),
            "timeLimit": _whole(1, 86400),
            "callerId": bool,
            "answerOnBridge": _flag,
            "record": _one_of(
                "do-not-record",
                "record-from-answer",
                "record-from-ringing",
                "record-from-answer-dual",
                "record-from-ringing-dual",
            ),
            "trim": _trim,
            **_recording_callback,
        },
        frozenset({"Number", "Client", "Sip", "Queue", "Conference"}),
        text=True,
    ),
    "Number": Rule({**_leg, "sendDigits": _tones}, text=True),
    "Client": Rule(_leg, frozenset({"Identity", "Parameter"}), text=True),
    "Identity": Rule(text=True),
    "Parameter": Rule({"name": bool, "value": _any}),
    "Sip": Rule({**_leg, "username": bool, "password": bool}, text=True),
    "Queue": Rule({"url": is_url, "method": _method}, text=True),
    "Conference": Rule(
        {
            "muted": _flag,
            "beep": _one_of("true", "false", "onEnter", "onExit"),
            "startConferenceOnEnter": _flag,
            "endConferenceOnExit": _flag,
            "participantLabel": lambda value: value and is_label(value),
            "maxParticipants": _whole(2, 250),
            "record": _one_of("do-not-record", "record-from-start"),
            "trim": _trim,
            "coach": _sid,
            "waitUrl": lambda value: value == "" or is_url(value),
            "waitMethod": _method,
            "statusCallback": is_url,
            "statusCallbackMethod": _method,
            "statusCallbackEvent": _some_of(*CONFERENCE_EVENTS),
            **_recording_callback,
        },
        text=True,
    ),
    "Enqueue": Rule({"action": is_url, "method": _method, "waitUrl": is_url, "waitUrlMethod": _method}, text=True),
    "Leave": Rule(),
    "Record": Rule(
        {
            "action": is_url,
            "method": _method,
            "timeout": _whole(0, 600),
            "finishOnKey": _keys,
            "maxLength": _whole(1, 14400),
            "playBeep": _flag,
            "trim": _trim,
            **_recording_callback,
        }
    ),
    "Redirect": Rule({"method": _method}, text=True),
    "Reject": Rule({"reason": _one_of("rejected", "busy")}),
    "Hangup": Rule(),
    "Start": Rule(children=frozenset({"Recording"})),
    "Stop": Rule(children=frozenset({"Recording"})),
    "Recording": Rule(
        {"track": _one_of("both"), "channels": _one_of("mono", "dual"), "trim": _trim, **_recording_callback}
    ),
    "Message": Rule({"to": bool, "from": bool, "action": is_url, "method": _method}, frozenset({"Body", "Media"}), text=True),
    "Body": Rule(text=True),
    "Media": Rule(text=True),
}  # fmt: skip

WAITING = frozenset("Say Play Pause Gather Redirect Hangup Leave".split())  # what a queue's waitUrl may say
HOLDING = frozenset("Say Play Pause Redirect".split())  # a conference's waitUrl, a holdUrl, an announcement
WHISPERING = frozenset("Say Play Pause Gather Redirect Hangup".split())  # to who was dialled, before they are connected
TALKING = RULES["Response"].children - {"Leave", "Message"}
TEXTING = frozenset({"Message", "Redirect"})


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Element, ...]:
    """The verbs of a document, in order."""
    if not text.strip():
        raise BadDocument(12100, "the document is empty")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise BadDocument(12100, f"document parse failure: {error}") from error
    if root.tag != "Response":
        raise BadDocument(12100, f"the root is <{root.tag}>, not <Response>")
    response = _element(root)
    for verb in response.children:
        _nest(verb)
    return response.children


def allow(verbs: tuple[Element, ...], allowed: frozenset[str], where: str) -> tuple[Element, ...]:
    for verb in verbs:
        if verb.name not in allowed:
            raise NotModelled(f"<{verb.name}> is not allowed in {where}")
    return verbs


def _element(node: ElementTree.Element) -> Element:
    rule = RULES.get(node.tag)
    if rule is None:
        raise NotModelled(f"TwiML <{node.tag}>")
    for name, value in node.attrib.items():
        check = rule.attributes.get(name)
        if check is None:
            raise NotModelled(f"TwiML <{node.tag} {name}>")
        if not check(value):
            raise NotModelled(f"TwiML <{node.tag} {name}={value!r:.80}>")
    children = tuple(_child(node, child, rule) for child in node)
    text = (node.text or "") + "".join(child.tail or "" for child in node)
    if text.strip() and not rule.text:
        raise NotModelled(f"text in TwiML <{node.tag}>: {text.strip()!r:.80}")
    if node.tag == "Say" and len(text) > MAX_SAY:
        raise NotModelled(f"TwiML <Say> of {len(text)} characters: {MAX_SAY} are allowed")
    return Element(node.tag, dict(node.attrib), text.strip(), children)


def _child(parent: ElementTree.Element, child: ElementTree.Element, rule: Rule) -> Element:
    if child.tag not in rule.children:
        raise NotModelled(f"TwiML <{child.tag}> in <{parent.tag}>")
    return _element(child)


def _nest(verb: Element) -> None:
    """What one element may hold depends on what else it holds."""
    nouns = [child.name for child in verb.children]
    if verb.name == "Dial":
        if verb.text and nouns:
            raise NotModelled("TwiML <Dial> with a number and nouns")
        if not verb.text and not nouns:
            raise NotModelled("TwiML <Dial> of nobody")
        if {"Queue", "Conference"} & set(nouns) and len(nouns) > 1:
            raise NotModelled(f"TwiML <Dial> of {' and '.join(nouns)}")
        if len(nouns) > 10:
            raise NotModelled("TwiML <Dial> of more than ten")
    if verb.name == "Enqueue" and not 0 < len(verb.text) <= 64:
        raise NotModelled(f"TwiML <Enqueue> into {verb.text!r:.80}")
    if verb.name == "Play" and bool(verb.text) == ("digits" in verb.attributes):
        raise NotModelled("TwiML <Play> of a file and digits, or of neither")
    if verb.name in ("Start", "Stop") and nouns != ["Recording"]:
        raise NotModelled(f"TwiML <{verb.name}> of {nouns}")
    if verb.name == "Stop" and verb.children[0].attributes:
        raise NotModelled("TwiML <Stop><Recording> with attributes")
