"""Wires to the product: within the process, as any WSGI server would call it, or by HTTP."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests

from telephony.fake.twilio.errors import NotModelled
from telephony.fake.twilio.webhooks import CONNECT, CONNECTION_FAILED, RETRIEVAL_FAILED, Failed, HttpAnswer, HttpRequest

Done = Callable[[HttpAnswer | Failed], None]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class NoProduct:
    """Nobody listens: a stand-in of which only the REST API is used."""

    def send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        done(Failed("ct", CONNECTION_FAILED))


class FunctionTransport:
    """A function plays the product."""

    def __init__(self, answer: Callable[[HttpRequest], HttpAnswer | Failed]) -> None:
        self._answer = answer

    def send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        done(self._answer(request))


class WsgiTransport:
    """Any WSGI application, called at once and in the same thread. What it raises is raised."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        done(call_wsgi(self._app, request))


class Routes:
    """Several products, or one product and an emergency document elsewhere, by the beginning of the URL; whoever is not
    named is not modelled."""

    def __init__(self, routes: Mapping[str, Any]) -> None:
        self._routes = dict(sorted(routes.items(), key=lambda route: -len(route[0])))

    def send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        for prefix, transport in self._routes.items():
            if request.url.startswith(prefix):
                transport.send(request, seconds, done)
                return
        raise NotModelled(f"a webhook to {request.url}")


class HttpTransport:
    """By HTTP, from threads of its own. `instead`: where a public address is in truth, as behind a proxy that ends TLS;
    what is signed stays the public one."""

    def __init__(self, lock: threading.Condition, instead: Mapping[str, str] | None = None, threads: int = 16) -> None:
        self._lock, self._instead = lock, dict(instead or {})
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="twilio-webhooks")
        self._local = threading.local()

    def send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        self._pool.submit(self._send, request, seconds, done)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, request: HttpRequest, seconds: float, done: Done) -> None:
        outcome = self._request(request, seconds)
        with self._lock:
            done(outcome)
            self._lock.notify_all()

    def _request(self, request: HttpRequest, seconds: float) -> HttpAnswer | Failed:
        url, headers = request.url, dict(request.headers)
        for public, real in self._instead.items():
            if url.startswith(public):
                url = real + url.removeprefix(public)
                headers["Host"] = urlsplit(public).netloc
                headers["X-Forwarded-Proto"] = urlsplit(public).scheme
        session = getattr(self._local, "session", None) or requests.Session()
        self._local.session = session
        session.trust_env = False
        try:
            prepared = requests.Request(request.method, url, headers=headers, data=request.body).prepare()
            prepared.url = url  # as it is: nothing is quoted anew
            found = session.send(prepared, timeout=(min(CONNECT, seconds), seconds), allow_redirects=False)
        except requests.exceptions.ConnectionError:
            return Failed("ct", CONNECTION_FAILED)
        except requests.exceptions.RequestException:
            return Failed("rt", RETRIEVAL_FAILED)
        return HttpAnswer(
            found.status_code, found.content, {name.lower(): value for name, value in found.headers.items()}
        )


def call_wsgi(app: WsgiApp, request: HttpRequest) -> HttpAnswer:
    parts = urlsplit(request.url)
    raw = parts.path + (f"?{parts.query}" if parts.query else "")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "RAW_URI": raw,  # as gunicorn has it
        "REQUEST_URI": raw,  # as Werkzeug has it
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name not in ("Content-Type", "Content-Length"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    told: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info and told:
            raise exc_info[1]
        told.append((status, headers))
        return written.append

    answer = app(environ, start)
    try:
        written.extend(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    status, headers = told[-1]
    return HttpAnswer(int(status.split()[0]), b"".join(written), {name.lower(): value for name, value in headers})
