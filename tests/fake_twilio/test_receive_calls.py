"""Somebody calls one of the numbers: what Twilio asks, tells and does."""

from __future__ import annotations

import pytest
from twilio.rest import Client

from telephony.fake.twilio import Doubts, FakeTwilio, FunctionTransport, HttpAnswer, NotModelled, truth
from telephony.fake.twilio.people import Script, answers, busy, by_hand, ignores, rejects
from telephony.fake.twilio.sound import wav
from tests.fake_twilio.conftest import ALICE, BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml, xml

QUEUE = twiml(f'<Say>Welcome</Say><Enqueue action="/exit" waitUrl="{HOST}/wait">q-support</Enqueue>')
MUSIC = twiml("<Say>Please wait</Say><Pause length='10'/>")
ROOM_EVENTS = "start end join leave mute hold modify announcement"
JOIN = twiml(
    '<Dial action="/joined"><Conference endConferenceOnExit="true" participantLabel="customer" statusCallback="/room" '
    f'statusCallbackEvent="{ROOM_EVENTS}">c-1</Conference></Dial>'
)


@pytest.fixture(autouse=True)
def _documents(product: Product) -> None:
    product.documents |= {
        "/voice": QUEUE,
        "/wait": MUSIC,
        "/exit": twiml("<Hangup/>"),
        "/join": JOIN,
        "/joined": twiml(),
    }


def test_alice_calls_waits_and_gets_an_agent(twilio: FakeTwilio, product: Product, client: Client) -> None:
    bob = twilio.people.at(BOB)
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(5)
    first = product.heard("/voice")[0]
    assert (first["CallStatus"], first["Direction"], first["From"], first["To"]) == ("ringing", "inbound", ALICE, OURS)
    assert product.heard("/wait")[0]["QueuePosition"] == "1"

    client.conferences("c-1").participants.create(
        to="client:agent_7?crm_call_id=42", from_=OURS, label="agent-7", timeout=15, beep="false",
        status_callback=f"{HOST}/leg", status_callback_event=["initiated", "ringing", "answered", "completed"],
        conference_status_callback=f"{HOST}/room", conference_status_callback_event=ROOM_EVENTS.split(),
    )  # fmt: skip
    twilio.clock.advance(5)
    assert product.words("/leg", "CallStatus") == ["initiated", "ringing", "in-progress"]
    assert product.words("/leg", "To") == [BOB] * 3
    assert bob.party.call.custom == {"crm_call_id": "42"}

    queue = client.queues.list()[0]
    client.queues(queue.sid).members(alice.call.sid).update(url=f"{HOST}/join")
    twilio.clock.advance(30)
    assert product.words("/exit", "QueueResult") == ["redirected"]
    bob.party.hang_up()
    assert alice.call.talked == {bob.party.call.sid: 30.0}
    twilio.clock.advance(2)
    assert client.calls(alice.call.sid).fetch().status == "in-progress"  # nobody is with her: dead air
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert [event["StatusCallbackEvent"] for event in product.heard("/room")] == [
        "participant-join", "conference-start", "participant-join", "participant-leave", "participant-leave",
        "conference-end",
    ]  # fmt: skip
    assert product.heard("/room")[3]["ReasonParticipantLeft"] == "participant_hung_up"
    assert product.heard("/room")[5]["ReasonConferenceEnded"] == "last-participant-left"
    last = product.heard("/number")[0]
    assert (last["CallStatus"], last["SequenceNumber"], last["CallbackSource"]) == (
        "completed", "0", "call-progress-events",
    )  # fmt: skip


def test_who_gives_up_in_the_queue_ends_as_a_completed_call(twilio: FakeTwilio, product: Product) -> None:
    alice = twilio.people.call(ALICE, OURS, by_hand().gives_up(41))
    twilio.clock.run_until_idle()
    assert product.words("/exit", "QueueResult") == ["hangup"]
    assert product.words("/exit", "CallStatus") == ["completed"]
    assert product.words("/number", "CallStatus") == ["completed"]  # not no-answer: the queue answered
    (told,) = truth(twilio)
    assert (told.sid, told.customer, told.lost, told.answered) == (alice.call.sid, ALICE, True, True)


def test_the_wait_document_is_asked_for_again_and_again_until_it_says_leave(
    twilio: FakeTwilio, product: Product
) -> None:
    waited: list[int] = []

    def wait(params: dict[str, str]) -> str:
        waited.append(int(params["QueueTime"]))
        return twiml("<Leave/>") if int(params["QueueTime"]) > 30 else MUSIC

    product.documents |= {"/wait": wait, "/exit": twiml('<Say>Speak</Say><Record action="/box" maxLength="60"/>')}
    alice = twilio.people.call(ALICE, OURS, by_hand().leaves_message(12))
    twilio.clock.run_until_idle()
    assert len(waited) >= 4 and waited == sorted(waited)
    assert product.words("/exit", "QueueResult") == ["leave"]
    box = product.heard("/box")[0]
    assert (box["Digits"], box["RecordingDuration"], box["CallStatus"]) == ("hangup", "12", "completed")
    assert alice.call.is_over


def test_of_a_wait_document_that_cannot_be_had_the_end_is_open(product: Product) -> None:
    for doubt in ("error", "silence"):
        twilio = FakeTwilio(FunctionTransport(product), doubts=Doubts(failed_wait=doubt))
        product.token = twilio.account.auth_token
        product.told.clear()
        twilio.buy(OURS, VoiceUrl=f"{HOST}/voice")
        product.documents["/wait"] = HttpAnswer(500)
        twilio.people.call(ALICE, OURS, by_hand().gives_up(30))
        twilio.clock.run_until_idle()
        assert product.words("/exit", "QueueResult") == ["error" if doubt == "error" else "hangup"]


def test_a_full_queue_turns_callers_away(twilio: FakeTwilio, product: Product, client: Client) -> None:
    client.queues.create(friendly_name="q-support", max_size=1)
    twilio.people.call(ALICE, OURS)
    twilio.people.call("+15005550102", OURS)
    twilio.clock.advance(10)
    assert product.words("/exit", "QueueResult") == ["queue-full"]
    assert "QueueTime" not in product.heard("/exit")[0]


def test_who_has_left_the_queue_can_be_brought_nowhere(twilio: FakeTwilio, client: Client) -> None:
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(5)
    queue = client.queues.list()[0]
    alice.hang_up()
    twilio.clock.advance(1)
    with pytest.raises(Exception, match=r"20404|not found"):
        client.queues(queue.sid).members(alice.call.sid).update(url=f"{HOST}/join")


def test_the_front_of_the_queue_can_be_asked_for(twilio: FakeTwilio, product: Product, client: Client) -> None:
    first = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(3)
    second = twilio.people.call("+15005550102", OURS)
    twilio.clock.advance(3)
    queue = client.queues.list()[0]
    assert (queue.current_size, [each.position for each in client.queues(queue.sid).members.list()]) == (2, [1, 2])
    assert client.queues(queue.sid).members("Front").update(url=f"{HOST}/join").call_sid == first.call.sid
    twilio.clock.advance(3)
    assert client.queues(queue.sid).members("Front").fetch().call_sid == second.call.sid


def test_an_agent_dials_the_queue(twilio: FakeTwilio, product: Product, client: Client) -> None:
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(10)
    bob = twilio.people.at(BOB)
    product.documents["/serve"] = twiml('<Dial action="/served"><Queue url="/whisper">q-support</Queue></Dial>')
    product.documents["/whisper"] = twiml("<Say>Here is somebody</Say>")
    product.documents["/served"] = twiml("<Hangup/>")
    client.calls.create(to=BOB, from_=OURS, url=f"{HOST}/serve")
    twilio.clock.advance(30)
    assert product.heard("/exit") == []  # while they talk nothing is told
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert product.words("/exit", "QueueResult") == ["bridged"]
    assert product.words("/served", "DialCallStatus") == ["completed"]
    assert bob.party.call.is_over and alice.call.talked.keys() == {bob.party.call.sid}


def test_hung_up_while_the_agent_is_announced(twilio: FakeTwilio, product: Product, client: Client) -> None:
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(10)
    bob = twilio.people.at(BOB, answers(1))
    product.documents["/serve"] = twiml('<Dial action="/served"><Queue url="/whisper">q-support</Queue></Dial>')
    product.documents |= {"/whisper": twiml('<Pause length="10"/>'), "/served": twiml("<Hangup/>")}
    client.calls.create(to=BOB, from_=OURS, url=f"{HOST}/serve")
    twilio.clock.advance(5)
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert product.words("/exit", "QueueResult") == ["bridging-in-process"]
    assert product.words("/served", "DialBridged") == ["false"] and bob.party.call.is_over


def test_taken_away_from_the_agent_who_served_the_queue(twilio: FakeTwilio, product: Product, client: Client) -> None:
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(10)
    bob = twilio.people.at(BOB, answers(1))
    product.documents["/serve"] = twiml('<Dial action="/served"><Queue>q-support</Queue></Dial>')
    product.documents |= {"/served": twiml("<Say>Next</Say>"), "/other": twiml("<Say>Elsewhere</Say>")}
    client.calls.create(to=BOB, from_=OURS, url=f"{HOST}/serve")
    twilio.clock.advance(20)
    client.calls(alice.call.sid).update(url=f"{HOST}/other")
    twilio.clock.run_until_idle()
    assert product.words("/exit", "QueueResult") == ["redirected-from-bridged"]
    assert alice.heard[-1] == "Elsewhere" and bob.party.heard == ["Next"]


@pytest.mark.parametrize("status", ["no-answer", "completed"])
def test_who_hangs_up_before_the_answer_is_told_of_by_the_number_alone(product: Product, status: str) -> None:
    twilio = FakeTwilio(FunctionTransport(product), doubts=Doubts(abandoned_early=status))
    product.token = twilio.account.auth_token
    twilio.buy(OURS, VoiceUrl=f"{HOST}/voice", StatusCallback=f"{HOST}/number")
    product.documents["/voice"] = twiml('<Pause length="20"/><Say>Late</Say>')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(4)
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert [(end["CallStatus"], end["CallDuration"]) for end in product.heard("/number")] == [(status, "0")]


def test_without_our_document_the_fallback_is_asked(twilio: FakeTwilio, product: Product) -> None:
    product.documents |= {"/voice": HttpAnswer(503), "/sorry": twiml("<Say>Sorry</Say><Record/>")}
    alice = twilio.people.call(ALICE, OURS, by_hand().leaves_message(7))
    twilio.clock.run_until_idle()
    fallback = product.heard("/sorry")[0]
    assert (fallback["ErrorCode"], fallback["ErrorUrl"]) == ("11200", f"{HOST}/voice")
    assert alice.heard == ["Sorry", "beep"]
    assert [alert.code for alert in twilio.alerts] == [11200]


@pytest.mark.parametrize(
    ("document", "code"),
    [("<Response><Say>Bad \x07</Say></Response>", "12100"), ("", "12100"), ("<Nothing/>", "12100")],
)
def test_a_document_that_is_none_makes_the_caller_hear_an_error(
    twilio: FakeTwilio, product: Product, document: str, code: str
) -> None:
    product.documents |= {"/voice": xml(document), "/sorry": twiml("<Say>Sorry</Say>")}
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert product.words("/sorry", "ErrorCode") == [code]


def test_a_document_of_another_kind_is_refused(twilio: FakeTwilio, product: Product) -> None:
    product.documents["/voice"] = HttpAnswer(200, b"{}", {"content-type": "application/json"})
    product.documents["/sorry"] = twiml("<Say>Sorry</Say>")
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert product.words("/sorry", "ErrorCode") == ["12300"]


def test_a_number_that_somebody_emptied_is_answered_without_us(
    twilio: FakeTwilio, product: Product, client: Client
) -> None:
    number = client.incoming_phone_numbers.list(phone_number=OURS)[0]
    client.incoming_phone_numbers(number.sid).update(voice_url="", status_callback="")
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert product.told == []
    assert client.calls.list(to=OURS)[0].sid == alice.call.sid


def test_a_menu(twilio: FakeTwilio, product: Product) -> None:
    product.documents["/voice"] = twiml('<Gather numDigits="1" action="/menu"><Say>One or two</Say></Gather><Hangup/>')
    product.documents["/menu"] = lambda params: twiml(f"<Say>You pressed {params['Digits']}</Say>")
    alice = twilio.people.call(ALICE, OURS, by_hand().replies_to_menus("2"))
    twilio.clock.run_until_idle()
    assert alice.heard == ["One or two", "You pressed 2"]
    silent = twilio.people.call("+15005550102", OURS)
    twilio.clock.run_until_idle()
    assert silent.heard == ["One or two"] and silent.call.is_over


def test_keys_until_the_hash_and_words(twilio: FakeTwilio, product: Product) -> None:
    product.documents["/voice"] = twiml('<Gather input="dtmf speech" action="/menu"><Say>Your number</Say></Gather>')
    product.documents["/menu"] = twiml("<Hangup/>")
    twilio.people.call(ALICE, OURS, by_hand().replies_to_menus("1234#"))
    twilio.clock.run_until_idle()
    twilio.people.call(ALICE, OURS, by_hand().replies_to_menus("billing, please"))
    twilio.clock.run_until_idle()
    assert product.words("/menu", "Digits") == ["1234", ""]
    assert product.words("/menu", "SpeechResult") == ["", "billing, please"]


def test_a_call_is_rejected_before_it_costs_anything(twilio: FakeTwilio, product: Product, client: Client) -> None:
    product.documents["/voice"] = twiml('<Reject reason="busy"/>')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    call = client.calls(alice.call.sid).fetch()
    assert (call.status, call.duration, call.price) == ("busy", "0", "0")


def test_a_call_is_redirected_within_its_document(twilio: FakeTwilio, product: Product) -> None:
    product.documents |= {"/voice": twiml("<Redirect>/next?step=2</Redirect>"), "/next": twiml("<Say>Two</Say>")}
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert alice.heard == ["Two"]


@pytest.mark.parametrize(
    ("nouns", "person", "told"),
    [
        ("<Number>+15005550199</Number>", busy(), ("busy", "false")),
        ("<Client>agent_7</Client>", rejects(), ("busy", "false")),
        ("<Sip>sip:bob@office.test</Sip>", ignores(), ("no-answer", "false")),
        ("<Client>agent_7</Client>", answers(2).hangs_up(10), ("completed", "true")),
    ],
)
def test_somebody_is_dialled(
    twilio: FakeTwilio, product: Product, nouns: str, person: Script, told: tuple[str, str]
) -> None:
    for address in ("+15005550199", BOB, "sip:bob@office.test"):
        twilio.people.at(address, person)
    product.documents |= {
        "/voice": twiml(f'<Dial action="/after" timeout="10" callerId="{OURS}">{nouns}</Dial>'),
        "/after": twiml("<Hangup/>"),
    }
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert [(each["DialCallStatus"], each["DialBridged"]) for each in product.heard("/after")] == [told]


def test_the_first_of_several_phones_gets_the_call_and_the_others_are_canceled(
    twilio: FakeTwilio, product: Product
) -> None:
    twilio.people.at(BOB, ignores())
    twilio.people.at("client:agent_8", answers(4).hangs_up(20))
    events = 'statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed"'
    product.documents["/voice"] = twiml(
        f"<Dial><Client {events}>agent_7</Client><Client {events}><Identity>agent_8</Identity>"
        '<Parameter name="crm" value="9"/></Client></Dial>'
    )
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(6)
    assert [leg.status for leg in alice.call.children] == ["canceled", "in-progress"]
    twilio.clock.run_until_idle()
    ends = {each["To"]: each["CallStatus"] for each in product.heard("/leg")}
    assert ends == {BOB: "canceled", "client:agent_8": "completed"}
    assert {each["ParentCallSid"] for each in product.heard("/leg")} == {alice.call.sid}
    assert twilio.people.at("client:agent_8").party.call.custom == {"crm": "9"}
    assert alice.call.is_over  # the document was at its end


def test_a_ring_lasts_five_seconds_longer_than_asked_for(twilio: FakeTwilio, product: Product) -> None:
    twilio.people.at(BOB, ignores())
    product.documents |= {"/voice": twiml('<Dial action="/after" timeout="10"><Client>agent_7</Client></Dial>')}
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(14.9)
    assert product.heard("/after") == []
    twilio.clock.advance(0.2)
    assert product.words("/after", "DialCallStatus") == ["no-answer"]


def test_answered_only_when_they_are_connected(twilio: FakeTwilio, product: Product) -> None:
    twilio.people.at(BOB, answers(6))
    product.documents["/voice"] = twiml('<Dial answerOnBridge="true"><Client>agent_7</Client></Dial>')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(5)
    assert alice.call.status == "ringing"
    twilio.clock.advance(5)
    assert alice.call.status == "in-progress"
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert twilio.people.at(BOB).party.call.is_over


def test_whispered_to_before_they_are_connected(twilio: FakeTwilio, product: Product) -> None:
    bob = twilio.people.at(BOB, answers(1))
    product.documents |= {
        "/voice": twiml('<Dial action="/after"><Client url="/whisper">agent_7</Client></Dial>'),
        "/whisper": twiml('<Gather numDigits="1" timeout="3"><Say>Press any key</Say></Gather><Hangup/>'),
    }
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert bob.party.heard == ["Press any key"]
    assert [(each["DialCallStatus"], each["DialBridged"]) for each in product.heard("/after")] == [
        ("no-answer", "false")
    ]


def test_one_day_there_is_a_parameter_that_nobody_announced(twilio: FakeTwilio, product: Product) -> None:
    twilio.webhooks.news = {"CallQuality": "excellent"}
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(1)
    assert product.words("/voice", "CallQuality") == ["excellent"] and product.refused == 0


@pytest.mark.parametrize("number", ["anonymous", "unknown", "+266696687", ""])
def test_who_calls_need_not_be_said(twilio: FakeTwilio, product: Product, number: str) -> None:
    twilio.people.call(number, OURS, stir="No-TN-Validation")
    twilio.clock.advance(1)
    assert product.words("/voice", "From") == [number]
    assert product.words("/voice", "StirVerstat") == ["No-TN-Validation"]


@pytest.mark.parametrize(
    "verbs",
    [
        "<Teleport/>",
        "<Connect><Stream url='wss://x.test'/></Connect>",
        '<Say loud="yes">Hello</Say>',
        '<Dial timeout="soon">+15005550199</Dial>',
        "<Dial><Conference>a</Conference><Number>+15005550199</Number></Dial>",
        "<Dial/>",
        "<Gather><Dial>+15005550199</Dial></Gather>",
        '<Dial><Conference statusCallbackEvent="start speaker">a</Conference></Dial>',
        "<Enqueue workflowSid='WW1'/>",
        "<Hangup>now</Hangup>",
        f"<Say>{'x' * 4097}</Say>",
        "<Play>ftp://x.test/a.mp3</Play>",
        "<Leave/>",
    ],
)
def test_documents_that_are_not_modelled(twilio: FakeTwilio, product: Product, verbs: str) -> None:
    product.documents["/voice"] = twiml(verbs)
    twilio.people.call(ALICE, OURS)
    with pytest.raises(NotModelled):
        twilio.clock.run_until_idle()


@pytest.mark.parametrize("verbs", ["<Dial>+15005550199</Dial>", "<Enqueue>q</Enqueue>", "<Record/>"])
def test_a_wait_document_may_not_say_everything(twilio: FakeTwilio, product: Product, verbs: str) -> None:
    product.documents["/wait"] = twiml(verbs)
    twilio.people.call(ALICE, OURS)
    with pytest.raises(NotModelled, match="waitUrl"):
        twilio.clock.run_until_idle()


def test_a_caller_id_that_is_not_ours_is_refused(twilio: FakeTwilio, product: Product) -> None:
    product.documents |= {"/voice": twiml('<Dial callerId="+15005550999">+15005550199</Dial>'), "/sorry": twiml()}
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert product.words("/sorry", "ErrorCode") == ["13214"]


def test_music_of_ours_is_fetched_and_as_long_as_it_is(twilio: FakeTwilio, product: Product) -> None:
    sound = HttpAnswer(200, wav([("voice", 3.0)], 1), {"content-type": "audio/wav"})
    product.documents |= {"/voice": twiml("<Play>/a.wav</Play><Play>/gone.wav</Play><Say>End</Say>"), "/a.wav": sound}
    product.documents["/gone.wav"] = HttpAnswer(404)
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(2.9)
    assert alice.heard == [f"{HOST}/a.wav"]
    twilio.clock.advance(0.2)
    assert alice.heard[-1] == "End"
    assert product.requests[1].method == "GET"


def test_nobody_calls_a_number_that_is_not_the_accounts(twilio: FakeTwilio) -> None:
    with pytest.raises(NotModelled, match=r"\+15005550999"):
        twilio.people.call(ALICE, "+15005550999")
