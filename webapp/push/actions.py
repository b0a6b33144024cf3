"""Which browsers are woken for whom. Verbs never commit."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app
from flask_babel import gettext as _
from py_vapid import Vapid02

from webapp.accounts.models import User
from webapp.db import db
from webapp.errors import Invalid
from webapp.push.models import PushKey, PushSubscription

LONGEST = 1000
MOST = 20  # browsers of one user; older ones are forgotten
LOOPBACK = {"127.0.0.1", "localhost"}
POINT, SECRET = 65, 16  # bytes


def subscribe(user: User, endpoint: str, p256dh: str, auth: str) -> PushSubscription:
    """This browser is now this user's: whoever used it before is not woken there any more. Raises Invalid, by field."""
    problems = {}
    if len(endpoint) > LONGEST or not is_push_service(endpoint):
        problems["endpoint"] = _("This is no push service that is known here.")
    if _size(p256dh) != POINT:
        problems["p256dh"] = _("This cannot be used.")
    if _size(auth) != SECRET:
        problems["auth"] = _("This cannot be used.")
    if problems:
        raise Invalid(_("This browser cannot be notified."), fields=problems)
    subscription = db.session.scalar(sa.select(PushSubscription).where(PushSubscription.endpoint == endpoint))
    if subscription is None:
        subscription = PushSubscription(endpoint=endpoint)
        db.session.add(subscription)
    subscription.user_id, subscription.p256dh, subscription.auth = user.id, p256dh, auth
    db.session.flush()
    _forget_all_but(MOST, user.id)
    return subscription


def unsubscribe(user: User, endpoint: str) -> None:
    theirs = sa.and_(PushSubscription.user_id == user.id, PushSubscription.endpoint == endpoint)
    db.session.execute(sa.delete(PushSubscription).where(theirs))


def forget(user_id: UUID) -> None:
    """They logged out: nothing wakes a browser for them."""
    db.session.execute(sa.delete(PushSubscription).where(PushSubscription.user_id == user_id))


def _forget_all_but(most: int, user_id: UUID) -> None:
    newest = sa.select(PushSubscription.id).where(PushSubscription.user_id == user_id)
    kept = db.session.scalars(newest.order_by(PushSubscription.id.desc()).limit(most)).all()
    theirs = sa.and_(PushSubscription.user_id == user_id, PushSubscription.id.not_in(kept))
    db.session.execute(sa.delete(PushSubscription).where(theirs))


def key() -> PushKey:
    """Made once; of two that make it at the same moment one is kept."""
    found = db.session.get(PushKey, 1)
    if found is not None:
        return found
    pair = Vapid02()
    pair.generate_keys()
    point = pair.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    made = PushKey(
        id=1,
        private_pem=pair.private_pem().decode(),
        public=base64.urlsafe_b64encode(point).rstrip(b"=").decode(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except sa.exc.IntegrityError:
        return db.session.get_one(PushKey, 1)
    return made


def is_push_service(endpoint: str) -> bool:
    """A browser names the address to which we send: only push services that were allowed are asked, and over TLS."""
    try:
        parts = urlsplit(endpoint)
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    allowed = current_app.config["RINGBACK_PUSH_HOSTS"]
    known = any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in allowed)
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    return known and safe and not parts.username and not parts.password


def _size(text: str) -> int:
    """Of what is written in base64url; 0 if it is not."""
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return 0
