"""Requests that are not Twilio's: what the product is tried with is truly wrong."""

from __future__ import annotations

from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from telephony.fake.twilio import FakeTwilio
from telephony.fake.twilio.forgery import SIGNATURE, forgeries, of_another_account
from tests.fake_twilio.product import HOST


def test_each_is_refused_by_whoever_looks_well() -> None:
    twilio = FakeTwilio()
    token = twilio.account.auth_token
    genuine = twilio.webhooks.request("POST", f"{HOST}/status", {"CallSid": "CA1", "CallStatus": "busy"})
    validator = RequestValidator(token)
    assert validator.validate(genuine.url, _fields(genuine.body), genuine.headers[SIGNATURE])
    made = dict(forgeries(genuine, token))
    assert len(made) >= 14
    for word, request in made.items():
        signature = request.headers.get(SIGNATURE, "")
        if word.startswith("JSON") or word == "neither form nor JSON":
            hashed = "bodySHA256" in request.url
            assert not (hashed and validator.validate(request.url, request.body.decode(), signature)), word
            continue
        every = parse_qsl(request.body.decode(), keep_blank_values=True)
        fields = dict(every)
        repeats = len(every) != len(fields)
        assert repeats or not validator.validate(request.url, fields, signature), word


def test_another_account_is_signed_rightly() -> None:
    twilio = FakeTwilio()
    token = twilio.account.auth_token
    genuine = twilio.webhooks.request("POST", f"{HOST}/status", {"AccountSid": twilio.account.sid})
    other = of_another_account(genuine, token)
    assert RequestValidator(token).validate(other.url, _fields(other.body), other.headers[SIGNATURE])


def _fields(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
