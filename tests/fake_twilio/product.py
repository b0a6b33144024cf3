"""A small product for the stand-in to talk to: it checks who asks, answers documents, and keeps what it was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import RequestValidator

from telephony.fake.twilio import Failed, HttpAnswer, HttpRequest

HOST = "https://crm.test"
Params = dict[str, str]
Document = str | HttpAnswer | Callable[[Params], str | HttpAnswer]


def twiml(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'


@dataclass
class Product:
    """`documents` by path; each path that has none is a status callback, and gets 204."""

    token: str = ""
    documents: dict[str, Document] = field(default_factory=dict)
    told: list[tuple[str, Params]] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    refused: int = 0

    def __call__(self, request: HttpRequest) -> HttpAnswer | Failed:
        parts = urlsplit(request.url)
        self.requests.append(request)
        form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        posted = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) if form else {}
        signed: Params | str = posted if form or request.method == "GET" else request.body.decode()
        if not RequestValidator(self.token).validate(request.url, signed, request.headers["X-Twilio-Signature"]):
            self.refused += 1
            return HttpAnswer(403)
        params = posted or dict(parse_qsl(parts.query, keep_blank_values=True))
        self.told.append((parts.path, params))
        document = self.documents.get(parts.path)
        answer = document(params) if callable(document) else document
        if answer is None:
            return HttpAnswer(204)
        return answer if isinstance(answer, HttpAnswer) else xml(answer)

    def heard(self, path: str) -> list[Params]:
        """What came to this path, in the order of coming."""
        return [params for where, params in self.told if where == path]

    def words(self, path: str, name: str) -> list[str]:
        """One parameter of all that came to this path."""
        return [params.get(name, "") for params in self.heard(path)]


def xml(text: str) -> HttpAnswer:
    return HttpAnswer(200, text.encode(), {"content-type": "text/xml; charset=utf-8"})
