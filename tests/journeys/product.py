"""The product as its users run it, on a PBX that is already there: `ringback run --pbx none` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings, SwitchSettings
from tests.asterisk import wait_for
from webapp.accounts.models import AgentStatus, User
from webapp.books.models import BookedCall, BooksDamage, BooksPlace, LedgerCheck, Recovery
from webapp.calls.models import Call, CallState, NumberChoice
from webapp.contacts.models import ContactPoint, Party, PointKind
from webapp.contacts.text import folded
from webapp.db import now
from webapp.notices.models import Notice
from webapp.scripts.models import Script, ScriptAnswer, ScriptRun, ScriptStep
from webapp.tasks.models import Callback, CallbackCall, QueuePolicy
from webapp.timeline.models import Activity
from webapp.trial.pbx import dying_with_us, free_tcp_port
from webapp.wrapup.models import WrapUp, WrapUpAnswer, WrapUpChoice, WrapUpField, WrapUpForm

T = TypeVar("T")
STOP_SECONDS = 20


class Product:
    """Web, bridge and jobs in one process, stopped and started again at will, always at the same address."""

    def __init__(self, directory: Path, switch: SwitchSettings) -> None:
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = directory / "product.log"
        self._switch, switches_file = switch, directory / "switches.toml"
        self._switches_file = switches_file
        self.read_books(False)
        self.env = installation_env(directory / "data") | {
            "RINGBACK_SWITCHES": str(switches_file),
            "RINGBACK_LOG_LEVEL": "INFO",
        }
        self.settings = Settings.from_env({name: self.env[name] for name in self.env if name.startswith("RINGBACK_")})
        self._process: subprocess.Popen[bytes] | None = None

    def plant_people(self) -> None:
        subprocess.run([sys.executable, "-m", "tests.journeys.people"], env=self.env, check=True)

    def read_books(self, wanted: bool) -> None:
        """From its next start on. Most stories do without: they forget calls that the PBX's books remember."""
        switch = self._switch if wanted else replace(self._switch, books=None)
        self._switches_file.write_text(as_toml(switch), encoding="utf-8")

    def start(self) -> None:
        """Returns when it answers and follows the PBX."""
        command = [sys.executable, "-m", "webapp.cli", "run", "--pbx", "none", "--port", str(self.port)]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                dying_with_us(command), env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.wait_until_connected()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            assert self._process.wait(STOP_SECONDS) == 0, self.last_words()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """As on a machine that swaps: it lives, and does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def health(self) -> dict[str, Any]:
        """Empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                told: dict[str, Any] = json.load(answer)["checks"]
                return told
        except (urllib.error.URLError, OSError, ValueError):
            return {}

    def follows_the_switch(self) -> bool:
        assert self.running, self.last_words()
        bridge = self.health().get("switch:main", {})
        return bool(bridge.get("ok") and not bridge["behind"])

    def wait_until_connected(self) -> None:
        wait_for(f"the bridge to follow the PBX\n{self.last_words()}", self.follows_the_switch, 60)

    def wait_until_all_is_told(self) -> None:
        """Nothing that was heard is told again, even if the product is killed now."""
        journal = self.settings.data_dir / "journal" / "main"

        def is_told() -> bool:
            segment, offset = json.loads((journal / "cursor").read_text())["delivered"]
            sizes = {int(path.stem): path.stat().st_size for path in journal.glob("*.ami")}
            return sum(size for number, size in sizes.items() if number >= segment) <= offset

        wait_for("the journal to be told to its end", is_told)

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-30:])


class Books:
    """The product's database, read and prepared behind its back."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, connect_args={"timeout": 30})

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def all(self, query: sa.Select[tuple[T]]) -> Sequence[T]:
        with Session(self._engine, expire_on_commit=False) as session:
            return session.scalars(query).unique().all()

    def contact(self, name: str, *phones: str, note: str = "") -> Party:
        party = Party(name=name, search_name=folded(name), note=note)
        party.points = [ContactPoint(kind=PointKind.PHONE, value=phone, position=at) for at, phone in enumerate(phones)]
        self.add(party)
        return party

    def add(self, *rows: object) -> None:
        with self.writing() as session:
            session.add_all(rows)

    def calls(self, **columns: object) -> Sequence[Call]:
        """Newest first."""
        return self.all(sa.select(Call).filter_by(**columns).order_by(Call.started_at.desc()))

    def call(self, **columns: object) -> Call:
        """The only one; waits for it."""
        found = wait_for(f"a call with {columns}", lambda: self.calls(**columns))
        assert len(found) == 1, f"{len(found)} calls with {columns}"
        return found[0]

    def callbacks(self, **columns: object) -> Sequence[Callback]:
        return self.all(sa.select(Callback).filter_by(**columns))

    def ends(self, call: Call) -> None:
        """One that no switch knows."""
        with self.writing() as session:
            session.execute(sa.update(Call).where(Call.id == call.id).values(state=CallState.ENDED, ended_at=now()))

    def settle(self) -> None:
        wait_for("all calls to be over", lambda: not self.all(sa.select(Call).where(Call.state != CallState.ENDED)))

    def is_there(self, user: User, **preferences: object) -> None:
        """Available, whatever became of a story."""
        with self.writing() as session:
            session.execute(sa.update(User).where(User.id == user.id).values(preferences))
            away = sa.update(User).where(User.id == user.id, User.status != AgentStatus.AVAILABLE)
            session.execute(away.values(status=AgentStatus.AVAILABLE, status_reason="", status_since=now()))

    def empty(self) -> None:
        """Of what happened; the people and the installation stay."""
        with self.writing() as session:
            for model in (
                Activity,
                ScriptAnswer,
                ScriptRun,
                ScriptStep,
                Script,
                WrapUpAnswer,
                WrapUp,
                CallbackCall,
                Callback,
                NumberChoice,
                Recovery,
                BookedCall,
                BooksDamage,
                BooksPlace,
                LedgerCheck,
                Notice,
                QueuePolicy,
                WrapUpField,
                WrapUpChoice,
                WrapUpForm,
            ):
                session.execute(sa.delete(model))
            for table in ("call_note", "leg", "call", "contact_point"):
                session.execute(sa.text(f'DELETE FROM "{table}"'))
            session.execute(sa.update(User).values(did_not_answer_at=None))
            session.execute(sa.update(Party).values(company_id=None))
            session.execute(sa.delete(Party))


def installation_env(data_dir: Path) -> dict[str, str]:
    """The environment of an installation of its own, whatever is set here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return inherited | {"RINGBACK_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}


def as_toml(switch: SwitchSettings) -> str:
    logins = {"events": switch.events, "commands": switch.commands, "answer": switch.answer}
    lines = [f"[{switch.name}]", f"host = {json.dumps(switch.host)}", f"port = {switch.port}"]
    for role, login in logins.items():
        assert login is not None
        lines += [f"{role}_user = {json.dumps(login.user)}", f"{role}_secret = {json.dumps(login.secret)}"]
    if phones := switch.browser_phones:
        lines += [f"ari_url = {json.dumps(phones.ari_url)}", f"phone_url = {json.dumps(phones.sip_url)}"]
        lines += [f"ari_user = {json.dumps(phones.login.user)}", f"ari_secret = {json.dumps(phones.login.secret)}"]
    lines += [f"trunks = {json.dumps(switch.trunks)}"]
    lines += [f"books = {json.dumps(switch.books)}"] if switch.books else []
    lines += [f"[{switch.name}.did_labels]"]
    lines += [
        f"{json.dumps(did)} = {json.dumps(label, ensure_ascii=False)}" for did, label in switch.did_labels.items()
    ]
    return "\n".join(lines)
