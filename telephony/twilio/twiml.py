"""What is known → what Twilio is to do, in its own language. Pure, so that the same question has the same answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from twilio.twiml.voice_response import Dial, VoiceResponse

from telephony.twilio.addresses import Addresses
from telephony.twilio.webhooks import Kind

WAIT_SECONDS = 15  # of one answer to a caller who waits: so soon it is looked again whether anybody is there
LONGEST_MESSAGE = 180
_MOST_SAID = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
ROOM_EVENTS = "start end join leave mute hold modify"


class Decision(StrEnum):
    """What was answered, in a word: it is kept with the question, since the story of a call hangs on it."""

    ENQUEUE = "enqueue"
    STAY = "stay"
    TOO_LONG = "too-long"
    NOBODY = "nobody"  # is logged in who could take it
    NO_BRIDGE = "no-bridge"  # nobody gives callers to agents
    VOICEMAIL = "voicemail"
    JOIN = "join"
    END = "end"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Voice:
    """In which callers are spoken to, and what is said. Texts come translated."""

    language: str
    greeting: str = ""
    please_wait: str = ""
    leave_message: str = ""
    thanks: str = ""
    music_url: str = ""


def enqueue(at: Addresses, voice: Voice, root: str, step: int, queue: str) -> str:
    """A caller waits. Our own answer to `wait` is what keeps them there."""
    response = VoiceResponse()
    if step == 1:
        _say(response, voice, voice.greeting)
    response.enqueue(
        f"{at.switch}-{queue}",
        action=at.url(Kind.QUEUE_EXIT, root, step, queue),
        wait_url=at.url(Kind.WAIT, root, step, queue),
    )
    return str(response)


def stay(voice: Voice) -> str:
    response = VoiceResponse()
    if voice.music_url:
        response.play(voice.music_url)
    else:
        _say(response, voice, voice.please_wait)
        response.pause(length=WAIT_SECONDS - 5)
    return str(response)


def leave() -> str:
    response = VoiceResponse()
    response.leave()
    return str(response)


def join(at: Addresses, root: str, *, label: str = "customer", ends_room: bool = True) -> str:
    """Into the call's room; with the customer it ends. Only the first one's callback counts, so everyone brings it."""
    response = VoiceResponse()
    dial = Dial()
    dial.conference(
        root,
        beep="false",
        start_conference_on_enter=True,
        end_conference_on_exit=ends_room,
        participant_label=label,
        status_callback=at.url(Kind.CONFERENCE, root),
        status_callback_event=ROOM_EVENTS,
    )
    response.append(dial)
    return str(response)


def voicemail(at: Addresses, voice: Voice, root: str) -> str:
    response = VoiceResponse()
    _say(response, voice, voice.leave_message)
    response.record(
        action=at.url(Kind.VOICEMAIL, root),
        max_length=LONGEST_MESSAGE,
        play_beep=True,
        timeout=5,
        recording_status_callback=at.url(Kind.RECORDING, root),
        recording_status_callback_event="completed absent",
    )
    return str(response)


def thank(voice: Voice) -> str:
    response = VoiceResponse()
    _say(response, voice, voice.thanks)
    response.hangup()
    return str(response)


def hold(at: Addresses, voice: Voice, root: str) -> str:
    """For who waits in the middle of a conversation."""
    response = VoiceResponse()
    if voice.music_url:
        response.play(voice.music_url, loop=0)
    else:
        _say(response, voice, voice.please_wait)
        response.pause(length=WAIT_SECONDS)
        response.redirect(at.url(Kind.HOLD, root))
    return str(response)


def end() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


def nothing() -> str:
    return str(VoiceResponse())


def speakable(text: str) -> str:
    """Without what no XML can hold: one such character in a name, and the call is dropped."""
    return _CONTROL.sub(" ", text)[:_MOST_SAID].strip()


def patience(longest: timedelta, waited: timedelta, *, somebody: bool, bridge: bool) -> Decision:
    """Whether a caller goes on to wait: the dead man's switch. `bridge`: somebody gives callers to agents."""
    if not bridge:
        return Decision.NO_BRIDGE
    if waited >= longest:
        return Decision.TOO_LONG
    return Decision.STAY if somebody else Decision.NOBODY


def _say(response: VoiceResponse, voice: Voice, text: str) -> None:
    if words := speakable(text):
        response.say(words, language=voice.language)
