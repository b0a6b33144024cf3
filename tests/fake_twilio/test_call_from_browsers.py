"""Agents whose phone is a page: tokens, being rung, and calling."""

from __future__ import annotations

import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from telephony.fake.twilio import FakeTwilio
from telephony.fake.twilio.people import DeviceError, answers
from tests.fake_twilio.conftest import BOB, OURS
from tests.fake_twilio.product import HOST, Product, twiml


def token(twilio: FakeTwilio, **more: object) -> str:
    account = twilio.account
    asked = {"identity": "agent_7", "ttl": 3600} | more
    key = asked.pop("key", account.key_sid)
    secret = asked.pop("secret", account.key_secret)
    application = asked.pop("application", None)
    made = AccessToken(account.sid, key, secret, **asked)
    made.add_grant(VoiceGrant(outgoing_application_sid=application, incoming_allow=True))
    return str(made.to_jwt())


def test_a_page_registers_and_is_rung(twilio: FakeTwilio, product: Product, client: Client) -> None:
    product.documents["/voice"] = twiml('<Pause length="30"/>')
    device = twilio.people.device(token(twilio), answers(2).hangs_up(5))
    sid = str(client.calls.create(to=BOB, from_=OURS, url=f"{HOST}/voice").sid)
    twilio.clock.run_until_idle()
    assert client.calls(sid).fetch().status == "completed"
    device.unregister()
    sid = str(client.calls.create(to=BOB, from_=OURS, url=f"{HOST}/voice").sid)
    twilio.clock.run_until_idle()
    assert client.calls(sid).fetch().status == "no-answer"


def test_a_page_calls_with_what_it_likes_to_say(twilio: FakeTwilio, product: Product) -> None:
    application = twilio.application("desk", VoiceUrl=f"{HOST}/app")
    product.documents["/app"] = twiml("<Say>Which task?</Say>")
    device = twilio.people.device(token(twilio, application=application.sid))
    party = device.connect(task="01JXYZ", From="+15005550999", To="+15005550199")
    twilio.clock.run_until_idle()
    told = product.heard("/app")[0]
    assert (told["task"], told["Direction"], told["ApplicationSid"]) == ("01JXYZ", "inbound", application.sid)
    assert (told["From"], told["To"]) == (BOB, "+15005550199")  # who calls is the token's word, whom is the page's
    assert party.heard == ["Which task?"]
    with pytest.raises(DeviceError) as refused:
        device.connect(task="x" * 800)
    assert refused.value.code == 31103


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret": "x" * 32}, 20107),
        ({"key": "SK" + "0" * 32}, 20103),
        ({"ttl": 100000}, 20157),
        ({"identity": "agent-7@firm"}, 20106),
        ({"ttl": -10000000}, 20104),
    ],
)
def test_tokens_that_twilio_refuses(twilio: FakeTwilio, wrong: dict[str, object], code: int) -> None:
    with pytest.raises(DeviceError) as refused:
        twilio.people.device(token(twilio, **wrong))
    assert refused.value.code == code


def test_no_token_at_all(twilio: FakeTwilio) -> None:
    with pytest.raises(DeviceError) as refused:
        twilio.people.device("nonsense")
    assert refused.value.code == 20101
