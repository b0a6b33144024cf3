from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import http_ece
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_call
from webapp.accounts import actions as accounts
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState, Leg
from webapp.calls.pops import begin
from webapp.db import db, now, transaction
from webapp.notices.actions import notify
from webapp.push import actions
from webapp.push.jobs import push_call, push_notices
from webapp.push.models import PushKey, PushSubscription
from webapp.tasks import oversight

As = Callable[[User], FlaskClient]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PushService:
    """Takes messages for one browser, which alone can read them."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers = 201
        self.key, self.secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.answers)
                if outer.answers == 307:
                    self.send_header("Location", outer.address("elsewhere"))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/push/{name}"

    def browser(self, name: str = "alice") -> dict[str, str]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": self.address(name), "p256dh": b64(point), "auth": b64(self.secret)}

    def read(self) -> list[dict[str, str]]:
        """As the browser does."""
        opened = (
            http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
            for _headers, body in self.taken
        )
        return [json.loads(text) for text in opened]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service(app: Flask) -> Iterator[PushService]:
    app.config["RINGBACK_PUSH_HOSTS"] = ("127.0.0.1", "*.push.example.org")
    running = PushService()
    yield running
    running.stop()


@pytest.fixture
def woken(alice: User, as_: As, service: PushService) -> User:
    assert as_(alice).post("/push/subscriptions", json=service.browser()).status_code == 204
    db.session.rollback()
    return alice


def ringing_at(user: User) -> Call:
    call = make_call(state=CallState.RINGING, ringing=(user,), name_raw="Dana Reyes")
    with transaction():
        begin(db.session.get_one(Call, call.id), db.session.get_one(Leg, call.legs[0].id), now())
    return call


def test_a_ringing_phone_wakes_its_owners_browser_and_says_of_nobody(woken: User, service: PushService) -> None:
    call = ringing_at(woken)
    push_call(str(call.id), str(woken.id))
    push_call(str(call.id), str(woken.id))  # its row changed while it rang
    [message] = service.read()
    assert message == {"title": "A call rings", "body": "Queue: sales", "url": "/desk", "tag": f"call:{call.id}"}
    [(headers, body)] = service.taken
    assert headers["authorization"].startswith("vapid t=") and headers["ttl"] == "30"
    assert b"sales" not in body  # only the browser can read it


def test_a_phone_that_does_not_ring_any_more_wakes_nobody(woken: User, service: PushService) -> None:
    for call in (make_call(ringing=(woken,)), make_call(state=CallState.ANSWERED, answered_by=woken)):
        push_call(str(call.id), str(woken.id))
    assert service.taken == []


def due(user: User, kind: str = oversight.REMINDER, key: str = "one") -> None:
    with transaction():
        notify([db.session.get_one(User, user.id)], kind=kind, key=key, facts={"who": "Dana Reyes"}, at=now())


def test_a_callback_that_is_due_wakes_once_in_the_language_of_who_reads_it(woken: User, service: PushService) -> None:
    with transaction():
        db.session.get_one(User, woken.id).locale = "el"
    due(woken)
    push_notices(str(woken.id))
    push_notices(str(woken.id))
    [message] = service.read()
    assert "Dana" not in json.dumps(message) and message["url"] == "/day"
    assert message["title"] != "A callback is due soon"  # but Greek


def test_what_is_no_callback_is_for_the_bell_alone(woken: User, service: PushService) -> None:
    due(woken, oversight.ASSIGNED)
    push_notices(str(woken.id))
    assert service.taken == []


def test_who_logs_out_is_not_woken_any_more(woken: User, service: PushService) -> None:
    with transaction():
        accounts.logged_in(db.session.get_one(User, woken.id))
    with transaction():
        accounts.logged_out(db.session.get_one(User, woken.id))
    assert db.session.scalars(sa.select(PushSubscription)).all() == []


def test_a_browser_that_another_uses_now_is_theirs(woken: User, bob: User, as_: As, service: PushService) -> None:
    assert as_(bob).post("/push/subscriptions", json=service.browser()).status_code == 204
    db.session.rollback()
    assert [each.user_id for each in db.session.scalars(sa.select(PushSubscription))] == [bob.id]
    as_(woken).post("/push/subscriptions/remove", json={"endpoint": service.address("alice")})  # not hers to remove
    db.session.rollback()
    assert db.session.scalars(sa.select(PushSubscription)).all() != []
    as_(bob).post("/push/subscriptions/remove", json={"endpoint": service.address("alice")})
    db.session.rollback()
    assert db.session.scalars(sa.select(PushSubscription)).all() == []


def test_of_a_users_many_browsers_the_last_ones_are_woken(alice: User, as_: As, service: PushService) -> None:
    for number in range(actions.MOST + 3):
        assert as_(alice).post("/push/subscriptions", json=service.browser(str(number))).status_code == 204
    db.session.rollback()
    kept = {each.endpoint.rpartition("/")[2] for each in db.session.scalars(sa.select(PushSubscription))}
    assert kept == {str(number) for number in range(3, actions.MOST + 3)}


@pytest.mark.parametrize(("status", "left"), [(410, 0), (404, 0), (503, 1), (429, 1), (307, 1)])
def test_a_browser_that_is_gone_is_forgotten_and_a_service_that_is_ill_is_not(
    woken: User, service: PushService, status: int, left: int
) -> None:
    service.answers = status
    due(woken)
    push_notices(str(woken.id))
    db.session.rollback()
    assert len(db.session.scalars(sa.select(PushSubscription)).all()) == left
    assert len(service.taken) == 1  # nothing is followed to where it leads


def test_a_service_that_is_away_harms_nothing(woken: User, service: PushService) -> None:
    service.server.server_close()
    due(woken)
    push_notices(str(woken.id))
    assert len(db.session.scalars(sa.select(PushSubscription)).all()) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "x", "https://example.org/push", "http://a.push.example.org/x", "https://push.example.org.evil.net/x",
        "https://user:word@a.push.example.org/x", "https://169.254.169.254/latest", "file:///etc/passwd",
        "https://[::1", "https://a.push.example.org/" + "x" * 1000,
    ],
)  # fmt: skip
def test_only_push_services_are_asked(alice: User, as_: As, service: PushService, endpoint: str) -> None:
    answer = as_(alice).post("/push/subscriptions", json=service.browser() | {"endpoint": endpoint})
    assert answer.status_code == 422 and answer.json is not None
    assert "endpoint" in answer.json["error"]["fields"]


@pytest.mark.parametrize("field", ["p256dh", "auth"])
@pytest.mark.parametrize("value", ["", "x", "ä", "A" * 200, 7])
def test_keys_that_are_none_are_named(alice: User, as_: As, service: PushService, field: str, value: object) -> None:
    answer = as_(alice).post("/push/subscriptions", json=service.browser() | {field: value})
    assert answer.status_code == 422 and answer.json is not None
    assert field in answer.json["error"]["fields"]


def test_the_key_is_made_once(alice: User, bob: User, as_: As) -> None:
    first, second = as_(alice).post("/push/key").json, as_(bob).post("/push/key").json
    assert first == second and first is not None
    assert len(base64.urlsafe_b64decode(first["key"] + "=")) == 65
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PushKey)) == 1


def test_an_allowed_service_may_lie_below_a_host(app: Flask, service: PushService) -> None:
    assert actions.is_push_service(f"https://eu.push.example.org/{uuid4()}")


def test_the_service_worker_keeps_nothing_of_anybody(alice: User, as_: As) -> None:
    browser = as_(alice)
    script = browser.get("/sw.js")
    assert script.mimetype == "text/javascript" and script.headers["Cache-Control"] == "no-cache"
    kept = json.loads(script.text.split("const KEPT = ")[1].split(";\n")[0])
    assert {path for path in kept if not path.startswith("/static/")} == {"/offline"}
    page = browser.get("/offline").text
    assert alice.name not in page and str(alice.id) not in page and "csrf" not in page and "<script" not in page
