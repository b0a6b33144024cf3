"""The service worker, its page for when there is no connection, and the browsers that may be woken."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, current_app, render_template, url_for
from flask_login import current_user
from flask_security import auth_required

from webapp import incoming
from webapp.accounts.models import User
from webapp.assets_build import style_urls
from webapp.db import db, transaction
from webapp.push import actions

bp = Blueprint("push", __name__)


@bp.get("/sw.js")
def service_worker() -> Any:
    """It keeps the page for when there is no connection, and what that is made of; nothing that anybody wrote."""
    kept = [url_for(".offline"), *style_urls(), url_for("static", filename="favicon.svg")]
    version = hashlib.sha256("\n".join(kept).encode()).hexdigest()[:12]
    script = render_template("push/sw.js", kept=kept, version=version, offline=url_for(".offline"))
    response = Response(script, mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.get("/offline")
def offline() -> Any:
    response = current_app.make_response(render_template("push/offline.html", styles=style_urls()))
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.post("/push/key")
@auth_required("session")  # type: ignore[untyped-decorator]
def public_key() -> Any:
    with transaction():
        public = actions.key().public
    return {"key": public}


@bp.post("/push/subscriptions")
@auth_required("session")  # type: ignore[untyped-decorator]
def subscribe() -> Any:
    sent, user_id = incoming.body(), current_user.id
    endpoint, p256dh, auth = (incoming.text(sent, name) for name in ("endpoint", "p256dh", "auth"))
    with transaction():
        actions.subscribe(db.session.get_one(User, user_id), endpoint, p256dh, auth)
    return "", 204


@bp.post("/push/subscriptions/remove")
@auth_required("session")  # type: ignore[untyped-decorator]
def unsubscribe() -> Any:
    endpoint, user_id = incoming.text(incoming.body(), "endpoint"), current_user.id
    with transaction():
        actions.unsubscribe(db.session.get_one(User, user_id), endpoint)
    return "", 204
