"""The REST API, without a server: who may ask, what may be asked, pages of lists. What it offers is in `rest_calls`,
`rest_conferences` and `rest_account`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from telephony.fake.twilio.errors import ApiError, NotModelled, invalid, not_found
from telephony.fake.twilio.model import API_VERSION, Callback, Resource, Target
from telephony.fake.twilio.twiml import is_url
from telephony.fake.twilio.views import View, Views

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

PAGE_SIZE, LARGEST_PAGE = 50, 1000
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in small letters

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


class NoAnswer(Exception):
    """The one who asks hears nothing, whatever was done."""


class Ask:
    """A request's parameters; each is asked for by name, in the form that it must have."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def names(self) -> list[str]:
        return list(self._values)

    def text(self, name: str, default: str = "") -> str:
        values = self._values.get(name, [default])
        if len(values) > 1:
            raise NotModelled(f"parameter {name} more than once")
        return values[0]

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name, str(default).lower())
        if value not in ("true", "false"):
            raise NotModelled(f"parameter {name}={value!r:.60}")
        return value == "true"

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not value.isdigit() or not least <= int(value) <= most:
            raise NotModelled(f"parameter {name}={value!r:.60}")
        return int(value)

    def choice(self, name: str, default: str, *words: str) -> str:
        value = self.text(name, default)
        if value not in words:
            raise NotModelled(f"parameter {name}={value!r:.60}")
        return value

    def url(self, name: str, code: int = 21205) -> str:
        value = self.text(name)
        if value and (not value.startswith(("http://", "https://")) or not is_url(value) or "_" in _host(value)):
            raise invalid(code, f"{name} is not a valid URL: {value!r:.200}")
        return value

    def target(self, name: str, method_name: str = "", default: str = "POST", code: int = 21205) -> Target | None:
        url = self.url(name, code)
        method = self.choice(method_name or f"{name}Method", default, "GET", "POST")
        return Target(url, method) if url else None

    def callback(self, name: str, words: Sequence[str], default: Sequence[str]) -> Callback | None:
        """With its events, which are sent one by one or with blanks between them."""
        target = self.target(name, code=21609)
        told = [word for value in self.all(f"{name}Event") for word in value.split()]
        if not set(told) <= set(words):
            raise NotModelled(f"parameter {name}Event={told}")
        return Callback(target.url, target.method, frozenset(told or default)) if target is not None else None


Handler = Callable[..., ApiAnswer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    accepts: frozenset[str]
    handler: Handler
    template: str


ROUTES: list[Route] = []


def route(
    method: str, template: str, accepts: str = "", base: str = "/{version}/Accounts/{account}"
) -> Callable[[Handler], Handler]:
    """A resource and the parameters that are modelled of it."""
    above = base.format(version=API_VERSION, account="(?P<account>AC[0-9a-f]{32})")
    pattern = re.compile(above + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+?)", template))
    paging = "PageSize Page PageToken " if method == "GET" else ""

    def add(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, frozenset((paging + accepts).split()), handler, template))
        return handler

    return add


class Api:
    """`handle` answers a request; what is not modelled is raised by name."""

    def __init__(self, twilio: FakeTwilio) -> None:
        from telephony.fake.twilio import rest_account, rest_calls, rest_conferences  # noqa: F401 - they add routes

        self.twilio = twilio
        self.views = Views(twilio)
        twilio.view = self.views.of
        self.asked: list[tuple[ApiRequest, int]] = []  # and the status that was answered; 0: none
        self.keep_log = True
        self.check: Callable[[ApiRequest, ApiAnswer], None] = lambda request, answer: None
        self.requests_per_second: float | None = None
        self.media_redirects = True  # files are not here: the API says where
        self.media_base = "https://media.stand-in.test"
        self.media: dict[str, tuple[bytes, str]] = {}
        self.lag = 0.0  # of the read that is being answered
        self._recent: list[float] = []

    def handle(self, request: ApiRequest) -> ApiAnswer:
        try:
            answer = self._answer(request)
        except NoAnswer:
            self._note(request, 0)
            raise
        self._note(request, answer.status)
        return answer

    def _answer(self, request: ApiRequest) -> ApiAnswer:
        if request.path.startswith("/media/"):
            return self._file(request)
        fate = self.twilio.trouble.api(request.method == "GET")
        try:
            if fate.unreachable:
                raise NoAnswer
            if fate.refuse is not None or self._too_many():
                raise _refusal(fate.refuse or 429)
            self.lag = fate.lag
            answer = self._serve(request)
        except ApiError as error:
            answer = _json(error.status, error.body())
        finally:
            self.lag = 0.0
        if fate.no_answer:
            raise NoAnswer
        self.check(request, answer)
        return answer

    def _serve(self, request: ApiRequest) -> ApiAnswer:
        parts = urlsplit(request.url)
        found = self._route(request.method, parts.path)
        if found is None:
            raise NotModelled(f"{request.method} {parts.path}")
        route, sids = found
        account = sids.pop("account", self.twilio.account.sid)
        self._authenticate(request, account)
        ask = Ask(_pairs(request))
        unknown = [name for name in ask.names if name not in route.accepts]
        if unknown:
            raise NotModelled(f"parameter {', '.join(unknown)} of {request.method} {route.template}")
        return route.handler(self, ask, **sids)

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for each in ROUTES:
            if each.method == method:
                match = each.pattern.fullmatch(path)
                if match:
                    return each, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    def _authenticate(self, request: ApiRequest, account_sid: str) -> None:
        account = self.twilio.account
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        valid = {(account.sid, account.auth_token), (account.key_sid, account.key_secret)}
        if account.secondary_token:
            valid.add((account.sid, account.secondary_token))
        if scheme.lower() != "basic" or (user, password) not in valid:
            raise ApiError(401, 20003, "Authenticate")
        if account_sid != account.sid:
            raise not_found(f"/{API_VERSION}/Accounts/{account_sid}")

    def _too_many(self) -> bool:
        if self.requests_per_second is None:
            return False
        now = self.twilio.clock.now
        self._recent = [moment for moment in self._recent if moment > now - 1] + [now]
        return len(self._recent) > self.requests_per_second

    def _note(self, request: ApiRequest, status: int) -> None:
        if self.keep_log:
            self.asked.append((request, status))

    # --------------------------------------------------------------------------------------------------- answers

    def one(self, view: View, status: int = 200) -> ApiAnswer:
        return _json(status, view)

    def made(self, view: View) -> ApiAnswer:
        return _json(201, view)

    def gone(self) -> ApiAnswer:
        return ApiAnswer(204)

    def seen(self, resource: Resource) -> View:
        """As it is, or as a stale read shows it."""
        if not self.lag:
            return self.views.of(resource)
        moment = self.twilio.clock.now - self.lag
        past = [view for at, view in resource.history if at <= moment]
        if not past:
            raise not_found(resource.sid)
        return past[-1]

    def page_of(self, ask: Ask, key: str, path: str, resources: Iterable[Resource]) -> ApiAnswer:
        """Of what may be stale: newest first."""
        shown = []
        for resource in sorted(resources, key=lambda each: -each.created):
            try:
                shown.append(self.seen(resource))
            except ApiError:
                continue
        return self.page(ask, key, path, shown)

    def page(self, ask: Ask, key: str, path: str, views: Sequence[View], sid: str = "sid") -> ApiAnswer:
        size = ask.whole("PageSize", PAGE_SIZE, 1, LARGEST_PAGE)
        number = ask.whole("Page", 0, 0, 10**6)
        token = ask.text("PageToken").removeprefix("PA")
        first = number * size
        if token:  # after the last one of the page before, also when others came meanwhile
            first = next((i + 1 for i, view in enumerate(views) if view[sid] == token), first)
        chosen = views[first : first + size]
        more = first + size < len(views)
        base, asked = self.views.uri(path), [(name, value) for name in ask.names for value in ask.all(name)]
        kept = [(name, value) for name, value in asked if name not in ("PageSize", "Page", "PageToken")]

        def uri(page: int, after: str = "") -> str:
            pairs = [*kept, ("PageSize", str(size)), ("Page", str(page))]
            return f"{base}?{urlencode(pairs + ([('PageToken', 'PA' + after)] if after else []), quote_via=quote)}"

        return _json(
            200,
            {
                key: list(chosen),
                "first_page_uri": uri(0),
                "previous_page_uri": uri(number - 1) if number else None,
                "next_page_uri": uri(number + 1, str(chosen[-1][sid]) if sid else "") if more else None,
                "uri": uri(number),
                "page": number,
                "page_size": size,
                "start": first,
                "end": first + len(chosen) - 1 if chosen else 0,
            },
        )

    def file(self, content: bytes, content_type: str) -> ApiAnswer:
        if not self.media_redirects:
            return ApiAnswer(200, content, {"Content-Type": content_type})
        token = self.twilio.sids.token()
        self.media[token] = (content, content_type)
        return ApiAnswer(307, b"", {"Location": f"{self.media_base}/media/{token}"})

    def _file(self, request: ApiRequest) -> ApiAnswer:
        """As a storage with signed addresses does: a second proof of who asks is one too many."""
        if "authorization" in request.headers:
            return ApiAnswer(400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        content = self.media.get(request.path.removeprefix("/media/"))
        if content is None:
            return ApiAnswer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        return ApiAnswer(200, content[0], {"Content-Type": content[1]})


def between(ask: Ask, name: str, moment: float | None, *, days_only: bool = False) -> bool:
    """The three filters that dates have: of a day, until, since."""
    for sign in ("", "<", ">"):
        value = ask.text(name + sign)
        if not value:
            continue
        if moment is None:
            return False
        at = _moment(value, days_only)
        day = at - at % 86400
        on, until, since = day <= moment < day + 86400, moment <= at, moment >= at
        if not {"": on, "<": until, ">": since}[sign]:
            return False
    return True


def _moment(value: str, days_only: bool) -> float:
    form = "%Y-%m-%d" if days_only or len(value) == 10 else "%Y-%m-%dT%H:%M:%SZ"
    try:
        return datetime.strptime(value, form).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise invalid(20001, f"Invalid date: {value!r:.60}") from error


def matching(ask: Ask, values: Mapping[str, str]) -> bool:
    return all(not ask.text(name) or ask.text(name) == value for name, value in values.items())


def _pairs(request: ApiRequest) -> list[tuple[str, str]]:
    if request.method == "POST":
        return parse_qsl(request.body.decode(), keep_blank_values=True)
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def _json(status: int, content: object) -> ApiAnswer:
    return ApiAnswer(status, json.dumps(content).encode(), {"Content-Type": "application/json;charset=utf-8"})


def _refusal(status: int) -> ApiError:
    if status == 429:
        return ApiError(429, 20429, "Too Many Requests")
    return ApiError(status, 20500 if status == 500 else 20503, "Internal Server Error")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
