"""The product as its users run it: all in one process on SQLite, or one process for each part on PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from config.settings import Settings, SwitchSettings
from tests.chaos.processes import Keeper, Program
from tests.journeys.product import as_toml, installation_env
from tests.postgresql import PostgreSQL, find_binaries
from webapp.trial.pbx import free_tcp_port

BIN = Path(sys.executable).parent
START_SECONDS = 90.0


class CannotRun(Exception):
    """What this machine lacks."""


class Layout:
    """`programs` are what can be killed; `database` and `redis` are None where there is none to kill."""

    def __init__(self, folder: Path, switch: SwitchSettings) -> None:
        self.folder = folder
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "switches.toml").write_text(as_toml(switch), encoding="utf-8")
        self.env = installation_env(folder / "data") | {
            "RINGBACK_SWITCHES": str(folder / "switches.toml"),
            "RINGBACK_PORT": str(self.port),
            "RINGBACK_LOG_LEVEL": "INFO",
        }
        self.journal = folder / "data" / "journal"
        self.journal.mkdir(parents=True)
        self.programs: dict[str, Program] = {}
        self.database: PostgreSQL | None = None
        self._running = ExitStack()

    def __enter__(self) -> Layout:
        with ExitStack() as running:
            self._prepare(running)
            self._plant()
            running.callback(self._end)
            keeper = Keeper([*self.programs.values()])
            for program in self.programs.values():
                program.start()
            keeper.start()
            running.callback(keeper.stop)
            self.wait_until(self.follows, "the bridge to follow the switch", START_SECONDS)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def database_url(self) -> str:
        return Settings.from_env(
            {key: value for key, value in self.env.items() if key.startswith("RINGBACK_")}
        ).database_url

    def health(self) -> dict[str, Any]:
        """Empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                told: dict[str, Any] = json.load(answer)["checks"]
                return told
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return {}

    def bridge(self) -> dict[str, Any]:
        told: dict[str, Any] = self.health().get("switch:main", {})
        return told

    def follows(self) -> bool:
        bridge = self.bridge()
        return bool(bridge.get("ok") and bridge.get("connected") and not bridge["behind"])

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{seconds:.0f} s were not enough for {what}\n{self.last_words()}")
            time.sleep(0.3)

    def last_words(self) -> str:
        return "\n".join(f"--- {name}\n{program.last_words()}" for name, program in self.programs.items())

    def _prepare(self, running: ExitStack) -> None:
        raise NotImplementedError

    def _plant(self) -> None:
        with (self.folder / "plant.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.chaos.people"]
            subprocess.run(command, env=self.env, check=True, stdout=log, stderr=log)

    def _end(self) -> None:
        self.exit_codes = {name: program.end() for name, program in reversed(self.programs.items())}

    def _program(self, name: str, *command: str) -> None:
        self.programs[name] = Program(name, command, self.env, self.folder / f"{name}.log")


class Embedded(Layout):
    """`ringback run --pbx none` on SQLite: web, bridge and worker die together."""

    def _prepare(self, running: ExitStack) -> None:
        self._program("product", sys.executable, "-m", "webapp.cli", "run", "--pbx", "none", "--port", str(self.port))


class Scaled(Layout):
    """gunicorn, `ringback bridge`, `ringback worker`, PostgreSQL, Redis."""

    def _prepare(self, running: ExitStack) -> None:
        binaries, redis = find_binaries(), shutil.which("redis-server")
        if binaries is None or redis is None:
            raise CannotRun("PostgreSQL's and Redis' servers are not installed")
        self.database = running.enter_context(PostgreSQL(binaries))
        redis_port = free_tcp_port()
        self.env |= {
            "RINGBACK_DATABASE_URL": self.database.url,
            "RINGBACK_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        }
        nothing_kept = ("--save", "", "--appendonly", "no", "--dir", str(self.folder))
        self._program("redis", redis, "--port", str(redis_port), "--bind", "127.0.0.1", *nothing_kept)
        at = f"127.0.0.1:{self.port}"
        self._program("web", str(BIN / "gunicorn"), "-k", "gevent", "-w", "2", "-b", at, "webapp.wsgi:app")
        self._program("bridge", str(BIN / "ringback"), "bridge", "main")
        self._program("worker", str(BIN / "ringback"), "worker")


LAYOUTS: dict[str, type[Layout]] = {"sqlite": Embedded, "postgresql": Scaled}


def is_root() -> bool:
    return os.geteuid() == 0
