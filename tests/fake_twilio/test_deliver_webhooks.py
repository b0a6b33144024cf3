"""How Twilio asks and tells: what it signs, when it tries again, and what it gives up for good."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm

from telephony.fake.twilio import (
    Calm,
    Chaos,
    Doubts,
    Failed,
    FakeTwilio,
    FunctionTransport,
    HttpAnswer,
    HttpRequest,
    NotModelled,
    Routes,
    WsgiTransport,
)
from telephony.fake.twilio.chaos import FINE, SERVED, ApiFate, Fate
from telephony.fake.twilio.model import Target
from telephony.fake.twilio.people import by_hand
from tests.fake_twilio.conftest import ALICE, OURS
from tests.fake_twilio.product import HOST, Product, twiml, xml

TOKEN = "I-Twilio-Idempotency-Token"


class Line:
    """A product that answers one thing after the other, the last one for ever."""

    def __init__(self, *answers: HttpAnswer | Failed) -> None:
        self._answers = list(answers)
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> HttpAnswer | Failed:
        self.requests.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


NO_CONNECTION, TOO_LATE, BROKEN, FINE_ = Failed("ct", 11205), Failed("rt", 11200), HttpAnswer(500), HttpAnswer(204)


def told(line: Line, fragment: str = "", **more: object) -> FakeTwilio:
    twilio = FakeTwilio(FunctionTransport(line), **more)  # type: ignore[arg-type]
    twilio.webhooks.tell(Target(f"{HOST}/status{fragment}"), {"CallSid": "CA1"}, "CA1")
    twilio.clock.run_until_idle()
    return twilio


@pytest.mark.parametrize(
    ("fragment", "failure", "times"),
    [
        ("", NO_CONNECTION, 2),  # once more, and only when there was no connection
        ("", BROKEN, 1),
        ("", TOO_LATE, 1),
        ("#rc=3&rp=5xx,ct,rt", BROKEN, 4),
        ("#rc=3&rp=5xx,ct,rt", TOO_LATE, 4),
        ("#rc=3&rp=5xx", NO_CONNECTION, 1),
        ("#rc=2&rp=all", HttpAnswer(404), 3),
        ("#rc=0", NO_CONNECTION, 1),
    ],
)
def test_how_often_it_is_tried(fragment: str, failure: HttpAnswer | Failed, times: int) -> None:
    line = Line(failure)
    told(line, fragment)
    assert len(line.requests) == times
    assert {request.url for request in line.requests} == {f"{HOST}/status"}  # the fragment is neither sent nor signed


def test_retries_bear_one_token_and_the_first_attempt_may_not() -> None:
    for on_first in (False, True):
        line = Line(BROKEN, BROKEN, FINE_)
        told(line, "#rc=3&rp=5xx", doubts=Doubts(token_on_first=on_first))
        tokens = [request.headers.get(TOKEN) for request in line.requests]
        assert (tokens[0] is not None) == on_first
        assert tokens[1] == tokens[2] is not None


def test_nothing_outlasts_fifteen_seconds() -> None:
    class Slow:
        reads_lag = False

        def webhook(self, waits: bool) -> Fate:
            return Fate(answers_after=30)

        def api(self, reads: bool) -> ApiFate:
            return SERVED

    line = Line(FINE_)
    begun = FakeTwilio().clock.now
    twilio = told(line, "#rc=5&rp=all&rt=6000", trouble=Slow())
    assert twilio.clock.now - begun == 15
    assert len(line.requests) == 3  # 6 + 6 + 3 seconds


@pytest.mark.parametrize("fragment", ["#rc=9", "#rp=sometimes", "#ct=1", "#retries=3"])
def test_overrides_that_twilio_does_not_know(fragment: str) -> None:
    with pytest.raises(NotModelled):
        told(Line(FINE_), fragment)


def test_an_unanswered_document_goes_to_the_fallback_and_the_account_hears_of_it() -> None:
    line = Line(NO_CONNECTION, NO_CONNECTION, xml(twiml("<Say>Sorry</Say>")))
    twilio = FakeTwilio(FunctionTransport(line))
    twilio.buy(OURS, VoiceUrl=f"{HOST}/voice", VoiceFallbackUrl="https://fallback.test/")
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert alice.heard == ["Sorry"]
    assert [alert.code for alert in twilio.alerts] == [11205]


def test_without_a_fallback_the_caller_is_cut_off() -> None:
    twilio = FakeTwilio(FunctionTransport(Line(BROKEN)))
    twilio.buy(OURS, VoiceUrl=f"{HOST}/voice")
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert (alice.heard, alice.call.status) == (["error"], "completed")


# ------------------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/status",
        f"{HOST}:8443/status",
        f"{HOST}/status?a=b&c=d%2Fe",
        f"{HOST}/caf%C3%A9%7E",
        "http://127.0.0.1:5000/status",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signed_as_the_library_checks_it(url: str, method: str) -> None:
    twilio = FakeTwilio()
    request = twilio.webhooks.request(method, url, {"CallSid": "CA1", "Body": "é & ü", "Empty": ""})
    params = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    signature = request.headers["X-Twilio-Signature"]
    validator = RequestValidator(twilio.account.auth_token)
    assert validator.validate(request.url, params, signature)
    assert not validator.validate(request.url, params | {"CallSid": "CA2"}, signature)
    assert not validator.validate(request.url.replace("://", "://x"), params, signature)
    assert not RequestValidator("another").validate(request.url, params, signature)


def test_json_is_signed_by_its_hash() -> None:
    line = Line(FINE_)
    twilio = FakeTwilio(FunctionTransport(line))
    twilio.webhooks.tell_json(f"{HOST}/events?source=1#rc=2", [{"id": "EV1", "type": "com.twilio.voice"}])
    twilio.clock.run_until_idle()
    request = line.requests[0]
    signature, validator = request.headers["X-Twilio-Signature"], RequestValidator(twilio.account.auth_token)
    assert request.headers["Content-Type"] == "application/json"
    assert validator.validate(request.url, request.body.decode(), signature)
    assert not validator.validate(request.url, request.body.decode() + " ", signature)


def test_signed_with_a_shared_key() -> None:
    twilio = FakeTwilio()
    twilio.webhooks.shared_key = ("webhooks_sharedkey_1", "a secret")
    request = twilio.webhooks.request("POST", f"{HOST}/status", {"CallSid": "CA1"})
    algorithm = get_signature_algorithm(request.headers["X-Twilio-Webhooks-Signature-Settings"])
    signature = request.headers["X-Twilio-Signature"]
    assert algorithm == "HMAC_SHA256"
    assert RequestValidator("a secret").validate(request.url, {"CallSid": "CA1"}, signature, algorithm)
    assert not RequestValidator("a secret").validate(request.url, {"CallSid": "CA1"}, signature)


def test_every_webhook_of_a_call_is_genuine(twilio: FakeTwilio, product: Product) -> None:
    product.documents |= {"/voice": twiml('<Enqueue action="/exit">q</Enqueue>')}
    twilio.people.call(ALICE, OURS, by_hand().gives_up(10))
    twilio.clock.run_until_idle()
    assert len(product.told) == 3 and product.refused == 0


def test_a_user_in_an_address_is_not_modelled() -> None:
    with pytest.raises(NotModelled, match="user"):
        FakeTwilio().webhooks.request("POST", "https://me:secret@crm.test/status", {})


# ----------------------------------------------------------------------------------------------------------- the wire


def test_any_wsgi_application_can_be_the_product() -> None:
    seen: list[dict[str, object]] = []

    def app(environ: dict[str, object], start: Callable[..., object]) -> list[bytes]:
        seen.append(environ)
        start("200 OK", [("Content-Type", "text/xml")])
        return [twiml("<Say>From WSGI</Say>").encode()]

    twilio = FakeTwilio(Routes({HOST: WsgiTransport(app)}))
    twilio.buy(OURS, VoiceUrl=f"{HOST}/voice/%7Eme?step=1%2F2")
    alice = twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    assert alice.heard == ["From WSGI"]
    assert (seen[0]["PATH_INFO"], seen[0]["RAW_URI"]) == ("/voice/~me", "/voice/%7Eme?step=1%2F2")
    assert seen[0]["wsgi.url_scheme"] == "https"


def test_a_product_that_was_not_named_is_not_modelled() -> None:
    twilio = FakeTwilio(Routes({HOST: FunctionTransport(Line(FINE_))}))
    twilio.webhooks.tell(Target("https://elsewhere.test/"), {}, "")
    with pytest.raises(NotModelled, match="elsewhere"):
        twilio.clock.run_until_idle()


# ------------------------------------------------------------------------------------------------------------- chaos


def statuses(trouble: object) -> tuple[FakeTwilio, Line]:
    line = Line(FINE_)
    twilio = FakeTwilio(FunctionTransport(line), trouble=trouble)  # type: ignore[arg-type]
    for i in range(200):
        twilio.webhooks.tell(Target(f"{HOST}/status"), {"N": str(i)}, "")
        twilio.clock.advance(1)
    twilio.clock.run_until_idle()
    return twilio, line


def order(line: Line) -> list[int]:
    return [int(dict(parse_qsl(request.body.decode()))["N"]) for request in line.requests]


def test_lost_repeated_and_overtaken() -> None:
    _, dropped = statuses(Chaos(Random(1), drop=0.2))
    assert 120 < len(set(order(dropped))) < 190
    _, repeated = statuses(Chaos(Random(1), duplicate=0.2))
    assert len(order(repeated)) > 220 and len(set(order(repeated))) == 200
    twilio, late = statuses(Chaos(Random(1), late=0.3))
    assert order(late) != sorted(order(late)) and len(order(late)) == 200
    assert max(each.at for each in twilio.webhooks.log) - twilio.webhooks.log[0].at <= 200 + 600


def test_while_the_product_is_dead_nothing_arrives() -> None:
    deaths: list[float] = []
    line = Line(FINE_)
    twilio = FakeTwilio(FunctionTransport(line), trouble=Chaos(Random(3), kill=0.05, down=20))
    twilio.webhooks.killed = lambda: deaths.append(twilio.clock.now)
    for i in range(200):
        twilio.webhooks.tell(Target(f"{HOST}/status"), {"N": str(i)}, "")
        twilio.clock.advance(1)
    assert deaths
    assert len(line.requests) < 200
    assert any(isinstance(each.outcome, Failed) and each.outcome.kind == "ct" for each in twilio.webhooks.log)


def test_the_same_seed_is_the_same_story() -> None:
    first, again = (
        [(each.at, each.path, each.attempt) for each in statuses(Chaos.storm(Random(7)))[0].webhooks.log] for _ in "ab"
    )
    assert first == again


def test_calm_is_calm() -> None:
    assert (Calm().webhook(True), Calm().api(True)) == (FINE, SERVED)
