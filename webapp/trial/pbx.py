"""The trial's Asterisk: configured from config/asterisk, on loopback alone, with secrets of its own, and ended with
the program.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import wave
from array import array
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import config
from config.settings import BrowserPhones, Login, SwitchSettings
from webapp.trial.install import Installation
from webapp.trial.people import Cast, cast

TEMPLATES = Path(config.__file__).parent / "asterisk"
TRUNK_IP = "127.0.0.2"  # where customers are; phones are on 127.0.0.1
WITHOUT_WORDS = (
    "acl",
    "pjproject",
    "pjsip_notify",
    "udptl",
    "websocket_client",
)  # Asterisk complains when these files are missing, not when they are empty
RTP_PORTS = 40
START_SECONDS = 60
STOP_SECONDS = 5


class PbxFailed(Exception):
    """Asterisk did not start; the last lines that it wrote."""


class NoTrial(Exception):
    """No trial is running in this directory."""


# Below those that the system gives to whoever asks for any: else one is gone before the program meant for it starts, or
# while that program restarts. 10,000 more stay for who keeps some for later (the tests do).
OURS = range(10_000, 22_000)


@dataclass(frozen=True, slots=True)
class Ports:
    ami: int
    sip: int
    customers: int  # where customers are called back, on TRUNK_IP
    phones: Mapping[str, int]  # by username
    rtp_first: int
    rtp_last: int
    http: int  # of browser phones

    @classmethod
    def free(cls, people: Cast | None = None) -> Ports:
        usernames = [agent.username for agent in (people or cast()).desk_agents]
        udp = free_udp_ports(RTP_PORTS + 2 + len(usernames))
        sip, customers, *phones = udp[RTP_PORTS:]
        at = dict(zip(usernames, phones, strict=True))
        ami, http = free_tcp_ports(2)
        return cls(ami, sip, customers, at, udp[0], udp[RTP_PORTS - 1], http)


@dataclass(frozen=True, slots=True)
class Secrets:
    """One for each AMI user, one for the phones on desks, and one for whoever makes those in browsers."""

    events: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    commands: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    answer: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    phone: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    ari: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)


class Pbx:
    """One Asterisk. Several may run from one installation, each with a state directory and ports of its own.

    Start it from a thread that lives as long as Asterisk shall: the kernel ends Asterisk with the thread that began it,
    so that nothing survives a program that was killed.
    """

    def __init__(
        self,
        installation: Installation,
        state_dir: Path,
        ports: Ports | None = None,
        passwords: Secrets | None = None,
        people: Cast | None = None,
    ) -> None:
        self.installation = installation
        self.state_dir = state_dir.absolute()
        self.people = people or cast()
        self.ports = ports or Ports.free(self.people)
        self.secrets = passwords or Secrets()
        self._process: subprocess.Popen[bytes] | None = None
        self._run_dir: Path | None = None

    def __enter__(self) -> Pbx:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "log"

    @property
    def cel_file(self) -> Path:
        """Every step of every call, as CSV."""
        return self.log_dir / "cel-custom" / "ringback.csv"

    def log_text(self) -> str:
        """Asterisk's own warnings and errors."""
        log = self.log_dir / "messages.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def switch(self, name: str = "trial") -> SwitchSettings:
        """What Ringback must know of this PBX."""
        return self._told().switch(name, self.people)

    def start(self) -> None:
        """Returns when Asterisk has booted and AMI answers; raises `PbxFailed`."""
        self._refuse_taken_ports()
        self._run_dir = Path(tempfile.mkdtemp(prefix="ringback-"))  # a socket's path must be short
        self._configure(self._run_dir)
        command = dying_with_us([*self.installation.command, "-f", "-C", str(self._main_file)])
        with open(self.log_dir / "console.log", "wb") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd="/", start_new_session=True
            )
        try:
            self._wait_until_booted()
        except BaseException:
            self.kill()
            raise
        self._tell_where()

    def stop(self) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)  # means "core stop now"
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """As if the power had failed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
        _trial_file(self.state_dir).unlink(missing_ok=True)
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)

    def restart(self) -> None:
        """The same PBX on the same ports."""
        self.stop()
        self.start()

    def cli(self, command: str) -> str:
        """The answer of Asterisk's own console. Raises `PbxFailed` when there is none."""
        arguments = [*self.installation.command, "-C", str(self._main_file), "-rx", command]
        try:
            done = subprocess.run(arguments, capture_output=True, check=False, timeout=START_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise PbxFailed(f"no answer to {command!r}") from error
        if done.returncode:
            raise PbxFailed(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="replace")

    @property
    def here(self) -> RunningTrial:
        """For callers."""
        return RunningTrial.at(self.state_dir)

    @property
    def _main_file(self) -> Path:
        return self.state_dir / "etc" / "asterisk.conf"

    def _configure(self, run_dir: Path) -> None:
        etc = self.state_dir / "etc"
        logs = (self.log_dir / "cel-custom", self.log_dir / "cdr-csv")
        for place in (etc, *logs, self.state_dir / "spool", self.state_dir / "lib" / "keys"):
            place.mkdir(parents=True, exist_ok=True)
        compose(self.state_dir / "lib" / "music")
        self.state_dir.chmod(0o700)
        (self.log_dir / "messages.log").unlink(missing_ok=True)
        for name, text in self.configuration(run_dir).items():
            _write_private(etc / name, text)

    def configuration(self, run_dir: Path) -> dict[str, str]:
        """Text by file name."""
        values = self._values(run_dir)
        rows = self._rows()
        texts = {f"{name}.conf": "" for name in WITHOUT_WORDS} | {
            template.name: fill(template.read_text(encoding="utf-8"), values, rows)
            for template in sorted(TEMPLATES.glob("*.conf"))
            if not template.name.endswith(".example.conf")
        }
        return texts | {"modules.conf": self._existing_modules(texts["modules.conf"])}

    def _existing_modules(self, text: str) -> str:
        """Without those that this version of Asterisk has not, or has no more."""
        there = {module.name for module in self.installation.modules.glob("*.so")}
        return "".join(
            line
            for line in text.splitlines(keepends=True)
            if not line.startswith("load =>") or line.split()[-1] in there
        )

    def _values(self, run_dir: Path) -> dict[str, str]:
        return {
            "STATE": str(self.state_dir),
            "RUN": str(run_dir),
            "MODULES": str(self.installation.modules),
            "DATA": str(self.installation.data),
            "AMI_PORT": str(self.ports.ami),
            "HTTP_PORT": str(self.ports.http),
            "SIP_PORT": str(self.ports.sip),
            "TRUNK_IP": TRUNK_IP,
            "TRUNK_PORT": str(self.ports.customers),
            "RTP_FIRST": str(self.ports.rtp_first),
            "RTP_LAST": str(self.ports.rtp_last),
            "SHOWN_NUMBER": self.people.shown_number,
            **{f"{name.upper()}_SECRET": value for name, value in asdict(self.secrets).items()},
            **{f"{queue.name.upper()}_DID": queue.did for queue in self.people.queues},
        }

    def _rows(self) -> dict[str, list[dict[str, str]]]:
        agents = {
            agent.username: {
                "USERNAME": agent.username,
                "AGENT_NAME": agent.name,
                "EXTENSION": agent.extension,
                "DID": agent.did,
                "PHONE_PORT": str(self.ports.phones.get(agent.username, 0)),
            }
            for agent in self.people.agents
        }
        queues = {queue.name: [agents[member] for member in queue.members] for queue in self.people.queues}
        desks = [agents[agent.username] for agent in self.people.desk_agents]
        return {"agent": list(agents.values()), "desk_agent": desks, **queues}

    def _refuse_taken_ports(self) -> None:
        """Asterisk itself would start all the same, deaf."""
        tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
        for port, kind in ((self.ports.ami, tcp), (self.ports.http, tcp), (self.ports.sip, udp)):
            if not _is_free(port, kind):
                raise PbxFailed(f"Port {port} is in use by another program.")

    def _wait_until_booted(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise PbxFailed(f"Asterisk ended at once.\n{self._last_words()}")
            try:
                if "fully booted" in self.cli("core waitfullybooted") and self._ami_answers():
                    return
            except PbxFailed:
                time.sleep(0.05)
        raise PbxFailed(f"Asterisk did not get ready within {START_SECONDS} s.\n{self._last_words()}")

    def _ami_answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.ports.ami), 2) as connection:
                return connection.recv(30).startswith(b"Asterisk Call Manager")
        except OSError as error:
            raise PbxFailed(str(error)) from error

    def _last_words(self) -> str:
        console = (self.log_dir / "console.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join((console + self.log_text()).splitlines()[-8:])

    def _tell_where(self) -> None:
        self._told().tell(self.state_dir)

    def _told(self) -> RunningTrial:
        return RunningTrial(
            pid=self.pid or 0,
            sip=self.ports.sip,
            ami=self.ports.ami,
            http=self.ports.http,
            log_dir=self.log_dir,
            events=self.secrets.events,
            commands=self.secrets.commands,
            answer=self.secrets.answer,
            ari=self.secrets.ari,
        )


@dataclass(frozen=True, slots=True)
class RunningTrial:
    """A PBX that this program or another one has started, as far as whoever speaks with it needs to know it."""

    pid: int
    sip: int
    ami: int
    http: int
    log_dir: Path
    events: str = field(repr=False)  # the secrets of its three AMI users
    commands: str = field(repr=False)
    answer: str = field(repr=False)
    ari: str = field(repr=False)

    @classmethod
    def at(cls, state_dir: Path) -> RunningTrial:
        """Raises `NoTrial` when none runs there."""
        try:
            told = json.loads(_trial_file(state_dir).read_text(encoding="utf-8"))
            os.kill(told["pid"], 0)
            return cls(**{**told, "log_dir": Path(told["log_dir"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NoTrial(
                "No trial is running here: start it with `make run`, and call from another terminal."
            ) from error

    def tell(self, state_dir: Path) -> None:
        """For `at`, in another program of the same user."""
        _write_private(_trial_file(state_dir), json.dumps(asdict(self) | {"log_dir": str(self.log_dir)}))

    def switch(self, name: str, people: Cast | None = None) -> SwitchSettings:
        people = people or cast()
        return SwitchSettings(
            name=name,
            host="127.0.0.1",
            port=self.ami,
            events=Login("ringback-events", self.events),
            commands=Login("ringback-commands", self.commands),
            answer=Login("ringback-answer", self.answer),
            browser_phones=BrowserPhones(
                f"http://127.0.0.1:{self.http}", Login("ringback-phones", self.ari), f"ws://127.0.0.1:{self.http}/ws"
            ),
            trunks=("PJSIP/trunk",),
            own_numbers=tuple(people.did_labels),
            did_labels=people.did_labels,
            books=str(self.log_dir),
        )


def fill(text: str, values: Mapping[str, str], rows: Mapping[str, Iterable[Mapping[str, str]]]) -> str:
    """A template with its `@PLACEHOLDERS@` replaced; what stands between `;each NAME` and `;end` comes once a row."""

    def block(found: re.Match[str]) -> str:
        return "".join(_replace(found[2], {**values, **row}) for row in rows[found[1]])

    return _replace(re.sub(r"^;each (\w+)\n(.*?)^;end\n", block, text, flags=re.MULTILINE | re.DOTALL), values)


def _replace(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text)


def dying_with_us(command: list[str]) -> list[str]:
    """The command, ended by the kernel together with the thread that starts it, where the machine can do that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command


def compose(directory: Path) -> None:
    """What waiting customers hear: a few soft notes, and a pause."""
    directory.mkdir(parents=True, exist_ok=True)
    rate, notes = 8000, (392.0, 494.0, 587.0, 494.0)
    samples = [
        int(3000 * math.sin(2 * math.pi * note * i / rate) * math.exp(-4 * i / rate))
        for note in notes
        for i in range(rate)
    ]
    with wave.open(str(directory / "waiting.wav"), "wb") as music:
        music.setnchannels(1)
        music.setsampwidth(2)
        music.setframerate(rate)
        music.writeframes(array("h", samples).tobytes())


def free_tcp_port() -> int:
    return free_tcp_ports(1)[0]


def free_tcp_ports(count: int) -> range:
    return _free_ports(count, socket.SOCK_STREAM)


def free_udp_ports(count: int, among: range = OURS) -> range:
    """One after the other, the first is even."""
    return _free_ports(count, socket.SOCK_DGRAM, among)


def _free_ports(count: int, kind: socket.SocketKind, among: range = OURS) -> range:
    while True:
        first = among.start + 2 * secrets.randbelow((len(among) - count) // 2)
        ports = range(first, first + count)
        if all(_is_free(port, kind) for port in ports):
            return ports


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(type=kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Asterisk does
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def _trial_file(state_dir: Path) -> Path:
    return state_dir / "trial.json"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
