"""Every setting, typed, from the environment; a wrong one ends the program at start with all that is wrong.

A secret may be given as NAME or as the path of a file in NAME_FILE. What is not given is generated at the first start and
kept in `secrets.json` of the data directory (mode 0600): no secret has a default.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS

PREFIX = "RINGBACK_"
SECRETS = ("secret_key", "password_salt")
SECRET_URLS = ("database_url", "redis_url", "smtp_url")  # a password may stand in them
PUSH_HOSTS = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
)  # fmt: skip
MIN_SECRET = 24  # characters


class BadSettings(Exception):
    """All that is wrong with the settings, one line each, every line naming its variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Login:
    """An AMI user."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BrowserPhones:
    """How phones in the browser come to a PBX: Ringback makes their accounts over ARI, browsers register at `sip_url`."""

    ari_url: str
    login: Login
    sip_url: str = "/ws"  # a path of the page's own address, or a whole ws:// or wss:// address
    context: str = "from-agents"  # where a number leads that is dialled on such a phone


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """One PBX. `trunks` are the endpoints behind which customers are; every other phone is one of ours."""

    name: str
    host: str
    events: Login
    commands: Login
    answer: Login | None = None
    browser_phones: BrowserPhones | None = None
    port: int = 5038
    tls: bool = False
    context: str = "ringback-outbound"
    trunks: tuple[str, ...] = ("PJSIP/trunk",)
    region: str = "GR"  # whose national numbers are dialled and shown here
    own_numbers: tuple[str, ...] = ()
    did_labels: Mapping[str, str] = field(default_factory=dict)
    books: str | None = None  # Asterisk's log directory, where we run on its host
    books_token: str | None = field(default=None, repr=False)  # its spooler's, where we do not


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    password_salt: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "INFO"
    log_format: str = "text"  # text or json
    secure_cookies: bool = False
    trusted_proxies: int = 0
    allowed_origins: tuple[str, ...] = ()
    default_locale: str = "en"
    default_region: str = "GR"
    timezone: str = "UTC"
    callback_minutes: int = 30
    url: str = ""
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = ""
    calls_at_once: int = 1
    customer_wait_seconds: int = 20
    unanswered_rings: int = 2
    unanswered_break: bool = False
    pop_days: int = 90
    push_hosts: tuple[str, ...] = ()
    phone_password_minutes: int = 60
    phone_lease_seconds: int = 4
    trial: bool = False
    switches: tuple[SwitchSettings, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Raises `BadSettings` with every problem found."""
        return _Reader(os.environ if env is None else env).settings()

    def switch(self, name: str) -> SwitchSettings:
        return next(switch for switch in self.switches if switch.name == name)


VARIABLES: Mapping[str, str] = {
    "RINGBACK_DATA_DIR": "Where database, journals, secrets and recordings are kept (default: .ringback)",
    "RINGBACK_DATABASE_URL": "SQLite or PostgreSQL, e.g. postgresql://user@host/db (default: SQLite in the data directory)",
    "RINGBACK_REDIS_URL": "Redis for several web processes; its presence is the only switch to scaled mode (default: none)",
    "RINGBACK_SECRET_KEY": "Signs sessions; generated at first start (or RINGBACK_SECRET_KEY_FILE)",
    "RINGBACK_PASSWORD_SALT": "Peppers password hashes; generated at first start (or RINGBACK_PASSWORD_SALT_FILE)",
    "RINGBACK_HOST": "Address to listen on (default: 127.0.0.1)",
    "RINGBACK_PORT": "Port to listen on (default: 8000)",
    "RINGBACK_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR (default: INFO)",
    "RINGBACK_LOG_FORMAT": "text or json (default: text)",
    "RINGBACK_SECURE_COOKIES": "yes when served over https (default: no)",
    "RINGBACK_TRUSTED_PROXIES": "How many reverse proxies stand in front (default: 0: their headers are not believed)",
    "RINGBACK_ALLOWED_ORIGINS": "Further origins whose pages may open a socket, separated by spaces (default: only our own)",
    "RINGBACK_LOCALE": "en or el, for who has not chosen (default: en)",
    "RINGBACK_REGION": "Two-letter country whose national numbers are meant (default: GR)",
    "RINGBACK_TIMEZONE": "Where the firm's day begins, e.g. Europe/Athens (default: this machine's)",
    "RINGBACK_CALLBACK_MINUTES": "Within how many minutes a missed caller is to be called back (default: 30)",
    "RINGBACK_CUSTOMER_WAIT_SECONDS": "For how long a customer called before the agent hears music, at most (default: 20)",
    "RINGBACK_CALLS_AT_ONCE": "How many calls an agent may be in, those they ask for included (default: 1)",
    "RINGBACK_UNANSWERED_RINGS": "So many unanswered rings in a row are shown, and told to the head; 0: none (default: 2)",
    "RINGBACK_UNANSWERED_BREAK": "yes: such an agent is out of the queues until they say that they are there (default: no)",
    "RINGBACK_PHONE_PASSWORD_MINUTES": "How long a browser phone's password is good; pages renew it in time (default: 60)",
    "RINGBACK_PHONE_LEASE_SECONDS": "So long a browser phone may be out of reach before its call goes elsewhere (default: 4)",
    "RINGBACK_POP_DAYS": "For how many days it is kept how fast each card was on the screen (default: 90)",
    "RINGBACK_PUSH_HOSTS": "Push services that may wake browsers, by spaces, or none (default: the known ones)",
    "RINGBACK_URL": "Where browsers find this, e.g. https://crm.example.org; mails link to it (default: none, no links)",
    "RINGBACK_SMTP_URL": "Where mail is handed in: smtp://user:password@host:port, or smtps:// (default: none, no mail)",
    "RINGBACK_MAIL_FROM": "Whom mails are from, e.g. Ringback <crm@example.org>; needed with RINGBACK_SMTP_URL",
    "RINGBACK_SWITCHES": "A TOML file with one table per PBX, see config/switches.example.toml (default: none)",
    "RINGBACK_TRIAL": "yes: demo log-ins are shown on the log-in page; set by `make run` (default: no)",
}


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[str] = []

    def settings(self) -> Settings:
        self._refuse_unknown()
        data_dir = Path(self.env.get("RINGBACK_DATA_DIR") or ".ringback").absolute()
        settings = Settings(
            data_dir=data_dir,
            database_url=self._database(data_dir),
            redis_url=self._secret("RINGBACK_REDIS_URL"),
            host=self.env.get("RINGBACK_HOST") or "127.0.0.1",
            port=self._number("RINGBACK_PORT", 8000, 0, 65535),
            log_level=self._choice("RINGBACK_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=self._choice("RINGBACK_LOG_FORMAT", "text", ("text", "json")),
            secure_cookies=self._flag("RINGBACK_SECURE_COOKIES"),
            trusted_proxies=self._number("RINGBACK_TRUSTED_PROXIES", 0, 0, 5),
            allowed_origins=tuple((self.env.get("RINGBACK_ALLOWED_ORIGINS") or "").split()),
            default_locale=self._choice("RINGBACK_LOCALE", "en", ("en", "el")),
            default_region=self._region(),
            timezone=self._timezone(),
            callback_minutes=self._number("RINGBACK_CALLBACK_MINUTES", 30, 1, 10080),
            url=self._url(),
            smtp_url=self._smtp_url(),
            mail_from=self._mail_from(),
            calls_at_once=self._number("RINGBACK_CALLS_AT_ONCE", 1, 1, 5),
            customer_wait_seconds=self._number("RINGBACK_CUSTOMER_WAIT_SECONDS", 20, 5, 120),
            unanswered_rings=self._number("RINGBACK_UNANSWERED_RINGS", 2, 0, 100),
            unanswered_break=self._flag("RINGBACK_UNANSWERED_BREAK"),
            pop_days=self._number("RINGBACK_POP_DAYS", 90, 1, 3650),
            push_hosts=self._push_hosts(),
            phone_password_minutes=self._number("RINGBACK_PHONE_PASSWORD_MINUTES", 60, 2, 1440),
            phone_lease_seconds=self._number("RINGBACK_PHONE_LEASE_SECONDS", 4, 1, 60),
            trial=self._flag("RINGBACK_TRIAL"),
            switches=self._switches(),
            **self._secrets(data_dir),
        )
        if "*" in settings.allowed_origins:
            self.problems.append("RINGBACK_ALLOWED_ORIGINS: * would let any page on the internet listen in")
        if self.problems:
            raise BadSettings(self.problems)
        return settings

    def _refuse_unknown(self) -> None:
        known = set(VARIABLES) | {f"{PREFIX}{name.upper()}_FILE" for name in (*SECRETS, *SECRET_URLS)}
        for name in sorted(self.env):
            if name.startswith(PREFIX) and name not in known:
                self.problems.append(f"{name}: no such setting")

    def _database(self, data_dir: Path) -> str:
        url = self._secret("RINGBACK_DATABASE_URL") or f"sqlite:///{data_dir / 'ringback.db'}"
        url = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            self.problems.append("RINGBACK_DATABASE_URL: must begin with sqlite:/// or postgresql://")
        return url

    def _number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.env.get(name) or str(default)
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            self.problems.append(f"{name}: {text!r} is not a number from {low} to {high}")
        return value

    def _choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.env.get(name) or default
        if value not in choices:
            self.problems.append(f"{name}: {value!r} is not one of {', '.join(choices)}")
        return value

    def _flag(self, name: str) -> bool:
        return self._choice(name, "no", ("yes", "no")) == "yes"

    def _region(self) -> str:
        region = self.env.get("RINGBACK_REGION") or "GR"
        if region not in SUPPORTED_REGIONS:
            self.problems.append(f"RINGBACK_REGION: {region!r} is not a country of two capital letters")
        return region

    def _timezone(self) -> str:
        zone = self.env.get("RINGBACK_TIMEZONE") or _machine_zone()
        if zone not in zoneinfo.available_timezones():
            self.problems.append(f"RINGBACK_TIMEZONE: {zone!r} is not a time zone")
        return zone

    def _url(self) -> str:
        url = self.env.get("RINGBACK_URL") or ""
        if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            self.problems.append(f"RINGBACK_URL: {url!r} is not like https://crm.example.org")
        return url

    def _push_hosts(self) -> tuple[str, ...]:
        """What a browser names as its push service is asked only if it is one of these."""
        given = self.env.get("RINGBACK_PUSH_HOSTS")
        hosts = PUSH_HOSTS if given is None else tuple(given.lower().split()) if given != "none" else ()
        for host in hosts:
            if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", host):
                self.problems.append(f"RINGBACK_PUSH_HOSTS: {host!r} is not like push.example.org or *.example.org")
        return hosts

    def _smtp_url(self) -> str | None:
        """It may hold a password, so it is not repeated in the complaint."""
        url = self._secret("RINGBACK_SMTP_URL")
        if url:
            try:
                parts = urlsplit(url)
                right = parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port is None or parts.port)
            except ValueError:
                right = False
            if not right:
                self.problems.append("RINGBACK_SMTP_URL: must be like smtp://user:password@host:port or smtps://...")
        return url

    def _mail_from(self) -> str:
        """Raises nothing: what it is needed for may not be configured."""
        sender = self.env.get("RINGBACK_MAIL_FROM") or ""
        if sender and not re.fullmatch(r"([^<>\r\n]*<)?[^\s@<>]+@[^\s@<>]+>?", sender):
            self.problems.append(f"RINGBACK_MAIL_FROM: {sender!r} is not like Ringback <crm@example.org>")
        if not sender and (self.env.get("RINGBACK_SMTP_URL") or self.env.get("RINGBACK_SMTP_URL_FILE")):
            self.problems.append("RINGBACK_MAIL_FROM: needed, since RINGBACK_SMTP_URL is given")
        return sender

    def _secrets(self, data_dir: Path) -> dict[str, str]:
        given = {name: value for name in SECRETS if (value := self._secret(PREFIX + name.upper()))}
        for name, value in given.items():
            if len(value) < MIN_SECRET:
                self.problems.append(f"{PREFIX}{name.upper()}: shorter than {MIN_SECRET} characters")
        if len(given) < len(SECRETS):
            given = {**generated_secrets(data_dir), **given}
        return {name: given[name] for name in SECRETS}

    def _secret(self, name: str) -> str | None:
        if path := self.env.get(f"{name}_FILE"):
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                self.problems.append(f"{name}_FILE: {error.strerror}")
        return self.env.get(name) or None

    def _switches(self) -> tuple[SwitchSettings, ...]:
        path = self.env.get("RINGBACK_SWITCHES")
        if not path:
            return ()
        try:
            tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            return read_switches(tables, Path(path).parent, region=self.env.get("RINGBACK_REGION") or "GR")
        except (OSError, ValueError) as error:
            self.problems.append(f"RINGBACK_SWITCHES: {error}")
            return ()


def generated_secrets(data_dir: Path) -> dict[str, str]:
    """The installation's own secrets, made once. Two processes that start together end with the same ones."""
    path = data_dir / "secrets.json"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({name: secrets.token_urlsafe(48) for name in SECRETS}, file)
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _machine_zone() -> str:
    """What /etc/localtime points at; UTC where it says nothing."""
    target = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    return target if target in zoneinfo.available_timezones() else "UTC"


def read_switches(tables: Mapping[str, Any], base: Path, *, region: str = "GR") -> tuple[SwitchSettings, ...]:
    """Tables of a switches file, e.g. `[main]`. Raises ValueError naming table and key."""
    return tuple(_switch(name, table, base, region) for name, table in tables.items())


_TEXT = r".{1,200}"
_SWITCH_KEYS: Mapping[str, tuple[type, str, str]] = {
    "host": (str, r"[0-9A-Za-z.:_-]{1,253}", "a host name or address"),
    "port": (int, r"[1-9][0-9]{0,4}", "a number from 1 to 65535"),
    "tls": (bool, r"True|False", "true or false"),
    "context": (str, r"[0-9A-Za-z_-]{1,79}", "the name of a dialplan context"),
    "ari_url": (str, r"https?://[^\s/?#@]+(/[^\s?#]*)?", 'an address like "http://127.0.0.1:8088"'),
    "phone_url": (
        str,
        r"(wss?://[^\s/?#@]+)?/[^\s?#]*",
        'a path like "/ws", or an address like "wss://pbx.example.org/ws"',
    ),
    "phone_context": (str, r"[0-9A-Za-z_-]{1,79}", "the name of a dialplan context"),
    "trunks": (list, r"[A-Za-z0-9]+/[^\s,&]{1,80}", 'a list like ["PJSIP/trunk"]'),
    "region": (str, r"[A-Z]{2}", "a country of two capital letters"),
    "own_numbers": (list, r"[+0-9 ()./-]{3,40}", 'a list of numbers like ["+302100000100"]'),
    "did_labels": (dict, _TEXT, 'a table like { "2100000100" = "Sales" }'),
    "books": (str, r"/[^\x00-\x1f]{0,400}", "the path of Asterisk's log directory, like /var/log/asterisk"),
    "books_token": (str, f"[!-~]{{{MIN_SECRET},200}}", f"at least {MIN_SECRET} letters and digits"),
}


def _check_switch(name: str, table: Mapping[str, Any]) -> None:
    for key, (kind, form, wanted) in _SWITCH_KEYS.items():
        if key not in table:
            continue
        value = table[key]
        parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        shown = "what is there" if key == "books_token" else repr(value)
        if type(value) is not kind or not all(re.fullmatch(form, str(part)) for part in parts):
            raise ValueError(f"[{name}] {key}: {shown} is not {wanted}")
    if table.get("region", "GR") not in SUPPORTED_REGIONS:
        raise ValueError(f"[{name}] region: {table['region']!r} is not a country whose numbers are known")


def _switch(name: str, table: Any, base: Path, region: str) -> SwitchSettings:
    if not isinstance(table, dict):
        raise ValueError(f"{name}: expected a table like [{name}]")
    _check_switch(name, table)
    table = dict(table)
    try:
        switch = SwitchSettings(
            name=name,
            host=table.pop("host", "127.0.0.1"),
            port=int(table.pop("port", 5038)),
            tls=bool(table.pop("tls", False)),
            events=_login(table, "events", base),
            commands=_login(table, "commands", base),
            answer=_login(table, "answer", base) if "answer_user" in table else None,
            browser_phones=_browser_phones(table, base) if "ari_url" in table else None,
            context=table.pop("context", "ringback-outbound"),
            trunks=tuple(table.pop("trunks", ["PJSIP/trunk"])),
            region=table.pop("region", region),
            own_numbers=tuple(table.pop("own_numbers", [])),
            did_labels=dict(table.pop("did_labels", {})),
            books=table.pop("books", None),
            books_token=_books_token(name, table, base),
        )
    except KeyError as missing:
        raise ValueError(f"[{name}] lacks {missing.args[0]}") from None
    if switch.books and switch.books_token:
        raise ValueError(f"[{name}] books and books_token: its books are either here or sent")
    if table:
        raise ValueError(f"[{name}] has unknown keys: {', '.join(sorted(table))}")
    return switch


def _login(table: dict[str, Any], role: str, base: Path) -> Login:
    user = table.pop(f"{role}_user")
    if path := table.pop(f"{role}_secret_file", None):
        return Login(user, (base / path).read_text(encoding="utf-8").strip())
    return Login(user, table.pop(f"{role}_secret"))


def _browser_phones(table: dict[str, Any], base: Path) -> BrowserPhones:
    return BrowserPhones(
        ari_url=table.pop("ari_url").rstrip("/"),
        login=_login(table, "ari", base),
        sip_url=table.pop("phone_url", "/ws"),
        context=table.pop("phone_context", "from-agents"),
    )


def _books_token(name: str, table: dict[str, Any], base: Path) -> str | None:
    if path := table.pop("books_token_file", None):
        table["books_token"] = (base / path).read_text(encoding="utf-8").strip()
        try:
            _check_switch(name, {"books_token": table["books_token"]})
        except ValueError:  # says what it was: not with a secret
            raise ValueError(f"[{name}] books_token_file: not at least {MIN_SECRET} letters and digits") from None
    token: str | None = table.pop("books_token", None)
    return token
