"""The official library, talking to a stand-in in the same process, or on a port of this machine."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import BaseAdapter
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from telephony.fake.twilio.errors import NotModelled
from telephony.fake.twilio.rest import Api, ApiRequest, NoAnswer

_log = logging.getLogger(__name__)
_HOST = re.compile(r"https://[a-z0-9.-]+\.twilio\.com(?=/)")


class InProcess(HttpClient):  # type: ignore[misc]  # the library has no types
    """`Client(..., http_client=InProcess(api))`: no socket, no thread."""

    def __init__(self, api: Api) -> None:
        super().__init__(_log, is_async=False)
        self._api = api

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        asked = {name.lower(): value for name, value in (headers or {}).items()}
        if auth is not None:
            asked["authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        query = _encoded(params)
        whole = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        try:
            answer = self._api.handle(ApiRequest(method.upper(), whole, _encoded(data).encode(), asked))
        except NoAnswer as error:
            raise requests.exceptions.ReadTimeout("no answer") from error
        return Response(answer.status, answer.body.decode("utf-8", "replace"), dict(answer.headers))


class Elsewhere(TwilioHttpClient):  # type: ignore[misc]
    """`Client(..., http_client=Elsewhere("http://127.0.0.1:5100"))`: what goes to any of Twilio's hosts goes there."""

    def __init__(self, base_url: str, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._base_url = base_url.rstrip("/")
        if self.session is not None:
            self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return super().request(method, _HOST.sub(self._base_url, url, count=1), *args, **kwargs)


class InProcessAdapter(BaseAdapter):
    """For a `requests.Session` that fetches media: mount it on https://api.twilio.com and on the media's own host."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        if not isinstance(request.body, str | bytes | None):
            raise NotModelled("a body that is read bit by bit")
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        try:
            found = self._api.handle(ApiRequest(str(request.method), str(request.url), body, headers))
        except NoAnswer as error:
            raise requests.exceptions.ReadTimeout("no answer", request=request) from error
        response = requests.Response()
        response.status_code, response._content = found.status, found.body
        response.headers.update(found.headers)
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        pass


def client_of(api: Api) -> Client:
    """With its API key, as the product has it."""
    account = api.twilio.account
    return Client(account.key_sid, account.key_secret, account.sid, http_client=InProcess(api))


def client_at(base_url: str, key_sid: str, key_secret: str, account_sid: str, timeout: float = 5.0) -> Client:
    """Of a stand-in that serves HTTP."""
    return Client(key_sid, key_secret, account_sid, http_client=Elsewhere(base_url, timeout))


def _encoded(values: Mapping[str, object] | None) -> str:
    """As the library's own client has them encoded: several values are several parameters, none is none."""
    pairs: list[tuple[str, str]] = []
    for name, value in (values or {}).items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None:
                pairs.append((name, str(each)))
    return urlencode(pairs)
