"""What Twilio is told to do: well-formed whatever a caller's name holds, and the same answer to the same question."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.twilio import twiml
from telephony.twilio.addresses import Addresses
from telephony.twilio.twiml import Decision, Voice
from telephony.twilio.webhooks import Kind
from tests.telephony.twilio.hooks import DANA

AT = Addresses("https://crm.example.org", "gr")
VOICE = Voice("el-GR", "Η κλήση καταγράφεται.", "Παρακαλώ περιμένετε.", "Αφήστε μήνυμα.", "Ευχαριστούμε.")


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())


def test_a_caller_is_greeted_once_and_waits() -> None:
    said, enqueue = parsed(twiml.enqueue(AT, VOICE, DANA, 1, "sales"))
    assert (said.tag, said.get("language"), said.text) == ("Say", "el-GR", VOICE.greeting)
    assert (enqueue.tag, enqueue.text) == ("Enqueue", "gr-sales")
    assert enqueue.get("waitUrl", "").startswith(f"https://crm.example.org/twilio/gr/wait/{DANA}/1/sales#")
    assert enqueue.get("action", "").startswith(f"https://crm.example.org/twilio/gr/queue-exit/{DANA}/1/sales#")
    assert [element.tag for element in parsed(twiml.enqueue(AT, VOICE, DANA, 2, "sales"))] == ["Enqueue"]


def test_nobody_waits_longer_than_twenty_seconds_for_the_next_word() -> None:
    said, pause = parsed(twiml.stay(VOICE))
    assert (said.tag, pause.tag) == ("Say", "Pause") and int(pause.get("length", "0")) <= 20


def test_everyone_who_joins_a_room_brings_its_callback() -> None:
    [dial] = parsed(twiml.join(AT, DANA))
    [room] = dial
    assert (room.text, room.get("participantLabel"), room.get("endConferenceOnExit")) == (DANA, "customer", "true")
    assert room.get("statusCallback", "").startswith(f"https://crm.example.org/twilio/gr/conference/{DANA}#")
    assert room.get("statusCallbackEvent") == "start end join leave mute hold modify"


def test_a_message_is_asked_for_and_thanked_for() -> None:
    said, record = parsed(twiml.voicemail(AT, VOICE, DANA))
    assert said.text == VOICE.leave_message and record.get("maxLength") == "180"
    assert [element.tag for element in parsed(twiml.thank(VOICE))] == ["Say", "Hangup"]


def test_short_answers_say_one_thing() -> None:
    assert [element.tag for element in parsed(twiml.leave())] == ["Leave"]
    assert [element.tag for element in parsed(twiml.end())] == ["Hangup"]
    assert list(parsed(twiml.nothing())) == []
    assert parsed(twiml.hold(AT, VOICE, DANA))[-1].tag == "Redirect"


@given(st.text(max_size=1200))
def test_whatever_is_said_stays_xml_and_short(text: str) -> None:
    voice = Voice("en-US", text, text, text, text)
    for answer in (twiml.enqueue(AT, voice, DANA, 1, "sales"), twiml.stay(voice), twiml.thank(voice)):
        parsed(answer)
        assert len(answer.encode()) < 64_000
    assert len(twiml.speakable(text)) <= 1000


@pytest.mark.parametrize(
    ("waited", "somebody", "bridge", "decision"),
    [
        (10, True, True, Decision.STAY),
        (300, True, True, Decision.TOO_LONG),
        (10, False, True, Decision.NOBODY),
        (10, True, False, Decision.NO_BRIDGE),
    ],
)
def test_a_caller_waits_only_while_somebody_could_come(
    waited: int, somebody: bool, bridge: bool, decision: Decision
) -> None:
    longest = timedelta(seconds=300)
    assert twiml.patience(longest, timedelta(seconds=waited), somebody=somebody, bridge=bridge) is decision


def test_no_address_needs_an_escape_or_holds_a_number() -> None:
    for kind in Kind:
        path = AT.path(kind, DANA, 1, "sales")
        assert path.replace("/", "").replace("-", "").replace("_", "").isalnum()
    assert AT.leg(DANA, "sent-0a1b2c3d", "Client/alice").partition("#")[0].endswith("/sent-0a1b2c3d/Client~alice")
