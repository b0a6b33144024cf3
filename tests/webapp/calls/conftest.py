"""A Twilio account beside the PBX of all stories, and Twilio itself, which signs what it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from config.twilio import TwilioSettings
from telephony.twilio.addresses import Addresses
from telephony.twilio.webhooks import Webhook
from tests.telephony.twilio.hooks import ACCOUNT, OURS
from webapp import leases
from webapp.accounts import presence
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.db import db, now, transaction

TOKEN = "0123456789abcdef" * 2
BASE = "https://crm.example.org"


@pytest.fixture
def account(app: Flask) -> Iterator[TwilioSettings]:
    before = app.extensions["ringback.accounts"]
    settings = TwilioSettings(
        name="gr", account_sid=ACCOUNT, api_key="SK" + "0" * 32, api_secret="x" * 32, public_url=BASE, auth_token=TOKEN,
        numbers={OURS: "sales"}, shown_number=OURS,
    )  # fmt: skip
    app.extensions["ringback.accounts"] = {"gr": settings}
    yield settings
    app.extensions["ringback.accounts"] = before


class Twilio:
    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def asks(self, webhook: Webhook, **more: Any) -> Any:
        """As it would, at the address that it was given."""
        at = Addresses(BASE, "gr")
        path = at.path(webhook.kind)
        if webhook.kind.value not in ("voice", "status"):
            step = [webhook.step] if webhook.step else []
            by = [webhook.by.replace("/", "~")] if webhook.by else []
            part = [webhook.part] if webhook.part else []
            path = at.path(webhook.kind, webhook.root, *step, *part, *by)
        fields = dict(webhook.fields)
        if "Timestamp" in fields:  # it comes in the second in which it happened: its arrival tells more exactly when
            fields["Timestamp"] = format_datetime((now() + timedelta(seconds=1)).replace(microsecond=0))
        return self.posts(path, fields, **more)

    def posts(
        self, path: str, fields: dict[str, Any], *, token: str = TOKEN, signed: dict[str, Any] | None = None,
        signature: str | None = None, **more: Any,
    ) -> Any:  # fmt: skip
        signature = signature or RequestValidator(token).compute_signature(
            BASE + path, fields if signed is None else signed
        )
        return self._client.post(path, data=fields, headers={"X-Twilio-Signature": signature}, **more)


@pytest.fixture
def twilio(client: FlaskClient, account: TwilioSettings) -> Twilio:
    return Twilio(client)


@pytest.fixture
def with_a_page(person: Callable[..., User]) -> Callable[[str], User]:
    """Somebody with a browser phone of the account, and their page open."""

    def add(name: str) -> User:
        user = person(name, name.title(), lines=(), browser_lines=(f"Client/{name}",), switch="gr")
        with transaction():
            logged_in(db.session.get_one(User, user.id))
            presence.seen([user.id], now())
        return user

    return add


@pytest.fixture
def bridge_alive(app: Flask) -> None:
    leases.take("bridge:gr", "somebody")
