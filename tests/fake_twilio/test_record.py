"""What is recorded, when it can be had, and that it is a sound."""

from __future__ import annotations

import io
import wave

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from telephony.fake.twilio import Api, FakeTwilio, InProcessAdapter, NotModelled
from telephony.fake.twilio.people import Party, answers, by_hand
from tests.fake_twilio.conftest import ALICE, BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml


@pytest.fixture
def alice(twilio: FakeTwilio, product: Product) -> Party:
    """In a call that does nothing."""
    product.documents["/voice"] = twiml('<Pause length="1"/><Say>Yes</Say><Pause length="300"/>')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(3)
    return alice


def start(client: Client, alice: Party, **more: object) -> str:
    sid: str = client.calls(alice.call.sid).recordings.create(
        recording_status_callback=f"{HOST}/recording", recording_status_callback_event=["in-progress", "completed", "absent"],
        **more,  # type: ignore[arg-type]
    ).sid  # fmt: skip
    return sid


def fetch(api: Api, sid: str, **more: str) -> requests.Response:
    """As a careful product does: by the sid, with its key, and elsewhere without it."""
    session = requests.Session()
    for host in ("https://api.twilio.com", api.media_base):
        session.mount(host, InProcessAdapter(api))
    account = api.twilio.account
    first = session.get(
        f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}/Recordings/{sid}.wav",
        auth=(account.key_sid, account.key_secret), allow_redirects=False, params=more,
    )  # fmt: skip
    return session.get(first.headers["Location"]) if first.status_code == 307 else first


def test_two_channels_with_a_silence_in_them(
    twilio: FakeTwilio, product: Product, api: Api, client: Client, alice: Party
) -> None:
    sid = start(client, alice, recording_channels="dual")
    twilio.clock.advance(10)
    client.calls(alice.call.sid).recordings("Twilio.CURRENT").update(status="paused")
    twilio.clock.advance(5)
    client.calls(alice.call.sid).recordings("Twilio.CURRENT").update(status="in-progress")
    twilio.clock.advance(5)
    alice.hang_up()
    twilio.clock.run_until_idle()
    with wave.open(io.BytesIO(fetch(api, sid).content)) as sound:
        assert (sound.getnchannels(), sound.getnframes() / sound.getframerate()) == (2, 20.0)
        sound.setpos(12 * sound.getframerate())
        assert not any(sound.readframes(100))
    with wave.open(io.BytesIO(fetch(api, sid, RequestedChannels="1").content)) as sound:
        assert sound.getnchannels() == 1


def test_a_pause_that_is_left_out(twilio: FakeTwilio, product: Product, client: Client, alice: Party) -> None:
    sid = start(client, alice)
    twilio.clock.advance(10)
    client.calls(alice.call.sid).recordings(sid).update(status="paused", pause_behavior="skip")
    twilio.clock.advance(60)
    client.calls(alice.call.sid).recordings(sid).update(status="stopped")
    twilio.clock.advance(5)
    assert client.recordings(sid).fetch().duration == "10"
    assert product.words("/recording", "RecordingStatus") == ["in-progress", "completed"]


def test_there_is_nothing_to_fetch_before_it_is_ready(
    twilio: FakeTwilio, api: Api, client: Client, alice: Party
) -> None:
    sid = start(client, alice)
    twilio.clock.advance(10)
    assert fetch(api, sid).status_code == 404
    alice.hang_up()
    assert client.recordings(sid).fetch().status == "processing"
    twilio.clock.advance(5)
    assert fetch(api, sid).status_code == 200


def test_the_key_is_not_shown_to_whoever_keeps_the_files(
    twilio: FakeTwilio, api: Api, client: Client, alice: Party
) -> None:
    sid = start(client, alice)
    twilio.clock.advance(10)
    alice.hang_up()
    twilio.clock.advance(5)
    session = requests.Session()
    session.mount("https://", InProcessAdapter(api))
    account = twilio.account
    address = f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}/Recordings/{sid}"
    where = session.get(address, auth=(account.key_sid, account.key_secret), allow_redirects=False).headers["Location"]
    assert session.get(where, auth=(account.key_sid, account.key_secret)).status_code == 400
    assert session.get(where).status_code == 200
    assert session.get(address).status_code == 401


def test_what_was_too_short_is_absent(twilio: FakeTwilio, product: Product, client: Client, alice: Party) -> None:
    sid = start(client, alice)
    twilio.clock.advance(0.4)
    alice.hang_up()
    twilio.clock.advance(5)
    assert (product.words("/recording", "RecordingStatus")[-1], product.words("/recording", "ErrorCode")[-1]) == (
        "absent", "16101",
    )  # fmt: skip
    assert client.recordings(sid).fetch().status == "absent"


def test_a_silent_voicemail_is_none_and_the_document_goes_on(twilio: FakeTwilio, product: Product) -> None:
    product.documents["/voice"] = twiml(
        '<Record action="/box" timeout="5" recordingStatusCallback="/recording" '
        'recordingStatusCallbackEvent="completed absent"/><Say>Nothing heard</Say>'
    )
    alice = twilio.people.call(ALICE, OURS, by_hand())
    twilio.clock.run_until_idle()
    assert product.heard("/box") == []
    assert product.words("/recording", "RecordingStatus") == ["absent"]
    assert alice.heard[-1] == "Nothing heard"


def test_a_message_that_ends_with_a_key(twilio: FakeTwilio, product: Product) -> None:
    product.documents |= {
        "/voice": twiml('<Record action="/box" finishOnKey="#"/>'),
        "/box": twiml("<Say>Thanks</Say>"),
    }
    alice = twilio.people.call(ALICE, OURS, by_hand().leaves_message(9, key="#"))
    twilio.clock.run_until_idle()
    told = product.heard("/box")[0]
    assert (told["Digits"], told["RecordingDuration"], told["CallStatus"]) == ("#", "9", "in-progress")
    assert alice.heard[-1] == "Thanks"


def test_two_sources_are_two_recordings(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.at(BOB, answers(1))
    product.documents["/voice"] = twiml(
        '<Start><Recording channels="dual"/></Start><Dial record="record-from-answer-dual"><Client>agent_7</Client></Dial>'
    )
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(20)
    alice.hang_up()
    twilio.clock.run_until_idle()
    sources = {each.source for each in client.recordings.list(call_sid=alice.call.sid)}
    assert sources == {"DialVerb", "StartCallRecordingTwiML"}


def test_deleted_is_gone(twilio: FakeTwilio, client: Client, alice: Party) -> None:
    sid = start(client, alice)
    twilio.clock.advance(5)
    alice.hang_up()
    twilio.clock.advance(5)
    client.recordings(sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.recordings(sid).fetch()
    assert gone.value.status == 404


def test_a_call_that_is_over_cannot_be_recorded(twilio: FakeTwilio, client: Client, alice: Party) -> None:
    alice.hang_up()
    with pytest.raises(TwilioRestException) as refused:
        start(client, alice)
    assert refused.value.code == 21220


def test_other_formats_are_not_modelled(twilio: FakeTwilio, api: Api, client: Client, alice: Party) -> None:
    sid = start(client, alice)
    account = twilio.account
    session = requests.Session()
    session.mount("https://", InProcessAdapter(api))
    with pytest.raises(NotModelled, match="mp3"):
        session.get(
            f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}/Recordings/{sid}.mp3",
            auth=(account.key_sid, account.key_secret),
        )
