"""A stand-in in virtual time, the official library, a small product; every request is held against the description."""

from __future__ import annotations

import pytest
from twilio.rest import Client

from telephony.fake.twilio import Api, FakeTwilio, FunctionTransport, client_of
from tests.fake_twilio.contract import Contract
from tests.fake_twilio.product import HOST, Product

OURS = "+15005550006"
ALICE = "+15005550101"  # a customer
BOB = "client:agent_7"  # an agent in a browser


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def twilio(product: Product) -> FakeTwilio:
    twilio = FakeTwilio(FunctionTransport(product), calls_per_second=10)
    product.token = twilio.account.auth_token
    twilio.buy(
        OURS,
        VoiceUrl=f"{HOST}/voice",
        VoiceFallbackUrl="https://fallback.test/sorry",
        StatusCallback=f"{HOST}/number",
        SmsUrl=f"{HOST}/sms",
    )
    twilio.people.anybody = None  # who is called must be somebody
    return twilio


@pytest.fixture
def api(twilio: FakeTwilio) -> Api:
    api = Api(twilio)
    api.check = Contract().check
    return api


@pytest.fixture
def client(api: Api) -> Client:
    return client_of(api)
