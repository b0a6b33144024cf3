"""Composition: settings in, a Flask application out. Nothing happens at import time."""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets as random
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import (
    Flask,
    Response,
    g,
    has_request_context,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import Babel
from flask_babel import gettext as _
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security import Security, SQLAlchemyUserDatastore
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from config.settings import Settings
from webapp import assets_build, health, jobs, live, logs, switches
from webapp.accounts import brake
from webapp.accounts.actions import LOCALES, logged_in, logged_out
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.models import Role, User
from webapp.books import intake
from webapp.calls import webhooks
from webapp.calls.shown import result_word
from webapp.db import AWAY, db, transaction
from webapp.desk.shell import call_refusal, shell_context
from webapp.errors import Forbidden, NotFound, RingbackError, TooManyAttempts
from webapp.incoming import wants_json

log = structlog.get_logger(__name__)
csrf = CSRFProtect()

FEATURES = (
    "accounts", "notices", "contacts", "calls", "phones", "agents", "tasks", "wrapup", "scripts", "books", "push",
    "settings", "desk",
)  # fmt: skip
# pages that have a module of their own beside their feature's views
BESIDE = (
    "settings.breaks", "settings.calling", "settings.dispositions", "settings.routing", "settings.scripts", "settings.targets",
    "settings.wrap_up",
    "desk.calling", "desk.dial", "desk.palette", "desk.day", "desk.pops",
)  # fmt: skip
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'{phones}; media-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def create_app(settings: Settings, *, async_mode: str | None = None) -> Flask:
    logs.configure(settings)
    app = Flask("webapp", root_path=os.path.dirname(__file__))
    app.config.update(_config(settings))
    app.extensions["ringback.settings"] = settings
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    _subscribe()
    csrf.init_app(app)
    Babel(app, locale_selector=_locale)
    security = Security(app, SQLAlchemyUserDatastore(db, User, Role))
    security.unauthn_handler(_ask_to_log_in)
    # a trial shows who can be played; the list is empty otherwise
    security.login_context_processor(lambda: {"demo_logins": app.extensions.get("ringback.demo_logins", [])})
    brake.init(app)
    user_logged_in.connect(_arrived, app)
    user_logged_out.connect(_left, app)
    switches.init(app, settings)
    live.init(app, settings, async_mode=async_mode)
    jobs.init(app, settings)
    assets_build.init_app(app)
    _register_views(app)
    _register_errors(app)
    _register_edges(app, settings)
    return app


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(settings.database_url),
        "RINGBACK_REGION": settings.default_region,
        "RINGBACK_CALLBACK_MINUTES": settings.callback_minutes,
        "RINGBACK_POP_DAYS": settings.pop_days,
        "RINGBACK_PUSH_HOSTS": settings.push_hosts,
        "MAX_CONTENT_LENGTH": 1_000_000,
        "MAX_FORM_MEMORY_SIZE": 1_000_000,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_NAME": "__Host-ringback" if settings.secure_cookies else "ringback",
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": settings.secure_cookies,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=14),
        "WTF_CSRF_TIME_LIMIT": None,
        "BABEL_DEFAULT_LOCALE": settings.default_locale,
        "BABEL_DEFAULT_TIMEZONE": settings.timezone,
        "BABEL_TRANSLATION_DIRECTORIES": "translations",
        "SECURITY_PASSWORD_SALT": settings.password_salt,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
        "SECURITY_USERNAME_ENABLE": True,
        "SECURITY_USERNAME_REQUIRED": True,
        "SECURITY_USERNAME_MIN_LENGTH": 2,
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_SEND_REGISTER_EMAIL": False,
        "SECURITY_URL_PREFIX": None,
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": ("Wrong user name or password.", "error"),
        "SECURITY_POST_LOGIN_VIEW": "/desk",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_REDIRECT_ALLOW_SUBDOMAINS": False,
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_I18N_DIRNAME": ["builtin", os.path.join(os.path.dirname(__file__), "translations")],
        "SECURITY_LOGIN_USER_TEMPLATE": "security/login_user.html",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_UNAUTHORIZED_VIEW": None,
        "SECURITY_DEFAULT_REMEMBER_ME": False,
    }


def _engine_options(url: str) -> dict[str, Any]:
    """An error in the log shows the statement, not its values: among them are callers, notes and password hashes."""
    if url.startswith("sqlite"):
        return {"hide_parameters": True, "connect_args": {"timeout": 5, "check_same_thread": False}}
    return {"hide_parameters": True, "pool_pre_ping": True, "pool_size": 10, "max_overflow": 20}


def _subscribe() -> None:
    """Import what registers itself: tables, subscribers, jobs."""
    importlib.import_module("webapp.leases")
    for feature in (*FEATURES, "timeline", "mail", "routing"):
        for part in ("models", "subscribers", "jobs", "words"):
            name = f"webapp.{feature}.{part}"
            if importlib.util.find_spec(name):
                importlib.import_module(name)


def _register_views(app: Flask) -> None:
    for beside in BESIDE:
        importlib.import_module(f"webapp.{beside}")
    for feature in FEATURES:
        app.register_blueprint(importlib.import_module(f"webapp.{feature}.views").bp)
    for programs_come in (health.bp, intake.bp, webhooks.bp):
        app.register_blueprint(programs_come)
        csrf.exempt(programs_come)

    @app.get("/")
    def home() -> Any:
        return redirect(url_for("desk.index"))


def _locale() -> str | None:
    if not has_request_context():  # a command, a job: the installation's language
        return None
    chosen = None if g.get("database_away") else getattr(current_user, "locale", None)
    return chosen or request.accept_languages.best_match(LOCALES)  # or else the installation's


def _arrived(_app: Flask, user: User, **_: Any) -> None:
    with transaction():
        logged_in(db.session.get_one(User, user.id))
    jobs.soon(keep_in_step, str(user.id))


def _left(_app: Flask, user: User, **_: Any) -> None:
    user_id = user.id
    with transaction():
        logged_out(db.session.get_one(User, user_id))
    live.end_sessions(user_id)
    jobs.soon(keep_in_step, str(user_id))


def _ask_to_log_in(_mechanisms: Any = None, headers: Any = None) -> Any:
    """A page is sent to the log-in; a script of an open page is only told, so that no call in it is lost."""
    if "HX-Request" in request.headers or "X-Requested-With" in request.headers or wants_json():
        told = _answer(401, "unauthenticated", _plain_message(401), {}) if wants_json() else (_plain_message(401), 401)
        session.modified = False  # its cookie would replace that of the log-in which is being shown
        return told
    here = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("security.login", next=here))


def _register_errors(app: Flask) -> None:
    @app.errorhandler(RingbackError)
    def told(error: RingbackError) -> Any:
        return _answer(error.status, error.code, _message(error), error.fields)

    @app.errorhandler(TooManyAttempts)
    def too_many(error: TooManyAttempts) -> Any:
        response = make_response(_answer(error.status, error.code, _message(error), {}))
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    @app.errorhandler(CSRFError)
    def forged(error: CSRFError) -> Any:
        # the token went with the session: what is needed is the log-in, not another token
        if not current_user.is_authenticated and request.endpoint != "security.login":
            return _ask_to_log_in()
        return _answer(400, "csrf", _("This form is too old. Reload the page and try again."), {})

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> Any:
        if error.response is not None:
            return error
        status = error.code or 500
        return _answer(status, (error.name or "error").lower().replace(" ", "_"), _plain_message(status), {})

    def away(error: Exception) -> Any:
        log.warning("the database is away", path=request.path, method=request.method, problem=type(error).__name__)
        g.database_away = True  # nobody knows who asks
        with suppress(*AWAY):
            db.session.rollback()
        return _answer(503, "unavailable", _plain_message(503), {})

    for each in AWAY:
        app.register_error_handler(each, away)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Any:
        log.exception("request failed", path=request.path, method=request.method)
        db.session.rollback()
        return _answer(500, "server_error", _plain_message(500), {})


def _message(error: RingbackError) -> str:
    if isinstance(error, NotFound | Forbidden) and error.message == "":
        return _plain_message(error.status)
    return error.message or _plain_message(error.status)


def _plain_message(status: int) -> str:
    messages = {
        401: _("Log in to go on."),
        403: _("You may not do this."),
        404: _("This does not exist, or is not yours to see."),
        405: _("This cannot be done here."),
        413: _("This is too large."),
        429: _("Too many attempts. Wait a little."),
        503: _("The database does not answer. Nothing that was saved is lost; try again in a moment."),
    }
    return messages.get(status) or str(_("Something went wrong on our side. Nothing you typed was lost."))


def _answer(status: int, code: str, message: str, fields: dict[str, str]) -> Any:
    if wants_json():
        error = {"code": code, "message": message, "fields": fields, "request_id": g.get("request_id")}
        return jsonify(error=error), status
    facts = {"status": status, "code": code, "message": message, "fields": fields, "request_id": g.get("request_id")}
    try:
        return render_template("error.html", **facts), status
    except Exception:  # what broke the page may break its frame too
        if not g.get("database_away"):
            log.exception("the error page failed", path=request.path)
        return Response(f"{message}\n\n{facts['request_id']}\n", status, mimetype="text/plain")


def _content_security_policy(settings: Settings) -> str:
    """A page speaks with us alone, and with the PBX on which its phone registers."""
    urls = [switch.browser_phones.sip_url for switch in settings.switches if switch.browser_phones]
    origins = dict.fromkeys("://".join(urlsplit(url)[:2]) for url in urls if not url.startswith("/"))
    return CONTENT_SECURITY_POLICY.format(phones="".join(f" {origin}" for origin in origins))


def _register_edges(app: Flask, settings: Settings) -> None:
    policy = _content_security_policy(settings)

    @app.before_request
    def name_request() -> None:
        g.request_id = random.token_hex(6)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
        response.headers.setdefault("X-Request-Id", g.get("request_id", ""))
        if app.config["SESSION_COOKIE_SECURE"]:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.teardown_request
    def end_read(_error: BaseException | None) -> None:
        with suppress(*AWAY):  # the answer is made already, and stays as it is
            db.session.rollback()

    app.context_processor(shell_context)
    app.add_template_global(result_word)
    app.add_template_global(call_refusal)
