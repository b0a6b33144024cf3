"""A conversation is a room: who hears whom, what is told of it, and its traps."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from telephony.fake.twilio import Api, Doubts, FakeTwilio, FunctionTransport, client_of
from telephony.fake.twilio.people import Party, answers, busy, ignores
from tests.fake_twilio.conftest import ALICE, BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml

EVENTS = "start end join leave mute hold modify announcement"
CHARLIE, DORA = "client:agent_8", "+15005550108"


def room(verbs: str = "", callback: bool = True) -> str:
    told = f'statusCallback="/room" statusCallbackEvent="{EVENTS}"' if callback else ""
    return twiml(f'<Dial action="/left"><Conference {told} {verbs}>c-1</Conference></Dial>')


def invite(client: Client, to: str, **more: object) -> str:
    asked: dict[str, object] = {
        "to": to, "from_": OURS, "conference_status_callback": f"{HOST}/room",
        "conference_status_callback_event": EVENTS.split(),
    }  # fmt: skip
    sid: str = client.conferences("c-1").participants.create(**asked | more).call_sid  # type: ignore[arg-type]
    return sid


def told(product: Product) -> list[str]:
    return product.words("/room", "StatusCallbackEvent")


@pytest.fixture
def alice(twilio: FakeTwilio, product: Product) -> Party:
    """In the room, alone."""
    product.documents |= {"/voice": room('endConferenceOnExit="true" participantLabel="customer"'), "/left": twiml()}
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(3)
    return alice


@pytest.fixture
def bob(twilio: FakeTwilio, client: Client, alice: Party) -> Party:
    """With her."""
    person = twilio.people.at(BOB, answers(2))
    invite(client, BOB, label="bob")
    twilio.clock.advance(5)
    return person.party


def test_the_conference_begins_with_the_second_one(
    twilio: FakeTwilio, product: Product, client: Client, bob: Party
) -> None:
    assert told(product) == ["participant-join", "conference-start", "participant-join"]
    assert product.words("/room", "SequenceNumber") == ["1", "2", "3"]
    found = client.conferences.list(friendly_name="c-1", status="in-progress")[0]
    assert {each.label for each in client.conferences(found.sid).participants.list()} == {"customer", "bob"}


def test_only_the_first_ones_callback_counts(twilio: FakeTwilio, product: Product, client: Client) -> None:
    product.documents["/voice"] = room(callback=False)
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(3)
    twilio.people.at(BOB, answers(1))
    invite(client, BOB)
    twilio.clock.advance(10)
    product.documents["/voice"] = room()
    twilio.people.call("+15005550102", OURS)
    twilio.clock.advance(3)
    found = client.conferences.list(status="in-progress")[0]
    assert len(client.conferences(found.sid).participants.list()) == 3
    assert told(product) == []


def test_with_the_customer_the_room_is_closed(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party
) -> None:
    twilio.clock.advance(20)
    alice.hang_up()
    twilio.clock.advance(1)
    leaves = [each for each in product.heard("/room") if each["StatusCallbackEvent"] == "participant-leave"]
    assert [each["ReasonParticipantLeft"] for each in leaves] == ["participant_hung_up", "moderator_ended_conference"]
    end = product.heard("/room")[-1]
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == alice.call.sid
    assert bob.call.status == "completed"
    assert product.words("/left", "DialCallStatus") == ["answered"]  # asked though she has gone


def test_when_the_agent_goes_the_customer_stays_alone(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party
) -> None:
    bob.hang_up()
    twilio.clock.advance(60)
    assert alice.call.status == "in-progress"
    assert told(product)[-1] == "participant-leave"
    client.calls(alice.call.sid).update(url=f"{HOST}/again")
    twilio.clock.advance(1)
    leave = next(each for each in product.heard("/room") if each.get("ReasonConferenceEnded"))
    assert leave["ReasonConferenceEnded"] == "last-participant-left"
    assert product.heard("/room")[-2]["ReasonParticipantLeft"] == "participant_updated_via_api"


def test_who_is_held_hears_music_and_nobody(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party
) -> None:
    product.documents["/music"] = twiml("<Say>One moment</Say><Pause length='5'/>")
    twilio.clock.advance(10)
    client.conferences("c-1").participants("customer").update(hold=True, hold_url=f"{HOST}/music", hold_method="POST")
    twilio.clock.advance(12)
    assert alice.heard.count("One moment") == 3
    client.conferences("c-1").participants(alice.call.sid).update(hold=False)
    twilio.clock.advance(8)
    bob.hang_up()
    assert alice.call.talked == {bob.call.sid: pytest.approx(20.5)}
    assert told(product)[3:5] == ["participant-hold", "participant-unhold"]
    assert [each["Hold"] for each in product.heard("/room")[3:5]] == ["true", "false"]


def test_muted_and_not_any_more(twilio: FakeTwilio, product: Product, client: Client, bob: Party) -> None:
    for muted in (True, True, False):
        client.conferences("c-1").participants("bob").update(muted=muted)
    twilio.clock.advance(1)
    assert told(product)[3:] == ["participant-mute", "participant-unmute"]


def test_a_supervisor_listens_whispers_and_comes_in(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party
) -> None:
    boss = twilio.people.at(CHARLIE, answers(1))
    sid = invite(client, CHARLIE, label="sup-2", muted=True)
    twilio.clock.advance(5)
    assert product.heard("/room")[-1]["Muted"] == "true" and boss.party.call.talked == {}
    participant = client.conferences("c-1").participants(sid)
    participant.update(coaching=True, call_sid_to_coach=bob.call.sid, muted=False)
    twilio.clock.advance(5)
    participant.update(coaching=False)
    twilio.clock.advance(5)
    boss.party.hang_up()
    twilio.clock.advance(1)
    assert told(product)[4:] == ["participant-modify", "participant-unmute", "participant-modify", "participant-leave"]
    assert boss.party.call.talked == {bob.call.sid: 10.0, alice.call.sid: 5.0}


def test_who_is_not_there_cannot_be_coached(twilio: FakeTwilio, client: Client, bob: Party) -> None:
    with pytest.raises(TwilioRestException) as refused:
        invite(client, CHARLIE, coaching=True, call_sid_to_coach="CA" + "0" * 32)
    assert refused.value.code == 16028


@pytest.mark.parametrize(
    ("label", "code"), [("x" * 129, 16023), ("CA" + "0" * 32, 16023), ("a/b", 16023), ("bob", 16025)]
)
def test_labels_that_cannot_be(client: Client, bob: Party, label: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        invite(client, CHARLIE, label=label)
    assert refused.value.code == code


def test_a_document_with_a_label_that_is_taken_goes_on(twilio: FakeTwilio, product: Product, alice: Party) -> None:
    product.documents["/voice"] = room('participantLabel="customer"').replace("</Dial>", "</Dial><Say>Taken</Say>")
    other = twilio.people.call("+15005550102", OURS)
    twilio.clock.run_while(lambda: not other.call.is_over)
    assert other.heard == ["Taken"]
    assert [alert.code for alert in twilio.alerts] == [16025]


def test_a_conference_can_be_full(twilio: FakeTwilio, client: Client, product: Product) -> None:
    product.documents["/voice"] = room('maxParticipants="2"')
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(1)
    twilio.people.at(BOB, answers(1))
    invite(client, BOB)
    with pytest.raises(TwilioRestException) as refused:
        invite(client, CHARLIE)
    assert refused.value.code == 16020


def test_nobody_is_held_before_the_conference_runs(twilio: FakeTwilio, client: Client, alice: Party) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.conferences("c-1").participants(alice.call.sid).update(hold=True)
    assert refused.value.code == 16099


@pytest.mark.parametrize("reason", ["participant_updated_via_api", "participant_hung_up"])
def test_sent_on_to_a_colleague(product: Product, reason: str) -> None:
    twilio = FakeTwilio(FunctionTransport(product), doubts=Doubts(removed_reason=reason), calls_per_second=10)
    client = client_of(Api(twilio))
    product.token = twilio.account.auth_token
    twilio.buy(OURS, VoiceUrl=f"{HOST}/voice")
    product.documents["/voice"] = room('endConferenceOnExit="true"')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(1)
    bob, charlie = twilio.people.at(BOB, answers(1)), twilio.people.at(CHARLIE, answers(1))
    invite(client, BOB)
    twilio.clock.advance(10)
    invite(client, CHARLIE)
    twilio.clock.advance(3)
    assert client.conferences("c-1").participants(bob.party.call.sid).delete()
    twilio.clock.advance(10)
    assert (bob.party.call.status, charlie.party.call.status, alice.call.status) == (
        "completed", "in-progress", "in-progress",
    )  # fmt: skip
    assert product.heard("/room")[-1]["ReasonParticipantLeft"] == reason


def test_asking_a_colleague_first(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party
) -> None:
    here = client.conferences("c-1").participants
    here(alice.call.sid).update(hold=True)
    twilio.people.at(DORA, answers(1))
    twilio.people.at(DORA)
    invite(client, DORA, label="dora")
    twilio.clock.advance(10)
    dora = twilio.people.at(DORA).party
    here(alice.call.sid).update(hold=False)
    here("bob").delete()
    twilio.clock.advance(10)
    alice.hang_up()
    assert dora.call.sid in alice.call.talked and dora.call.sid in bob.call.talked
    assert told(product)[3:7] == ["participant-hold", "participant-join", "participant-unhold", "participant-leave"]


@pytest.mark.parametrize("leaves", [True, False])
def test_who_does_not_answer_never_joins(product: Product, leaves: bool) -> None:
    twilio = FakeTwilio(FunctionTransport(product), doubts=Doubts(failed_add_leaves=leaves))
    client = client_of(Api(twilio))
    product.token = twilio.account.auth_token
    twilio.buy(OURS)
    twilio.people.at(BOB, busy())
    invite(client, BOB)
    twilio.clock.run_until_idle()
    assert told(product) == (["participant-leave"] if leaves else []) + ["conference-end"]
    if leaves:
        first = product.heard("/room")[0]
        assert (first["ReasonParticipantLeft"], first["ParticipantCallStatus"]) == ("participant_add_failed", "busy")


def test_a_ringing_leg_is_taken_back(twilio: FakeTwilio, client: Client, alice: Party) -> None:
    twilio.people.at(BOB, ignores())
    sid = invite(client, BOB)
    twilio.clock.advance(3)
    client.conferences("c-1").participants(sid).delete()
    assert client.calls(sid).fetch().status == "canceled"


def test_of_an_ended_conference_nobody_is_listed(twilio: FakeTwilio, client: Client, alice: Party, bob: Party) -> None:
    found = client.conferences.list(status="in-progress")[0]
    client.conferences(found.sid).update(status="completed")
    twilio.clock.advance(1)
    ended = client.conferences(found.sid).fetch()
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    assert client.conferences(found.sid).participants.list() == []
    with pytest.raises(TwilioRestException) as gone:
        client.conferences(found.sid).participants(alice.call.sid).fetch()
    assert gone.value.code == 20404


def test_the_same_name_again_is_another_conference(twilio: FakeTwilio, client: Client, alice: Party) -> None:
    alice.hang_up()
    twilio.clock.advance(5)
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(5)
    assert [each.status for each in client.conferences.list(friendly_name="c-1")] == ["init", "completed"]


def test_something_is_announced(twilio: FakeTwilio, product: Product, client: Client, alice: Party, bob: Party) -> None:
    product.documents["/news"] = twiml("<Say>The lines are closing</Say>")
    client.conferences("c-1").participants(alice.call.sid).update(announce_url=f"{HOST}/news")
    client.conferences("c-1").participants(alice.call.sid).update(announce_url=f"{HOST}/nothing")
    twilio.clock.advance(10)
    assert "The lines are closing" in alice.heard
    assert set(told(product)[3:]) == {"announcement-end"}


def test_an_agent_is_rung_first_and_then_the_customer(twilio: FakeTwilio, product: Product, client: Client) -> None:
    bob, dora = twilio.people.at(BOB, answers(1)), twilio.people.at(DORA, answers(4).hangs_up(20))

    def leg(params: dict[str, str]) -> str:
        if (params["To"], params["CallStatus"]) == (BOB, "in-progress"):
            invite(client, DORA, label="customer", end_conference_on_exit=True, status_callback=f"{HOST}/customer")
        return ""

    product.documents["/leg"] = leg
    invite(client, BOB, label="bob", status_callback=f"{HOST}/leg", status_callback_event=["answered", "completed"])
    twilio.clock.run_until_idle()
    assert product.words("/customer", "CallStatus") == ["completed"]
    assert product.words("/leg", "CallStatus") == ["in-progress", "completed"]
    assert bob.party.call.talked == {dora.party.call.sid: 20.0}
    assert product.heard("/room")[-1]["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"


def test_a_page_that_is_closed_while_it_rings_rings_on(
    twilio: FakeTwilio, product: Product, client: Client, alice: Party
) -> None:
    twilio.people.at(BOB, ignores())
    sid = invite(client, BOB, timeout=15, status_callback=f"{HOST}/leg")
    twilio.clock.advance(2)
    twilio.people.leaves(BOB)
    twilio.clock.advance(17)
    assert client.calls(sid).fetch().status == "ringing"
    twilio.clock.advance(2)
    assert product.words("/leg", "CallStatus") == ["no-answer"]


def test_of_a_room_one_channel_is_recorded(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.at(BOB, answers(1))
    product.documents["/voice"] = room('record="record-from-start" recordingStatusCallback="/recording"')
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.advance(3)
    invite(client, BOB)
    twilio.clock.advance(10)
    conference = client.conferences.list(status="in-progress")[0]
    client.conferences(conference.sid).recordings("Twilio.CURRENT").update(status="paused", pause_behavior="skip")
    twilio.clock.advance(10)
    alice.hang_up()
    twilio.people.at(BOB).party.hang_up()
    twilio.clock.run_until_idle()
    told = product.heard("/recording")[0]
    assert (told["RecordingSource"], told["RecordingChannels"], told["RecordingDuration"]) == ("Conference", "1", "8")
    assert told["ConferenceSid"] == conference.sid
    assert len(client.conferences(conference.sid).recordings.list()) == 1


def test_of_a_leg_two(twilio: FakeTwilio, product: Product, client: Client, alice: Party) -> None:
    twilio.people.at(BOB, answers(1))
    invite(
        client, BOB, record=True, recording_channels="dual", recording_status_callback=f"{HOST}/recording",
        recording_status_callback_event=["in-progress", "completed"],
    )  # fmt: skip
    twilio.clock.advance(30)
    alice.hang_up()
    twilio.clock.run_until_idle()
    assert product.words("/recording", "RecordingStatus") == ["in-progress", "completed"]
    told = product.heard("/recording")[-1]
    assert (told["RecordingSource"], told["RecordingChannels"], told["RecordingDuration"]) == ("OutboundAPI", "2", "28")
