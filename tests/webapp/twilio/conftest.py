"""A call centre on a Twilio account that is none: the product as it is, and hours that pass in a second."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from config.twilio import TwilioSettings
from telephony.fake.twilio import Api, Clock, FakeTwilio, InProcess, WsgiTransport
from telephony.fake.twilio.chaos import Trouble
from telephony.fake.twilio.people import Script
from telephony.journal import Journal
from telephony.twilio.addresses import Addresses
from telephony.twilio.bridge import TwilioBridge
from telephony.twilio.reconciler import Reconciler
from telephony.twilio.rest import Rest
from telephony.twilio.switch import TwilioSwitch
from telephony.twilio.webhooks import Kind
from webapp import leases, switches
from webapp.accounts import presence
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.books.asked import AskedPlace
from webapp.bridges import receiver
from webapp.calls import actions
from webapp.calls.models import Call, CallState
from webapp.calls.webhooks import RequestInbox
from webapp.db import db, now, transaction
from webapp.routing.router import Router

OURS, DANA, EVE = "+302100000100", "+306944000001", "+306944000002"
BASE = "https://crm.example.org"
STEP, LOOK, BEAT = 0.25, 2.0, 10.0


class Centre:
    """`run` lets time pass for everybody: people, Twilio, the bridge, and who gives callers to agents."""

    def __init__(self, app: Flask, directory: Path, trouble: Trouble | None = None, seed: int = 1) -> None:
        self.app, self._directory = app, directory
        self.twilio = FakeTwilio(
            WsgiTransport(self._wsgi), clock=Clock(now().timestamp()), calls_per_second=50, trouble=trouble, seed=seed
        )
        self.api = Api(self.twilio)
        account, at = self.twilio.account, Addresses(BASE, "gr")
        self.settings = TwilioSettings(
            name="gr", account_sid=account.sid, api_key=account.key_sid, api_secret=account.key_secret, public_url=BASE,
            auth_token=account.auth_token, numbers={OURS: "sales"}, shown_number=OURS, longest_wait=60,
        )  # fmt: skip
        self.twilio.buy(OURS, VoiceUrl=at.url(Kind.VOICE), StatusCallback=at.url(Kind.STATUS))
        app.extensions["ringback.accounts"] = {"gr": self.settings}
        app.extensions["ringback.arrival"] = lambda: self.now
        rest = Rest(
            account.sid, account.key_sid, account.key_secret, calls_per_second=50, http=InProcess(self.api),
            clock=lambda: self.twilio.clock.now, sleep=lambda _seconds: None,
        )  # fmt: skip
        self.switch = TwilioSwitch("gr", rest, at, shown=OURS)
        switches.use(app, self.switch)
        self.place = AskedPlace(app, "gr")
        self.reconciler = Reconciler(self.switch.records, RequestInbox(app, self.settings), self.place)
        self.place.since(self.now)
        self._heard, self._looked_at, self._beaten_at = -1, 0.0, 0.0
        self.agents: list[User] = []
        self.bridge_alive = True
        self.router = Router(app, "gr", self._offer, ring_seconds=15)
        self._journal = Journal(directory)
        self.bridge = TwilioBridge(
            RequestInbox(app, self.settings), self.switch, receiver(app, "gr", routed=True), self._journal,
            threading.Event(),
        )  # fmt: skip
        self._beat()

    def close(self) -> None:
        self._journal.close()
        for name in ("ringback.arrival",):
            self.app.extensions.pop(name)
        self.app.extensions["ringback.accounts"] = {}
        self.app.extensions["ringback.switches"].pop("gr")

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.twilio.clock.now, UTC)

    def _wsgi(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return contextvars.Context().run(self.app.wsgi_app, environ, start)

    def _offer(self, uid: str, line: str) -> str:
        return self.switch.offer(uid, line, ring_seconds=15)

    def hires(self, user: User, *scripts: Script) -> User:
        """Their page is open; the browser does what the scripts say."""
        self.twilio.people.at(f"client:{user.username}", *scripts)
        with transaction():
            logged_in(db.session.get_one(User, user.id))
        self.agents.append(user)
        self._beat()
        return user

    def turn(self) -> None:
        """Whatever has come is followed at once; where nothing has, it is looked now and then."""
        heard, at = len(self.twilio.webhooks.log), self.twilio.clock.now
        if heard == self._heard and at < self._looked_at + LOOK:
            return
        self._heard, self._looked_at = heard, at
        db.session.rollback()
        if self.bridge_alive:
            if at >= self._beaten_at + BEAT:
                self._beat()
            self.bridge.turn()
            self.router.turn(self.now)

    def _beat(self) -> None:
        self._beaten_at = self.twilio.clock.now
        leases.take("bridge:gr", "test", at=self.now)
        with transaction():
            presence.seen([user.id for user in self.agents], self.now)

    def run(self, seconds: float) -> None:
        until = self.twilio.clock.now + seconds
        while self.twilio.clock.now < until:
            quiet = all(call.is_over for call in self.twilio.calls.all.values())
            self.twilio.clock.advance(min(LOOK if quiet else STEP, until - self.twilio.clock.now))
            self.turn()

    def reconcile(self) -> None:
        """As it is done every two minutes."""
        db.session.rollback()
        self.reconciler.run(self.now)
        self.turn()

    def run_until(self, condition: Callable[[], object], limit: float = 120) -> None:
        until = self.twilio.clock.now + limit
        while not condition():
            assert self.twilio.clock.now < until, "it never came to that"
            self.twilio.clock.advance(STEP)
            self.turn()

    def call(self, number: str = DANA) -> Call:
        db.session.rollback()
        query = sa.select(Call).where(Call.number == number).order_by(Call.started_at.desc(), Call.id.desc())
        return db.session.scalars(query).unique().first()  # type: ignore[return-value]

    def is_(self, state: CallState, number: str = DANA) -> Callable[[], bool]:
        return lambda: (call := self.call(number)) is not None and call.state is state

    def clicks(self, user: User, number: str = DANA) -> Call:
        """As the button does."""
        with transaction():
            call = actions.request_call(db.session.get_one(User, user.id), number, f"click-{self.now.timestamp()}")
        actions.dial(call.id)
        return call


@pytest.fixture
def centre(app: Flask, tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(app, tmp_path / "journal")
    yield centre
    centre.close()


@pytest.fixture
def agent(centre: Centre, person: Callable[..., User]) -> Callable[..., User]:
    """Somebody with a phone in the browser, at work."""

    def add(name: str, *scripts: Script) -> User:
        user = person(name, name.title(), lines=(), browser_lines=(f"Client/{name}",), switch="gr")
        return centre.hires(user, *scripts)

    return add
