"""The product calls somebody, by the API."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from telephony.fake.twilio import Doubts, FakeTwilio, FunctionTransport
from telephony.fake.twilio.people import Script, answers, busy, by_hand, ignores, machine, rejects, unreachable
from tests.fake_twilio.conftest import ALICE, BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml

EVENTS = ["initiated", "ringing", "answered", "completed"]


def call(client: Client, **more: object) -> str:
    asked = {"to": ALICE, "from_": OURS, "url": f"{HOST}/voice", "status_callback": f"{HOST}/leg"} | more
    sid: str = client.calls.create(**{"status_callback_event": EVENTS} | asked).sid  # type: ignore[arg-type]
    return sid


@pytest.mark.parametrize(
    ("person", "told", "code"),
    [
        (answers(3).hangs_up(20), ["initiated", "ringing", "in-progress", "completed"], "200"),
        (busy(), ["initiated", "busy"], "486"),
        (rejects(), ["initiated", "ringing", "busy"], "603"),
        (ignores(), ["initiated", "ringing", "no-answer"], "487"),
        (unreachable(), ["initiated", "failed"], "404"),
    ],
)
def test_each_end_of_a_leg(
    twilio: FakeTwilio, product: Product, client: Client, person: Script, told: list[str], code: str
) -> None:
    twilio.people.at(ALICE, person)
    product.documents["/voice"] = twiml('<Pause length="60"/>')
    sid = call(client)
    twilio.clock.run_until_idle()
    assert product.words("/leg", "CallStatus") == told
    assert product.words("/leg", "SequenceNumber") == [str(i) for i in range(len(told))]
    assert product.heard("/leg")[-1]["SipResponseCode"] == code
    assert client.calls(sid).fetch().status == told[-1]


def test_numbers_count_what_was_sent_and_not_what_happened(
    twilio: FakeTwilio, product: Product, client: Client
) -> None:
    twilio.people.at(ALICE, answers().hangs_up(5))
    product.documents["/voice"] = twiml('<Pause length="60"/>')
    call(client, status_callback_event=["completed"])
    twilio.clock.run_until_idle()
    assert product.words("/leg", "SequenceNumber") == ["0"]


def test_so_many_calls_a_second_and_the_others_wait(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.account.calls_per_second = 1
    twilio.people.at(ALICE, answers())
    product.documents["/voice"] = twiml('<Pause length="60"/>')
    sids = [call(client) for _ in range(4)]
    twilio.clock.advance(1.5)
    waiting = client.calls.list(status="queued")
    assert {each.sid for each in waiting} == set(sids[2:])
    assert [each.start_time for each in waiting] == [None, None]  # never dialled yet: no filter by time finds them
    assert {each.sid for each in client.calls.list(start_time_after="2026-11-23")} == set(sids[:2])
    client.calls(sids[3]).update(status="canceled")
    twilio.clock.advance(10)
    assert client.calls(sids[3]).fetch().status == "canceled"
    assert twilio.people.at(ALICE).parties[-1].call.sid == sids[2]


def test_more_calls_than_can_ever_be_made_are_refused(twilio: FakeTwilio, client: Client) -> None:
    twilio.account.calls_per_second, twilio.account.longest_queue = 1, 3
    twilio.people.at(ALICE, answers())
    for _ in range(2):
        call(client)
    with pytest.raises(TwilioRestException) as refused:
        for _ in range(5):
            twilio.clock.advance(0.1)
            call(client)
    assert (refused.value.status, refused.value.code) == (429, 20429)


def test_a_machine_answers(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.at(ALICE, machine(greeting=4))
    product.documents["/voice"] = lambda params: twiml(f"<Say>{params['AnsweredBy']}</Say>")
    call(client, machine_detection="Enable")
    twilio.clock.run_until_idle()
    assert twilio.people.at(ALICE).party.heard == ["machine_start"]


def test_a_machine_is_found_out_in_the_background(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.at(ALICE, machine(greeting=4))
    product.documents["/voice"] = twiml('<Pause length="20"/>')
    call(client, machine_detection="DetectMessageEnd", async_amd="true", async_amd_status_callback=f"{HOST}/amd")
    twilio.clock.run_until_idle()
    told = product.heard("/amd")[0]
    assert (told["AnsweredBy"], told["MachineDetectionDuration"]) == ("machine_end_beep", "4000")


def test_a_running_call_gets_another_document_and_one_that_rings_does_not(
    twilio: FakeTwilio, product: Product, client: Client
) -> None:
    twilio.people.at(ALICE, answers(5))
    product.documents |= {"/voice": twiml('<Pause length="60"/>'), "/other": twiml("<Say>Other</Say>")}
    sid = call(client)
    twilio.clock.advance(2)
    with pytest.raises(TwilioRestException) as refused:
        client.calls(sid).update(url=f"{HOST}/other")
    assert refused.value.code == 21220
    twilio.clock.advance(10)
    client.calls(sid).update(twiml="<Response><Say>Inline</Say><Redirect>https://crm.test/other</Redirect></Response>")
    twilio.clock.run_until_idle()
    assert twilio.people.at(ALICE).party.heard == ["Inline", "Other"]
    with pytest.raises(TwilioRestException) as over:
        client.calls(sid).update(status="completed")
    assert over.value.code == 21220


def test_what_rings_is_canceled_and_what_talks_is_completed(
    twilio: FakeTwilio, product: Product, client: Client
) -> None:
    twilio.people.at(ALICE, by_hand())
    product.documents["/voice"] = twiml('<Pause length="60"/>')
    ringing, talking = call(client), call(client)
    twilio.clock.advance(3)
    twilio.people.at(ALICE).parties[1].answer()
    twilio.clock.advance(3)
    client.calls(talking).update(status="canceled")
    assert client.calls(talking).fetch().status == "in-progress"
    for sid in (ringing, talking):
        client.calls(sid).update(status="completed")
    assert [client.calls(sid).fetch().status for sid in (ringing, talking)] == ["canceled", "completed"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"to": "12"}, 21211),
        ({"to": "+1 500 555"}, 21211),
        ({"from_": "+15005550999"}, 21210),
        ({"from_": "agent"}, 21212),
        ({"url": "/relative"}, 21205),
        ({"url": "https://un_der.test/x"}, 21205),
        ({"status_callback": "nowhere"}, 21609),
    ],
)
def test_what_is_refused(client: Client, asked: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        call(client, **asked)
    assert (refused.value.status, refused.value.code) == (400, code)


@pytest.mark.parametrize("status", ["no-answer", "failed"])
def test_a_browser_that_is_not_there(product: Product, status: str) -> None:
    from telephony.fake.twilio import Api, client_of

    twilio = FakeTwilio(FunctionTransport(product), doubts=Doubts(unregistered_client=status))
    product.token = twilio.account.auth_token
    twilio.buy(OURS)
    call(client_of(Api(twilio)), to=BOB)
    twilio.clock.advance(3)  # at once, not after a minute of ringing
    assert product.words("/leg", "CallStatus") == ["initiated", status]


def test_a_price_comes_later(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.at(ALICE, answers(1).hangs_up(61))
    product.documents["/voice"] = twiml('<Pause length="90"/>')
    sid = call(client)
    twilio.clock.advance(70)
    assert client.calls(sid).fetch().price is None
    twilio.clock.run_until_idle()
    found = client.calls(sid).fetch()
    assert (found.price, found.price_unit, found.duration) == ("-0.02800", "USD", "61")
    usage = client.usage.records.today.list(category="calls-outbound")[0]
    assert (usage.count, usage.usage, float(usage.price)) == ("1", "2", 0.028)
    assert float(client.balance.fetch().balance) == pytest.approx(99.972)
