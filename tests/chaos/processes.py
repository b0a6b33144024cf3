"""Programs that are killed, stopped and started again: what a machine's service manager does, in small."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from webapp.trial.pbx import dying_with_us

RESTART = 1.0  # seconds until a program that ended by itself is started again
STOP_SECONDS = 20.0


class Program:
    """One service: a process and its children, in a group of their own."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command, self._env, self._log = list(command), dict(env), log
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._again_at = 0.0
        self._lock = threading.Lock()
        self.own_ends: list[int] = []  # exit codes that nobody caused

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """The keeper does it, soon."""
        with self._lock:
            self._wanted, self._process = True, None

    def kill(self) -> None:
        """-9, with all its children, and it stays away until `start`."""
        with self._lock:
            self._wanted = False
            self._signal(signal.SIGKILL)
            if self._process:
                self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> int | None:
        """As an administrator does; its exit code."""
        with self._lock:
            self._wanted = False
            if self._process is None:
                return None
            self.thaw()
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self._signal(signal.SIGKILL)
            return self._process.wait()

    def tend(self) -> None:
        with self._lock:
            if not self._wanted or (self._process is not None and self._process.poll() is None):
                return
            if self._process is None:
                self._start()
            elif not self._again_at:
                self.own_ends.append(self._process.returncode)
                self._again_at = time.monotonic() + RESTART
            elif time.monotonic() >= self._again_at:
                self._start()

    def last_words(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-30:])

    def _start(self) -> None:
        self._again_at = 0.0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                dying_with_us(self._command), env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, which)


class Keeper:
    """Looks after all of them. Programs end with the thread that starts them, so it lives as long as they."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(0.2):
            for program in self._programs:
                program.tend()
