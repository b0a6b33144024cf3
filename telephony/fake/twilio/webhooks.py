"""How Twilio asks and tells the product: signed, tried again by its rules, and lost by its rules."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote_plus, urlsplit, urlunsplit

from telephony.fake.twilio.chaos import Fate
from telephony.fake.twilio.clock import Signal, Steps
from telephony.fake.twilio.errors import NotModelled
from telephony.fake.twilio.model import Target

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

RETRIEVAL_FAILED, CONNECTION_FAILED, WRONG_CONTENT = 11200, 11205, 12300
CONNECT, READ, TOTAL = 5.0, 15.0, 15.0  # seconds
Params = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in small letters

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer: `kind` is ct (no connection) or rt (not in time), as retry policies call it; `code` is Twilio's."""

    kind: str
    code: int


class Transport(Protocol):
    """The wire to the product."""

    def send(self, request: HttpRequest, seconds: float, done: Callable[[HttpAnswer | Failed], None]) -> None:
        """Calls `done` once, at once or later."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, for those who look."""

    at: float
    about: str  # whose sid
    request: HttpRequest
    params: Mapping[str, str]
    attempt: int
    outcome: HttpAnswer | Failed

    @property
    def path(self) -> str:
        return urlsplit(self.request.url).path


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a URL's fragment says about connecting to it."""

    connect: float = CONNECT
    read: float = READ
    total: float = TOTAL
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        told: dict[str, Any] = {}
        for name, value in parse_qsl(fragment, strict_parsing=bool(fragment)):
            match name:
                case "ct":
                    told["connect"] = _milliseconds(name, value, 10000)
                case "rt":
                    told["read"] = _milliseconds(name, value, 15000)
                case "tt":
                    told["total"] = _milliseconds(name, value, 15000)
                case "rc":
                    told["retries"] = _whole(name, value, 0, 5)
                case "rp":
                    told["policy"] = frozenset(value.split(","))
                    if not told["policy"] <= {"4xx", "5xx", "ct", "rt", "all"}:
                        raise NotModelled(f"connection override rp={value}")
                case "e" | "sni":
                    pass  # where it comes from, and how TLS begins, is all the same here
                case _:
                    raise NotModelled(f"connection override {name}")
        return cls(**told)

    def retry(self, outcome: HttpAnswer | Failed) -> bool:
        kind = outcome.kind if isinstance(outcome, Failed) else f"{outcome.status // 100}xx"
        return kind in self.policy or "all" in self.policy


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not value.isdigit() or not least <= int(value) <= most:
        raise NotModelled(f"connection override {name}={value}")
    return int(value)


def _milliseconds(name: str, value: str, most: int) -> float:
    return _whole(name, value, 100, most) / 1000


class Webhooks:
    def __init__(self, twilio: FakeTwilio, transport: Transport) -> None:
        self._twilio, self.transport = twilio, transport
        self.log: list[Delivery] = []
        self.keep_log = True
        self.down_until = 0.0  # the product accepts no connections before this moment
        self.killed: Callable[[], None] = lambda: None  # tells whoever plays the product that it died
        self.shared_key: tuple[str, str] | None = None  # id and secret, where webhooks are signed with one
        self.token_on_first = False  # see Doubts
        self.news: dict[str, str] = {}  # parameters that Twilio adds one day without a word

    def tell(self, target: Target | None, params: Params, about: str) -> None:
        """A status callback: nobody waits for it, and nobody looks at what comes back, except for failures."""
        if target is None or not target.url:
            return
        fate = self._twilio.trouble.webhook(waits=False)
        if fate.lost:
            return

        def steps() -> Steps:
            outcome = yield from self._deliver(target, {**_filled(params), **self.news}, about, fate)
            self._alert(outcome, target, about)

        self._twilio.clock.start(steps())

    def ask(self, target: Target, params: Params, about: str) -> Generator[Any, Any, HttpAnswer | Failed]:
        """A document. What is no 2xx is a failure."""
        fate = self._twilio.trouble.webhook(waits=True)
        outcome = yield from self._deliver(target, {**_filled(params), **self.news}, about, fate)
        self._alert(outcome, target, about)
        if isinstance(outcome, HttpAnswer) and outcome.status // 100 == 3:
            raise NotModelled(f"a redirect ({outcome.status}) as answer to {target.url}")
        if isinstance(outcome, HttpAnswer) and outcome.status // 100 != 2:
            return Failed("status", RETRIEVAL_FAILED)
        return outcome

    def tell_json(self, url: str, payload: object, about: str = "") -> None:
        """As products with JSON webhooks do: the body's hash is in the URL, and the URL is signed."""
        body = json.dumps(payload, separators=(",", ":"))
        base, _, fragment = url.partition("#")
        digest = hashlib.sha256(body.encode()).hexdigest()
        signed = f"{base}{'&' if '?' in base else '?'}bodySHA256={digest}" + (f"#{fragment}" if fragment else "")

        def steps() -> Steps:
            fate = self._twilio.trouble.webhook(waits=False)
            if not fate.lost:
                yield from self._deliver(Target(signed), {}, about, fate, json_body=body)

        self._twilio.clock.start(steps())

    def asked(self, path: str) -> list[Delivery]:
        """Attempts at URLs whose path ends with this one."""
        return [delivery for delivery in self.log if delivery.path.endswith(path)]

    def _deliver(
        self, target: Target, params: Mapping[str, str], about: str, fate: Fate, json_body: str | None = None
    ) -> Generator[Any, Any, HttpAnswer | Failed]:
        url, _, fragment = target.url.partition("#")
        overrides = Overrides.of(fragment)
        token = self._twilio.sids.token()
        if fate.delay:
            yield fate.delay
        deadline = self._twilio.clock.now + overrides.total
        outcome: HttpAnswer | Failed = Failed("ct", CONNECTION_FAILED)
        for attempt in range(overrides.retries + 1):
            seconds = deadline - self._twilio.clock.now
            if seconds <= 0:
                break
            mark = token if attempt or self.token_on_first else None
            request = self.request(target.method, url, params, mark, json_body)
            for pause in fate.again_after:
                self._twilio.clock.after(pause, functools.partial(self._once_more, request, params, about))
            outcome = yield from self._attempt(request, overrides, min(seconds, overrides.read), fate)
            self._note(about, request, params, attempt, outcome)
            if not overrides.retry(outcome):
                break
            fate = self._twilio.trouble.webhook(waits=True)  # a retry is not late
        return outcome

    def _attempt(
        self, request: HttpRequest, overrides: Overrides, seconds: float, fate: Fate
    ) -> Generator[Any, Any, HttpAnswer | Failed]:
        clock = self._twilio.clock
        if fate.refused or clock.now < self.down_until:
            return Failed("ct", CONNECTION_FAILED)
        if fate.status is not None and not fate.arrives:
            return HttpAnswer(fate.status)
        came = Signal()
        self.transport.send(request, seconds, came.set)
        outcome: HttpAnswer | Failed = yield came
        if fate.kills is not None:
            self.down_until = clock.now + fate.kills
            self.killed()
            return Failed("rt", RETRIEVAL_FAILED)
        if fate.answers_after > seconds:
            yield seconds
            return Failed("rt", RETRIEVAL_FAILED)
        if fate.answers_after:
            yield fate.answers_after
        return HttpAnswer(fate.status) if fate.status is not None else outcome

    def _once_more(self, request: HttpRequest, params: Mapping[str, str], about: str) -> None:
        if self._twilio.clock.now < self.down_until:
            return
        self.transport.send(request, READ, lambda outcome: self._note(about, request, params, 99, outcome))

    def request(
        self, method: str, url: str, params: Mapping[str, str], token: str | None = None, json_body: str | None = None
    ) -> HttpRequest:
        """Signed over the URL as it is configured, without its fragment."""
        headers = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        signed: Mapping[str, str] = {}
        parts = urlsplit(url)
        if parts.username:
            raise NotModelled("a user in a webhook's URL")
        if json_body is not None:
            body = json_body.encode()
            headers["Content-Type"] = "application/json"
        elif method == "GET":
            query = "&".join(filter(None, (parts.query, form(params))))
            url, body = urlunsplit(parts._replace(query=query)), b""
        else:
            body, signed = form(params).encode(), params
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        headers["X-Twilio-Signature"] = self._signature(url, signed, headers)
        if token is not None:
            headers["I-Twilio-Idempotency-Token"] = token
        return HttpRequest(method, url, headers, body)

    def _signature(self, url: str, params: Mapping[str, str], headers: dict[str, str]) -> str:
        if self.shared_key is None:
            return signature(self._twilio.account.auth_token, url, params)
        name, secret = self.shared_key
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key={name},algorithm=HMAC_SHA256"
        return signature(secret, url, params, "sha256")

    def _note(
        self, about: str, request: HttpRequest, params: Mapping[str, str], attempt: int, outcome: HttpAnswer | Failed
    ) -> None:
        if self.keep_log:
            self.log.append(Delivery(self._twilio.clock.now, about, request, params, attempt, outcome))

    def _alert(self, outcome: HttpAnswer | Failed, target: Target, about: str) -> None:
        if isinstance(outcome, Failed):
            self._twilio.alert(outcome.code, "no answer", about, target)
        elif outcome.status >= 400:
            self._twilio.alert(RETRIEVAL_FAILED, f"answered {outcome.status}", about, target)


def signature(secret: str, url: str, params: Mapping[str, str], algorithm: str = "sha1") -> str:
    """As the library checks it, and much faster than it makes it."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), algorithm)).decode()


def form(params: Mapping[str, str]) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params.items())


_quoted = functools.lru_cache(maxsize=4096)(quote_plus)


def _filled(params: Params) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}
