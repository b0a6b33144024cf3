"""Only what Twilio signed is believed. Requests are signed here by Twilio's own library."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from telephony.twilio.signature import FORM, JSON, Secrets, address, is_genuine

TOKEN, OLD, STRANGERS = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "a" * 32
URL = "https://crm.example.org/twilio/gr/voice"
DANA = MultiDict([("CallSid", "CA1"), ("From", "+306944000001"), ("CallerName", "Δανάη & Co <x>")])
SECRETS = Secrets((TOKEN,))


def signed(url: str = URL, fields: MultiDict[str, str] | dict[str, str] = DANA, token: str = TOKEN, **more: str) -> str:
    return str(RequestValidator(token).compute_signature(url, fields, **more))


def form(signature: str | None, url: str = URL, fields: MultiDict[str, str] = DANA, secrets: Secrets = SECRETS,
         signed_by: str | None = None, content_type: str = FORM) -> bool:  # fmt: skip
    return is_genuine(secrets, url, signature=signature, signed_by=signed_by, content_type=content_type, fields=fields)


def test_what_twilio_signed_is_genuine_and_what_somebody_else_did_is_not() -> None:
    assert form(signed())
    assert form(signed(), content_type=f"{FORM}; charset=UTF-8")
    assert not form(signed(token=STRANGERS))


@pytest.mark.parametrize("signature", [None, "", "x", "=" * 28, "é" * 28, "A" * 100_000])
def test_without_a_signature_or_with_nonsense_it_is_no_error(signature: str | None) -> None:
    assert not form(signature)


def test_nothing_may_be_changed_added_left_out_or_told_once_less() -> None:
    twice = MultiDict([*DANA.items(), ("MediaUrl0", "a"), ("MediaUrl0", "b")])
    good = signed(fields=twice)
    assert form(good, fields=twice)
    assert not form(good, fields=MultiDict(twice.to_dict()))  # a repetition is lost
    assert not form(signed(), fields=MultiDict([*DANA.items(), ("Digits", "1")]))
    assert not form(signed(), fields=MultiDict(list(DANA.items())[:-1]))
    assert not form(signed(), fields=MultiDict([(key, value.strip() + " ") for key, value in DANA.items()]))
    assert not form(signed(), url=URL.replace("voice", "status"))


def test_a_port_may_be_written_or_left_out() -> None:
    with_port = URL.replace("example.org", "example.org:443")
    assert form(signed(with_port), url=URL) and form(signed(URL), url=with_port)


def test_the_address_is_the_one_that_twilio_was_given() -> None:
    assert address("https://crm.example.org/crm/", "/twilio/gr/voice?x=%2F%C3%A9%7E") == (
        "https://crm.example.org/crm/twilio/gr/voice?x=%2F%C3%A9%7E"
    )
    assert not form(signed(URL.replace("https", "http")))  # what stands before a proxy
    escaped, unescaped = f"{URL}?q=a%2Fb%7E%C3%A9", f"{URL}?q=a/b~%C3%A9"
    assert form(signed(escaped), url=escaped)
    assert not form(signed(escaped), url=unescaped)  # as a framework writes it anew


def test_a_name_in_an_address_is_no_way_in() -> None:
    assert not form(signed(URL.replace("crm.", "user:word@crm.")))


def test_while_the_token_is_changed_both_are_good_and_afterwards_one_is() -> None:
    assert form(signed(token=OLD), secrets=Secrets((TOKEN, OLD)))
    assert not form(signed(token=OLD))


def js(body: bytes, url: str, signature: str) -> bool:
    return is_genuine(SECRETS, url, signature=signature, content_type=JSON, body=body, fields=MultiDict())


def test_a_json_body_is_signed_by_its_hash_alone() -> None:
    body = json.dumps({"CallSid": "CA1"}).encode()
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    assert js(body, url, signed(url, {}))
    assert not js(body + b" ", url, signed(url, {}))
    assert not js(b"\xff\xfe", url, signed(url, {}))  # no text
    assert not js(body, URL, signed(URL, {}))  # no hash: the body is signed by nobody
    twice = f"{url}&bodySHA256=0"
    assert not js(body, twice, signed(twice, {}))


def test_a_body_of_another_type_is_not_taken_for_a_request_without_one() -> None:
    for content_type in ("text/plain", "multipart/form-data; boundary=x", ""):
        assert not is_genuine(
            SECRETS, URL, signature=signed(fields={}), content_type=content_type, body=b"CallSid=CA1", fields=DANA
        )
    assert not is_genuine(SECRETS, URL, signature=signed(fields={}), content_type=FORM, fields=None)


def test_a_form_beside_a_hash_is_signed_as_a_form() -> None:
    url = f"{URL}?bodySHA256=0"
    assert form(signed(url), url=url)
    assert not form(signed(url, {}), url=url)


def test_a_shared_key_is_named_and_signs_in_the_newer_way() -> None:
    key, secret = "webhooks_sharedkey_1", "a-secret-of-the-key"
    keys = Secrets((TOKEN,), {key: secret})
    good = signed(token=secret, algorithm="HMAC_SHA256")
    assert form(good, secrets=keys, signed_by=f"key={key},algorithm=HMAC_SHA256")
    assert not form(good, secrets=keys, signed_by="key=another,algorithm=HMAC_SHA256")
    assert not form(good, secrets=keys, signed_by=f"key={key},algorithm=NONE")
    assert not form(good, secrets=keys)
    # the token does not sign for a key, nor where a key is named that nobody knows
    assert not form(signed(), secrets=keys, signed_by=f"key={key},algorithm=HMAC_SHA1")
    assert not form(signed(), secrets=SECRETS, signed_by="key=,algorithm=HMAC_SHA1")


def test_who_knows_no_secret_believes_nobody() -> None:
    assert not form(signed(token=""), secrets=Secrets())


def test_no_secret_is_shown() -> None:
    assert TOKEN not in repr(Secrets((TOKEN,), {"k": TOKEN}))
