"""Texts by SMS and WhatsApp, in and out."""

from __future__ import annotations

import json

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from telephony.fake.twilio import Api, FakeTwilio, InProcessAdapter
from telephony.fake.twilio.messages import Inbox
from tests.fake_twilio.conftest import ALICE, OURS
from tests.fake_twilio.product import HOST, Product, twiml

WHATSAPP_ALICE, WHATSAPP_OURS = f"whatsapp:{ALICE}", f"whatsapp:{OURS}"


def write(client: Client, **more: object) -> str:
    asked = {"to": ALICE, "from_": OURS, "body": "Good day", "status_callback": f"{HOST}/status"} | more
    sid: str = client.messages.create(**asked).sid  # type: ignore[arg-type]
    return sid


def test_a_text_arrives(twilio: FakeTwilio, product: Product, client: Client) -> None:
    sid = write(client)
    twilio.clock.run_until_idle()
    assert product.words("/status", "MessageStatus") == ["sending", "sent", "delivered"]
    assert [each.body for each in twilio.people.received[ALICE]] == ["Good day"]
    found = client.messages(sid).fetch()
    assert (found.status, found.direction, found.price) == ("delivered", "outbound-api", "-0.00830")
    assert [each.sid for each in client.messages.list(to=ALICE, date_sent_after="2026-11-23T09:00:00Z")] == [sid]


def test_a_text_does_not(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.messages.inboxes[ALICE] = Inbox(arrives=False)
    write(client)
    twilio.clock.run_until_idle()
    last = product.heard("/status")[-1]
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", "30003")


def test_a_carrier_that_says_nothing_more(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.messages.inboxes[ALICE] = Inbox(silent=True)
    write(client)
    twilio.clock.run_until_idle()
    assert product.words("/status", "MessageStatus")[-1] == "sent"


def test_somebody_writes_and_is_answered(twilio: FakeTwilio, product: Product, client: Client) -> None:
    product.documents["/sms"] = twiml("<Message>We call you</Message>")
    message = twilio.people.text(ALICE, OURS, "Call me")
    twilio.clock.run_until_idle()
    told = product.heard("/sms")[0]
    assert (told["Body"], told["SmsStatus"], told["NumMedia"], told["MessageSid"]) == (
        "Call me",
        "received",
        "0",
        message.sid,
    )
    assert [each.body for each in twilio.people.received[ALICE]] == ["We call you"]
    assert {each.direction for each in client.messages.list()} == {"inbound", "outbound-reply"}


def test_somebody_sends_a_picture(twilio: FakeTwilio, product: Product, api: Api, client: Client) -> None:
    twilio.people.text(ALICE, OURS, "Look", (("image/png", b"a picture"),))
    twilio.clock.run_until_idle()
    told = product.heard("/sms")[0]
    assert (told["NumMedia"], told["MediaContentType0"]) == ("1", "image/png")
    session = requests.Session()
    session.mount("https://", InProcessAdapter(api))
    account = twilio.account
    found = session.get(told["MediaUrl0"], auth=(account.key_sid, account.key_secret), allow_redirects=False)
    assert session.get(found.headers["Location"]).content == b"a picture"
    media = client.messages(told["MessageSid"]).media.list()[0]
    assert media.delete() and client.messages(told["MessageSid"]).media.list() == []


def test_who_wrote_stop_gets_nothing_more(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.people.text(ALICE, OURS, " stop ")
    twilio.clock.run_until_idle()
    assert product.words("/sms", "OptOutType") == ["STOP"]
    with pytest.raises(TwilioRestException) as refused:
        write(client)
    assert refused.value.code == 21610
    twilio.people.text(ALICE, OURS, "START")
    write(client)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"to": "12"}, 21211),
        ({"from_": "+15005550999"}, 21606),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": WHATSAPP_ALICE}, 21910),
        ({"to": WHATSAPP_ALICE, "from_": "whatsapp:+15005550999"}, 63007),
        ({"messaging_service_sid": "MG" + "0" * 32}, 21701),
    ],
)
def test_what_is_refused(client: Client, asked: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        write(client, **asked)
    assert refused.value.code == code


def test_a_landline_cannot_read(twilio: FakeTwilio, client: Client) -> None:
    twilio.messages.mobile[ALICE] = False
    with pytest.raises(TwilioRestException) as refused:
        write(client)
    assert refused.value.code == 21614


def test_whatsapp_within_a_day_of_their_own_words(twilio: FakeTwilio, product: Product, client: Client) -> None:
    twilio.messages.inboxes[WHATSAPP_ALICE] = Inbox(reads=True)
    write(client, to=WHATSAPP_ALICE, from_=WHATSAPP_OURS)
    twilio.clock.run_until_idle()
    assert (product.words("/status", "MessageStatus")[-1], product.words("/status", "ErrorCode")[-1]) == (
        "failed",
        "63016",
    )

    twilio.people.text(WHATSAPP_ALICE, WHATSAPP_OURS, "Hello")
    write(client, to=WHATSAPP_ALICE, from_=WHATSAPP_OURS)
    twilio.clock.run_until_idle()
    assert product.heard("/sms")[0]["WaId"] == ALICE[1:]
    assert product.words("/status", "MessageStatus")[-4:] == ["sending", "sent", "delivered", "read"]

    twilio.clock.advance(25 * 3600)
    write(client, to=WHATSAPP_ALICE, from_=WHATSAPP_OURS)
    twilio.clock.run_until_idle()
    assert product.words("/status", "MessageStatus")[-1] == "failed"


def test_whatsapp_by_a_template_at_any_time(twilio: FakeTwilio, client: Client) -> None:
    template = "HX" + "1" * 32
    twilio.messages.templates[template] = "Dear {{1}}, we called you"
    client.messages.create(
        to=WHATSAPP_ALICE, from_=WHATSAPP_OURS, content_sid=template, content_variables=json.dumps({"1": "Alice"})
    )
    twilio.clock.run_until_idle()
    assert twilio.people.received[WHATSAPP_ALICE][0].body == "Dear Alice, we called you"


def test_by_a_service_that_picks_the_number(twilio: FakeTwilio, product: Product, client: Client) -> None:
    service = "MG" + "1" * 32
    twilio.messages.services[service] = OURS
    sid = client.messages.create(
        to=ALICE, body="Good day", messaging_service_sid=service, status_callback=f"{HOST}/status"
    ).sid
    assert client.messages(str(sid)).fetch().status == "accepted"
    twilio.clock.run_until_idle()
    assert product.words("/status", "MessageStatus") == ["queued", "sent", "delivered"]
    assert {each["MessagingServiceSid"] for each in product.heard("/status")} == {service}
