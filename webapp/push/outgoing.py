"""Sending. What is sent says that there is something, never of whom: it may be shown on a locked screen."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from email.utils import parseaddr
from urllib.parse import urlsplit

import requests
import structlog
from flask import current_app
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush

log = structlog.get_logger(__name__)
TIMEOUT = 5.0  # seconds
GONE = (404, 410)  # the browser took its permission back


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    url: str  # a path of ours
    tag: str  # one message replaces another of the same


@dataclass(frozen=True, slots=True)
class Address:
    endpoint: str
    p256dh: str
    auth: str


def send(address: Address, message: Message, private_pem: str, *, ttl: int) -> bool:
    """False: there is no such browser any more. What a push service or the network refuses is logged: a push is a bell."""
    host = urlsplit(address.endpoint).hostname
    session = requests.Session()
    session.max_redirects = 0  # the address was looked at; another one was not
    try:
        webpush(
            {"endpoint": address.endpoint, "keys": {"p256dh": address.p256dh, "auth": address.auth}},
            json.dumps(asdict(message)),
            vapid_private_key=Vapid02.from_pem(private_pem.encode()),
            vapid_claims={"sub": _contact()},
            ttl=ttl,
            timeout=TIMEOUT,
            headers={"Urgency": "high"},
            requests_session=session,
        )
    except WebPushException as error:
        status = error.response.status_code if error.response is not None else 0
        log.warning("push refused", service=host, status=status)
        return status not in GONE
    except (requests.RequestException, ValueError) as error:
        log.warning("push not sent", service=host, problem=type(error).__name__)
    finally:
        session.close()
    return True


def _contact() -> str:
    """Whom a push service may ask about what comes from here."""
    settings = current_app.extensions["ringback.settings"]
    if address := parseaddr(settings.mail_from)[1]:
        return f"mailto:{address}"
    return settings.url if settings.url.startswith("https://") else "mailto:ringback@ringback.invalid"
