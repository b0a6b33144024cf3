"""Requests that look like Twilio's and are not: made from a genuine one, for whoever proves that they change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from telephony.fake.twilio.webhooks import HttpRequest

SIGNATURE = "X-Twilio-Signature"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def forgeries(genuine: HttpRequest, token: str) -> Iterator[tuple[str, HttpRequest]]:
    """Of a form that was posted; each with a word for what is wrong. `token`: the one that signs, for those that are
    signed rightly and are no good all the same. A replay is the genuine request itself, once more."""
    fields = parse_qsl(genuine.body.decode(), keep_blank_values=True)
    unsigned = {name: value for name, value in genuine.headers.items() if name != SIGNATURE}
    yield "unsigned", replace(genuine, headers=unsigned)
    for word, signature in (
        ("empty", ""),
        ("short", "abc="),
        ("no base64", "\u00e9" * 28),
        ("another's", "A" * 27 + "="),
    ):
        yield f"signature: {word}", _signed(genuine, signature)
    yield "signed with another token", _signed(genuine, _sum("f" * 32, genuine.url, dict(fields)))
    yield "signed for another address", _signed(genuine, _sum(token, genuine.url + "x", dict(fields)))
    yield "a field altered", _with(genuine, [(name, value + "1") if i == 0 else (name, value) for i, (name, value) in
                                             enumerate(fields)])  # fmt: skip
    yield "a field dropped", _with(genuine, fields[1:])
    yield "a field added", _with(genuine, [*fields, ("Extra", "1")])
    yield "a field said again", _with(genuine, [*fields, (fields[0][0], "another")])
    yield "a query added", replace(genuine, url=genuine.url + ("&" if "?" in genuine.url else "?") + "a=b")
    body = b'{"CallSid":"CA' + b"0" * 32 + b'"}'
    for word, signature in (("no hash", _sum(token, genuine.url, {})), ("unsigned", "")):
        headers = {**unsigned, "Content-Type": JSON, **({SIGNATURE: signature} if signature else {})}
        yield f"JSON: {word}", replace(genuine, headers=headers, body=body)
    hashed = genuine.url + ("&" if "?" in genuine.url else "?") + "bodySHA256=" + "0" * 64
    headers = {**unsigned, "Content-Type": JSON, SIGNATURE: _sum(token, hashed, {})}
    yield "JSON: another body", replace(genuine, url=hashed, headers=headers, body=body)
    headers = {**unsigned, "Content-Type": "text/plain", SIGNATURE: _sum(token, genuine.url, {})}
    yield "neither form nor JSON", replace(genuine, headers=headers)


def of_another_account(genuine: HttpRequest, token: str) -> HttpRequest:
    """Signed rightly, and about an account that is not ours."""
    fields = dict(parse_qsl(genuine.body.decode(), keep_blank_values=True)) | {"AccountSid": "AC" + "f" * 32}
    body = urlencode(fields).encode()
    return _signed(replace(genuine, body=body), _sum(token, genuine.url, fields))


def _signed(request: HttpRequest, signature: str) -> HttpRequest:
    return replace(request, headers={**request.headers, SIGNATURE: signature})


def _with(request: HttpRequest, fields: list[tuple[str, str]]) -> HttpRequest:
    return replace(request, body=urlencode(fields).encode())


def _sum(token: str, url: str, fields: dict[str, str]) -> str:
    return str(RequestValidator(token).compute_signature(url, fields))
