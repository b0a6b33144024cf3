"""Is everything right? Settings, disk, database, Redis, bridges, and what each switch tells: findings, with their mend.

Nothing is changed: the schema is looked at, not upgraded.
"""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from kombu.exceptions import OperationalError

from config.settings import AnySwitch, BrowserPhones, Settings, SwitchSettings
from telephony.ami.doctor import MAX_SKEW, Finding, Level, examine
from telephony.ami.interview import ask, look_at_cel
from telephony.ami.switch import Login
from telephony.ari import AriPhones
from telephony.delivery import ASIDE
from telephony.errors import SwitchError
from webapp import jobs, leases, schema
from webapp.accounts.models import Line
from webapp.books import place
from webapp.calls.models import Call
from webapp.db import AWAY, db, now

ENOUGH_SPACE = 1 << 30  # bytes
BROKER_SECONDS = 3.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Examined:
    """Findings about one thing: "Ringback", "switch main"."""

    about: str
    findings: list[Finding]


def examine_all(app: Flask) -> Iterator[Examined]:
    settings: Settings = app.extensions["ringback.settings"]
    with app.app_context():
        yield Examined("Ringback", [*_disk(settings), *_web(settings), *_database(app), *_broker()])
        for switch in settings.switches:
            findings = [*_bridge(settings, switch), *_books(settings, switch), *_phones(switch)]
            findings += _switch(settings, switch)
            yield Examined(f"switch {switch.name}", findings)
        for account in settings.twilio:
            yield Examined(f"switch {account.name}", list(_bridge(settings, account)))


def _well(code: str, said: str) -> Finding:
    return Finding(Level.WELL, code, said)


def _fault(code: str, said: str, mend: str) -> Finding:
    return Finding(Level.FAULT, code, said, mend)


def _look(code: str, said: str, mend: str) -> Finding:
    return Finding(Level.LOOK, code, said, mend)


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.data_dir
    if not _writable(place):
        yield _fault("data_dir", f"{place} cannot be written.", f"chown and chmod u+rwx {place}")
        return
    free = shutil.disk_usage(place).free
    if free < ENOUGH_SPACE:
        yield _fault("space", f"{free >> 20} MB are left in {place}: the journal of calls needs room.",
                     "free at least 1 GB there, or move RINGBACK_DATA_DIR")  # fmt: skip
    else:
        yield _well("space", f"{free >> 30} GB are left in {place}.")
    secrets = place / "secrets.json"
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        yield _fault("secrets", f"{secrets} can be read by others.", f"chmod 600 {secrets}")


def _writable(path: Path) -> bool:
    """It, or the place where it will be made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _web(settings: Settings) -> Iterator[Finding]:
    if settings.secure_cookies:
        yield _well("cookies", "Cookies go over https only.")
    elif settings.trusted_proxies or settings.host not in LOOPBACK:
        yield _fault("cookies", "Ringback is served to other machines, and its cookies would go over plain http.",
                     "RINGBACK_SECURE_COOKIES=yes, behind a proxy with TLS")  # fmt: skip
    if not settings.all_switches:
        yield _look("switches", "No switch is configured: nobody's calls are followed.",
                    "RINGBACK_SWITCHES=/etc/ringback/switches.toml, see config/switches.example.toml")  # fmt: skip


def _database(app: Flask) -> Iterator[Finding]:
    try:
        told = db.session.scalar(sa.text("SELECT CURRENT_TIMESTAMP"))
        db.session.rollback()
        current = schema.is_current(app)
    except sa.exc.SQLAlchemyError as error:
        db.session.rollback()
        yield _fault("database", f"The database cannot be reached ({type(error).__name__}).",
                     "start it, and see RINGBACK_DATABASE_URL")  # fmt: skip
        return
    yield _well("database", "The database answers.")
    if current:
        yield _well("schema", "Its schema is the newest.")
    else:
        yield _fault("schema", "Its schema is not that of this version.", "ringback db upgrade")
    skew = (told - datetime.now(UTC)).total_seconds() if isinstance(told, datetime) and told.tzinfo else 0.0
    if abs(skew) > MAX_SKEW:
        yield _fault("database-clock", f"The database's clock differs from ours by {abs(skew):.1f} s.",
                     "run a time service (chrony, systemd-timesyncd) on both machines")  # fmt: skip


def _broker() -> Iterator[Finding]:
    """Redis, where there are several processes; asked as the jobs ask it."""
    with jobs.celery.connection_for_read(connect_timeout=BROKER_SECONDS) as connection:
        if connection.transport_cls == "memory":
            return
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
            yield _well("redis", "Redis answers.")
        except OperationalError as error:
            yield _fault("redis", f"Redis cannot be reached ({type(error).__name__}): no bell rings, no job runs.",
                         "start it, and see RINGBACK_REDIS_URL")  # fmt: skip


def _bridge(settings: Settings, switch: AnySwitch) -> Iterator[Finding]:
    journal = settings.data_dir / "journal" / switch.name
    if not _writable(journal):
        yield _fault("journal", f"{journal} cannot be written.", f"chown -R and chmod u+rwx {journal}")
    if count := _set_aside(journal / ASIDE):
        yield _look("poison", f"{count} things that the switch told in the last two weeks were not understood.",
                    f"look into {journal / ASIDE}, and report it")  # fmt: skip
    try:
        lease = db.session.get(leases.Lease, f"bridge:{switch.name}")
        facts = lease.facts if lease and lease.expires_at >= now() else None
        db.session.rollback()
    except sa.exc.SQLAlchemyError:
        db.session.rollback()
        return  # told of the database already
    if facts is None:
        yield _fault("bridge", "Nobody follows this switch.", f"ringback bridge {switch.name}, or ringback run")
        return
    if facts.get("problem"):
        yield _fault("bridge", f"Who follows this switch is in trouble: {facts['problem']}.",
                     f"see the log of ringback bridge {switch.name}")  # fmt: skip
    else:
        yield _well("bridge", "Its calls are being followed.")
    if tainted := facts.get("tainted"):
        yield _look("tainted", f"{tainted} messages of the switch were forged by callers, or cut, the last at "
                    f"{facts.get('tainted_at')}, call {facts.get('tainted_call')}. No other call was changed by it.",
                    "filter what callers send, first in the dialplan:\n"
                    "  exten => _X.,1,Set(CALLERID(num)=${FILTER(0-9+,${CALLERID(num)})})")  # fmt: skip


def _books(settings: Settings, switch: SwitchSettings) -> Iterator[Finding]:
    """What makes good that nobody listened."""
    files = place.files_of(settings, switch)
    if files is None:
        yield _fault("books", "This switch's books are not read: calls that pass while nobody listens are lost.",
                     f'in the switches file, [{switch.name}]:\n  books = "/var/log/asterisk"\n'
                     'or, when Ringback runs on another host: books_token_file = "books.token", and on the switch '
                     "config/asterisk/ringback-spooler")  # fmt: skip
        return
    if switch.books_token and not files[0].exists():
        yield _fault("books", "The switch's spooler has sent nothing yet.",
                     "start config/asterisk/ringback-spooler there, with the same token")  # fmt: skip
        return
    facts = (_facts_of(switch) or {}).get("books") or {}
    if facts.get("problem"):
        yield _fault("books", f"The switch's books cannot be read: {facts['problem']}.",
                     f"let the user of ringback bridge read {files[0]} and {files[1]}, see its log")  # fmt: skip
    elif facts:
        yield _well("books", f"The switch's books are being read, {facts.get('records', 0)} records so far.")
    if lost := facts.get("unparseable"):
        yield _look("unparseable", f"{lost} records of the switch's books could not be read.",
                    f"look into {files[0]} and {files[1]}, and report it")  # fmt: skip
    if gaps := facts.get("gaps"):
        yield _look("books-gaps", f"{gaps} times a part of the switch's books may have been gone before it was read.",
                    "in logrotate's lines for Asterisk: delaycompress, and rotate at least 7")  # fmt: skip
    if aside := facts.get("set_aside"):
        yield _look("books-aside", f"{aside} calls of the switch's books could not be entered.",
                    f"see the log of ringback bridge {switch.name}, and report it")  # fmt: skip


def _phones(switch: SwitchSettings) -> Iterator[Finding]:
    """Of agents whose phone is their page."""
    try:
        wanted = db.session.scalar(
            sa.select(sa.func.count()).select_from(Line).where(Line.switch == switch.name, Line.in_browser)
        )
    except sa.exc.SQLAlchemyError:
        wanted = 0  # told of the database already
    finally:
        db.session.rollback()
    phones = switch.browser_phones
    if phones is None:
        if wanted:
            yield _fault("browser-phones", f"{wanted} agents have a phone in the browser, and none can be made here.",
                         f"in the switches file, [{switch.name}]: ari_url, ari_user, ari_secret_file\n"
                         "see docs/browser-phone.md")  # fmt: skip
        return
    ari = _ari(phones)
    try:
        ari.check()
    except SwitchError as error:
        yield _fault("browser-phones", f"Phones in the browser cannot be made: {error.reason}.",
                     "http.conf: enabled = yes; ari.conf: the user of the switches file, with its secret;\n"
                     "modules: res_ari, res_ari_asterisk, res_sorcery_memory; sorcery.conf as in config/asterisk/\n"
                     "see docs/browser-phone.md")  # fmt: skip
    else:
        yield _well("browser-phones", "Phones in the browser can be made.")
        yield _socket(ari, phones)


def _socket(ari: AriPhones, phones: BrowserPhones) -> Finding:
    try:
        ari.check_socket()
    except SwitchError as error:
        return _fault("browser-socket", f"Phones in the browser cannot register: {error.reason}.",
                      "modules.conf: load => res_http_websocket.so, load => res_pjsip_transport_websocket.so\n"
                      "pjsip.conf: [browsers], type = transport, protocol = ws, bind = 127.0.0.1\n"
                      "(then: core restart gracefully)")  # fmt: skip
    return _well("browser-socket", f"Phones in the browser can register, where a proxy passes {phones.sip_url} on.")


def _ari(phones: BrowserPhones) -> AriPhones:
    return AriPhones(phones.ari_url, phones.login.user, phones.login.secret)


def _modules(phones: BrowserPhones | None) -> frozenset[str] | None:
    """None: nobody tells, which is found elsewhere."""
    try:
        return _ari(phones).modules() if phones else None
    except SwitchError:
        return None


def _facts_of(switch: SwitchSettings) -> dict[str, Any] | None:
    try:
        return leases.facts_of(f"bridge:{switch.name}")
    except sa.exc.SQLAlchemyError:
        return None
    finally:
        db.session.rollback()


def _set_aside(path: Path) -> int:
    try:
        with path.open("rb") as notes:
            return sum(1 for _ in notes)
    except OSError:
        return 0


def _last_call_ago(switch: str) -> float | None:
    """Seconds since a call ended that the switch's events told us of, and not only its books."""
    query = sa.select(sa.func.max(Call.ended_at)).where(Call.switch == switch, Call.linkedid.is_not(None))
    try:
        ended_at = db.session.scalar(query)
    except AWAY:  # which is found elsewhere
        return None
    finally:
        db.session.rollback()
    return (now() - ended_at).total_seconds() if ended_at else None


def _switch(settings: Settings, switch: SwitchSettings) -> list[Finding]:
    phones = switch.browser_phones
    told = ask(
        switch.host,
        switch.port,
        Login(switch.events.user, switch.events.secret),
        Login(switch.commands.user, switch.commands.secret),
        trunks=switch.trunks,
        context=switch.context,
        phone_context=phones.context if phones else "",
        tls=ssl.create_default_context() if switch.tls else None,
    )
    files = place.files_of(settings, switch) if switch.books else None
    return examine(
        told,
        trunks=switch.trunks,
        context=switch.context,
        username=switch.events.user,
        tls=switch.tls,
        cel=replace(look_at_cel(files[0]), last_call_ago=_last_call_ago(switch.name)) if files else None,
        phone_context=phones.context if phones else "",
        modules=_modules(phones),
    )


# ------------------------------------------------------------------------------------------------------------- telling


def as_json(examined: list[Examined]) -> dict[str, object]:
    return {
        "well": not _count(examined, Level.FAULT),
        "findings": [
            {"about": each.about, "level": str(one.level), "code": one.code, "said": one.said, "mend": one.mend}
            for each in examined
            for one in each.findings
        ],
    }


def summary(examined: list[Examined]) -> tuple[str, str]:
    faults, looks, wells = (_count(examined, level) for level in Level)
    first = f"{faults} {'fault' if faults == 1 else 'faults'}, {looks} to look at, {wells} well."
    if faults:
        return first, "Mend the faults, reload or restart what was changed, and ask again."
    return first, "Nothing is wrong that can be seen from here."


def has_fault(examined: list[Examined]) -> bool:
    return _count(examined, Level.FAULT) > 0


def _count(examined: list[Examined], level: Level) -> int:
    return sum(one.level is level for each in examined for one in each.findings)


COLOURS = {Level.FAULT: "red", Level.LOOK: "yellow", Level.WELL: "green"}


def lines(examined: list[Examined]) -> Iterator[tuple[str, str | None]]:
    """For a terminal: each line with its colour."""
    for each in examined:
        yield each.about, None
        for one in each.findings:
            yield f"  {one.level:<5}  {one.said}", COLOURS[one.level]
            for line in one.mend.splitlines():
                yield f"         {line}", None
        yield "", None
