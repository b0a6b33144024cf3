"""A PostgreSQL server of the tests' own, on a socket in a directory of its own: no port, no cluster of the machine's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType


def find_binaries() -> Path | None:
    """Debian keeps the server's programs off PATH; others do not."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/createdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgreSQL:
    """`with PostgreSQL(binaries) as server: server.url`"""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.socket = Path(tempfile.mkdtemp(prefix="ringback-pg-"))
        self.data = self.socket / "data"
        self.url = f"postgresql://ringback@/ringback?host={self.socket}"
        self._as: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.socket, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def __enter__(self) -> PostgreSQL:
        self._run("initdb", "-D", str(self.data), "-U", "ringback", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", str(self.socket), "-U", "ringback", "ringback")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(RuntimeError):  # it may have been stopped already
            self.crash()
        shutil.rmtree(self.socket, ignore_errors=True)

    def start(self) -> None:
        """Also after a crash."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.socket}'"
        options += " -c fsync=off -c full_page_writes=off -c jit=off"
        self._run("pg_ctl", "-D", str(self.data), "-o", options, "-l", str(self.socket / "log"), "-w", "start")

    def crash(self) -> None:
        """Everybody is thrown out in the middle of what they do; what was committed is there at the next start."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def dump(self, path: Path) -> None:
        """All that is in it, as SQL."""
        path.write_text(self._run("pg_dump", "-h", str(self.socket), "-U", "ringback", "ringback"), encoding="utf-8")

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [*self._as, str(self.binaries / program), *arguments], capture_output=True, text=True, cwd=self.socket
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr or done.stdout}")
        return done.stdout
