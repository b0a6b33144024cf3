"""A stand-in in virtual time, the official library, a small product; every request is held against the description."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from twilio.rest import Client

from telephony.fake.twilio import Api, FakeTwilio, FunctionTransport, HttpRequest, client_of
from tests.fake_twilio.contract import Contract
from tests.fake_twilio.product import HOST, Product

OURS = "+15005550006"
ALICE = "+15005550101"  # a customer
BOB = "client:agent_7"  # an agent in a browser


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def twilio(product: Product) -> FakeTwilio:
    twilio = FakeTwilio(FunctionTransport(product), calls_per_second=10)
    product.token = twilio.account.auth_token
    twilio.buy(
        OURS,
        VoiceUrl=f"{HOST}/voice",
        VoiceFallbackUrl="https://fallback.test/sorry",
        StatusCallback=f"{HOST}/number",
        SmsUrl=f"{HOST}/sms",
    )
    twilio.people.anybody = None  # who is called must be somebody
    return twilio


@pytest.fixture
def api(twilio: FakeTwilio) -> Api:
    api = Api(twilio)
    api.check = Contract().check
    return api


@pytest.fixture
def client(api: Api) -> Client:
    return client_of(api)


@pytest.fixture
def served() -> Iterator[tuple[Product, str]]:
    """A product behind a proxy: its public address is HOST, in truth it is on a port here."""
    product = Product()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = product(HttpRequest("POST", HOST + self.path, dict(self.headers.items()), body))
            self.send_response(answer.status)  # type: ignore[union-attr]
            for name, value in answer.headers.items():  # type: ignore[union-attr]
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)  # type: ignore[union-attr]

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield product, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
