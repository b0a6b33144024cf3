"""Asterisk and SIPp for this machine without touching the machine: packages are fetched with its own apt and unpacked
into a cache directory, where they run on their own C library. Nothing is installed, no service starts, and root is not
needed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]

OLDEST = 18  # major version of Asterisk; older ones lack events that calls are followed by
KEYRINGS = tuple(Path("/usr/share/keyrings", f"debian-archive-keyring.{kind}") for kind in ("pgp", "gpg"))
NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/perl", "usr/share/perl5")


class _Failed(Exception):
    """Why packages cannot be had, as a sentence."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started with any configuration."""

    command: tuple[str, ...]
    modules: Path
    data: Path
    version: str


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringback" / "asterisk"


def find_or_install(cache_dir: Path, say: Say) -> Installation | None:
    """The machine's own Asterisk, else one unpacked in `cache_dir`; without one, `say` has told why."""
    if (own := _own_asterisk()) is not None:
        return own
    try:
        tree = _tree(cache_dir / "asterisk", "asterisk", say, oldest=OLDEST)
        return _installation(tree.command("asterisk"), tree.root / "usr")
    except _Failed as reason:
        say(f"No Asterisk: {reason}")
        return None


def ensure_sipp(cache_dir: Path, say: Say) -> tuple[str, ...] | None:
    """The command that runs SIPp; without one, `say` has told why."""
    if own := shutil.which("sipp"):
        return (own,)
    try:
        return _tree(cache_dir / "sipp", "sip-tester", say).command("sipp")
    except _Failed as reason:
        say(f"No SIPp, so nobody will call: {reason}")
        return None


def _own_asterisk() -> Installation | None:
    path = shutil.which("asterisk", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    try:
        return _installation((path,), Path(path).resolve().parent.parent) if path else None
    except _Failed:
        return None


def _installation(command: tuple[str, ...], prefix: Path) -> Installation:
    version = _version(command)
    modules = next((found.parent for found in sorted(prefix.glob("lib*/**/asterisk/modules/chan_pjsip.so"))), None)
    data = next((path for path in (prefix / "share/asterisk", prefix / "lib/asterisk") if path.is_dir()), None)
    if prefix.name == "usr" and data is None:
        data = next(iter(prefix.parent.glob("var/lib/asterisk")), None)
    if int(version.split(".")[0]) < OLDEST or modules is None or data is None:
        raise _Failed(f"Asterisk {version} in {prefix} is too old or lacks its SIP modules.")
    return Installation(command, modules, data, version)


def _version(command: tuple[str, ...]) -> str:
    try:
        told = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Failed(f"it does not run here ({error}).") from error
    if not (found := re.search(r"(\d+)\.\d+[.\d]*", told)):
        raise _Failed("it does not run here.")
    return found[0]


@dataclass(frozen=True, slots=True)
class _Tree:
    """Unpacked packages, complete down to the C library, so that they run whatever this machine's own one is."""

    root: Path

    def command(self, program: str) -> tuple[str, ...]:
        binary = next(path for place in ("usr/sbin", "usr/bin") if (path := self.root / place / program).exists())
        loader = next(
            path for place in ("usr/lib/*", "lib/*", "lib*") for path in self.root.glob(f"{place}/ld-linux*.so.*")
        )
        triplet = loader.resolve().parent.name
        libraries = f"{self.root}/usr/lib/{triplet}:{self.root}/lib/{triplet}"
        return (str(loader), "--argv0", program, "--library-path", libraries, str(binary))


def _tree(target: Path, package: str, say: Say, oldest: int = 0) -> _Tree:
    with _locked(target):
        if not target.exists():
            part = target.with_name(f"{target.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            try:
                _unpack(_Apt(part / ".apt").download(package, say, oldest), part, say)
                shutil.rmtree(part / ".apt")
                part.rename(target)  # a half-made tree never has the final name
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return _Tree(target)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Two programs that start at the same time fetch once."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target.with_name(f"{target.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise _Failed(f"{target.parent} cannot be written ({error.strerror}).") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unpack(packages: list[Path], root: Path, say: Say) -> None:
    say(f"Unpacking {len(packages)} packages …")
    for package in packages:
        subprocess.run(["dpkg-deb", "--extract", str(package), str(root)], check=True, capture_output=True)
    for place in NEEDLESS:
        shutil.rmtree(root / place, ignore_errors=True)


class _Apt:
    """The machine's apt with directories of its own and no package installed: every dependency is fetched too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for place in ("state/lists/partial", "cache/archives/partial"):
            (directory / place).mkdir(parents=True)
        (directory / "status").touch()
        self.options = [
            *("-o", f"Dir::State={directory}/state", "-o", f"Dir::State::status={directory}/status"),
            *("-o", f"Dir::Cache={directory}/cache", "-o", "Dir::Etc::preferencesparts=/dev/null"),
            *("-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"),
        ]

    def download(self, package: str, say: Say, oldest: int) -> list[Path]:
        if not all(shutil.which(tool) for tool in ("apt-get", "apt-cache", "dpkg-deb")):
            raise _Failed("it can be fetched only on Debian and Ubuntu; install Asterisk 18 or newer and start again.")
        say(f"Looking for {package} …")
        self._get("update")
        if self._candidate(package) < max(oldest, 1):
            self._use_unstable(package, say)
        self._fetch(package, say)
        return sorted(self.directory.glob("cache/archives/*.deb"))

    def _candidate(self, package: str) -> int:
        """Its major version, 0 when there is none."""
        told = self._run("apt-cache", "policy", package)
        found = re.search(r"^ *Candidate: (?:\d+:)?(\d+)", told, re.MULTILINE)
        return int(found[1]) if found else 0

    def _use_unstable(self, package: str, say: Say) -> None:
        say(f"This release has no {package}: taking it from Debian's unstable suite, kept apart from the system …")
        told = self._run(
            *("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"),
            "Created-By: Packages",
        )
        mirror = next((line.split("|") for line in told.splitlines() if line.startswith("Debian|Debian|main|")), None)
        if mirror is None:
            raise _Failed(f"apt knows no suite that has {package}, and no mirror of Debian.")
        signed = next((f"[signed-by={keyring}] " for keyring in KEYRINGS if keyring.exists()), "")
        sources = self.directory / "unstable.list"
        sources.write_text(f"deb {signed}{mirror[3]} unstable main\n", encoding="utf-8")
        self.options += ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null"]
        self._get("update")
        if not self._candidate(package):
            raise _Failed(f"Debian's unstable suite has no {package} for this kind of machine.")

    def _fetch(self, package: str, say: Say) -> None:
        command = [
            "apt-get",
            *self.options,
            "-q",
            "-y",
            "--no-install-recommends",
            "--download-only",
            "install",
            package,
        ]
        total, last = 0, ""
        with subprocess.Popen(command, env=self._env(), text=True, stdout=-1, stderr=subprocess.STDOUT) as apt:
            for line in apt.stdout or ():
                if found := re.search(r"(\d+) newly installed", line):
                    total = int(found[1])
                elif found := re.match(r"Need to get (.*?B)", line):
                    say(f"Downloading {total} packages, {found[1]} …")
                elif (found := re.match(r"Get:(\d+) ", line)) and int(found[1]) % 50 == 0:
                    say(f"  {found[1]} of {total}")
                elif line.startswith("E: "):
                    last = line[3:].strip()
        if apt.returncode:
            raise _Failed(f"apt could not fetch it ({last or 'no reason given'}).")

    def _get(self, *arguments: str) -> str:
        return self._run("apt-get", "-q", *arguments)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [program, *self.options, *arguments],
            env=self._env(),
            text=True,
            capture_output=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            why = next((line for line in done.stderr.splitlines() if line.startswith("E: ")), "E: no reason given")
            raise _Failed(f"apt said: {why[3:]}.")
        return done.stdout

    def _env(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
