"""The same in real time, by HTTP on loopback, with the official library as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from twilio.rest import Client

from telephony.fake.twilio import Chaos, NotModelled, TwilioServer, client_at
from telephony.fake.twilio.people import answers
from tests.fake_twilio.conftest import ALICE, BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml

EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
def server(served: tuple[Product, str]) -> Iterator[TwilioServer]:
    product, address = served
    with TwilioServer(public={HOST: address}, calls_per_second=100) as server:
        product.token = server.twilio.account.auth_token
        with server.lock:
            server.twilio.buy(OURS, VoiceUrl=f"{HOST}/voice", StatusCallback=f"{HOST}/number")
        yield server


@pytest.fixture
def client(server: TwilioServer) -> Client:
    account = server.twilio.account
    return client_at(server.base_url, account.key_sid, account.key_secret, account.sid)


def test_a_call_in_and_a_call_out_meet(server: TwilioServer, served: tuple[Product, str], client: Client) -> None:
    product, _ = served
    product.documents |= {
        "/voice": twiml('<Enqueue action="/exit" waitUrl="/wait">q</Enqueue>'),
        "/wait": twiml('<Pause length="5"/>'),
        "/join": twiml('<Dial><Conference endConferenceOnExit="true">c-1</Conference></Dial>'),
        "/exit": twiml(),
    }
    with server.lock:
        bob = server.twilio.people.at(BOB, answers(0.1))
        alice = server.twilio.people.call(ALICE, OURS)
    server.wait_for(lambda: product.heard("/wait"))
    client.conferences("c-1").participants.create(
        to=BOB, from_=OURS, record=True, status_callback=f"{HOST}/leg", status_callback_event=EVENTS
    )
    server.wait_for(lambda: "in-progress" in product.words("/leg", "CallStatus"))
    client.queues(client.queues.list()[0].sid).members("Front").update(url=f"{HOST}/join")
    server.wait_for(lambda: bob.party.connected)
    server.wait_for(lambda: server.twilio.clock.now > (bob.party.call.answered or 0) + 1.2)
    with server.lock:
        alice.hang_up()
    server.wait_for(lambda: product.heard("/number"))
    assert product.refused == 0 and server.errors == []
    assert product.words("/exit", "QueueResult") == ["redirected"]
    recording = client.recordings.list()[0]
    server.wait_for(lambda: server.twilio.recordings.get(str(recording.sid)).status == "completed")
    account = server.twilio.account
    address = f"{server.base_url}/2010-04-01/Accounts/{account.sid}/Recordings/{recording.sid}.wav"
    where = requests.get(address, auth=(account.key_sid, account.key_secret), allow_redirects=False, timeout=5)
    assert requests.get(where.headers["Location"], timeout=5).content.startswith(b"RIFF")


def test_the_library_reads_all_pages(server: TwilioServer, client: Client) -> None:
    with server.lock:
        for i in range(5):
            server.twilio.application(f"app {i}")
    assert len(client.applications.list(page_size=2)) == 5


def test_what_is_not_modelled_is_said_and_kept(server: TwilioServer, client: Client) -> None:
    with pytest.raises(Exception, match="not modelled"):
        client.calls.create(to=ALICE, from_=OURS, url=f"{HOST}/voice", call_reason="Because")
    assert [type(error) for error in server.errors] == [NotModelled]


def test_a_document_that_is_not_modelled_breaks_its_own_call_only(
    server: TwilioServer, served: tuple[Product, str], client: Client
) -> None:
    product, _ = served
    product.documents["/voice"] = twiml("<Teleport/>")
    with server.lock:
        server.twilio.people.call(ALICE, OURS)
    server.wait_for(lambda: server.errors)
    assert "Teleport" in str(server.errors[0])
    assert client.applications.list() == []


def test_an_answer_can_get_lost_on_the_wire(server: TwilioServer, client: Client) -> None:
    from random import Random

    with server.lock:
        server.twilio.trouble = Chaos(Random(1), api_no_answer=1.0)
    with pytest.raises(requests.RequestException):
        client.calls.create(to=ALICE, from_=OURS, url=f"{HOST}/voice")
    with server.lock:
        assert len(server.twilio.calls.all) == 1
