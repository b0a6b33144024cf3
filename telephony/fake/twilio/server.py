"""The stand-in in real time, on a port of this machine: a thread makes its time pass, others serve the API."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

from telephony.fake.twilio.clock import Clock
from telephony.fake.twilio.errors import NotModelled
from telephony.fake.twilio.rest import Api, ApiAnswer, ApiRequest, NoAnswer
from telephony.fake.twilio.stand_in import FakeTwilio
from telephony.fake.twilio.transports import HttpTransport

log = logging.getLogger(__name__)
T = TypeVar("T")


class TwilioServer:
    """`with TwilioServer() as server: server.twilio.buy("+15005550006", VoiceUrl=…)`.

    `server.base_url` is where the API is. Whoever touches `server.twilio` from another thread does it inside of
    `with server.lock`. `public` says where a public address is in truth. What was met and is not modelled is in
    `errors`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        public: Mapping[str, str] | None = None,
        calls_per_second: float = 1.0,
    ) -> None:
        self.lock = threading.Condition(threading.RLock())
        self._transport = HttpTransport(self.lock, public)
        clock = Clock(time.time())
        self.twilio = FakeTwilio(self._transport, seed=seed, clock=clock, calls_per_second=calls_per_second)
        self.api = Api(self.twilio)
        self.errors: list[Exception] = []
        self._over = False
        self._server = _Server((host, port), _Handler)
        self._server.stand_in = self
        self.base_url = f"http://{host}:{self._server.server_port}"
        self.api.media_base = self.base_url
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="twilio-api", daemon=True),
            threading.Thread(target=self._live, name="twilio-clock", daemon=True),
        ]
        clock.changed = self._wake

    def __enter__(self) -> TwilioServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self._over = True
            self.lock.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._transport.close()

    def wait_for(self, condition: Callable[[], T], timeout: float = 30.0) -> T:
        """Until it holds; AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self.lock:
            while not (found := condition()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not within {timeout:g} s: {condition}")
                self.lock.wait(min(left, 0.05))
            return found

    def answer(self, request: ApiRequest) -> ApiAnswer:
        with self.lock:
            self.twilio.clock.now = max(self.twilio.clock.now, time.time())
            try:
                return self.api.handle(request)
            except NotModelled as error:
                self._complain(error)
                body = {"code": 0, "message": f"not modelled: {error}", "status": 501}
                return ApiAnswer(501, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _live(self) -> None:
        clock = self.twilio.clock
        with self.lock:
            while not self._over:
                try:
                    clock.run_until(time.time())
                except Exception as error:  # one story breaks, the others go on
                    self._complain(error)
                    continue
                self.lock.notify_all()
                due = clock.next_moment
                self.lock.wait(0.5 if due is None else min(0.5, max(0.0, due - time.time())))

    def _complain(self, error: Exception) -> None:
        self.errors.append(error)
        log.error("the stand-in of Twilio: %s: %s", type(error).__name__, error)

    def _wake(self) -> None:
        with self.lock:
            self.lock.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: TwilioServer

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a client went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0) or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.server.stand_in.answer(ApiRequest(self.command, self.path, body, headers))
        except NoAnswer:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)
