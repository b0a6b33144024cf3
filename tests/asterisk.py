"""A real Asterisk with phones and customers played by SIPp, for tests: `asterisk` is one that all tests of a session
share, as it was at the beginning; `start_asterisk` gives one of the test's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from telephony.ami.client import AmiClient, Message
from telephony.ami.frames import Frame
from webapp.trial.install import Installation, default_cache, ensure_sipp, find_or_install
from webapp.trial.pbx import Pbx
from webapp.trial.phones import CUSTOMERS, Behaviour, Phones, answers, rings
from webapp.trial.traffic import Customer, CustomerCall

PATIENCE = 20.0  # seconds that a condition may take on a busy machine

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], seconds: float = PATIENCE) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.02)
    return found


class Listener:
    """Somebody who is logged in to AMI, with all events that were heard."""

    def __init__(self, pbx: Pbx, user: str) -> None:
        self.heard: list[Frame] = []
        secret = getattr(pbx.secrets, user.removeprefix("ringback-"))
        self.client = AmiClient(on_frames=lambda frames: self.heard.extend(Frame(raw) for raw in frames))
        self.client.connect("127.0.0.1", pbx.ports.ami)
        self.client.login(user, secret)

    def act(self, name: str, **headers: object) -> Message:
        return self.client.send_action({"Action": name, **headers})

    def events(self, name: str, **headers: str) -> list[Frame]:
        return [
            event
            for event in tuple(self.heard)
            if event.name == name and all(event.get(header) == value for header, value in headers.items())
        ]

    def hears(self, name: str, **headers: str) -> Frame:
        """Waits for it."""
        return wait_for(f"{name} {headers}", lambda: self.events(name, **headers))[0]


class Asterisk:
    """The call centre of `webapp.trial.people`, with phones that do what a story says. Nobody calls unasked."""

    def __init__(self, pbx: Pbx, sipp: tuple[str, ...]) -> None:
        self.pbx, self.sipp = pbx, sipp
        self._usual = {agent.username: rings() for agent in pbx.people.desk_agents} | {CUSTOMERS: answers(0.2)}
        self._doing: dict[str, Behaviour | None] = dict(self._usual)
        self.complaints: list[str] = []
        usual = {name: (behaviour,) for name, behaviour in self._usual.items()}
        self.phones = Phones(pbx, sipp, usual, self._complain)
        self._calls: list[CustomerCall] = []
        self._listeners: list[Listener] = []

    def _complain(self, words: str) -> None:
        """Shown with the test that fails of it."""
        self.complaints.append(words)
        print(words)

    def phone(self, username: str, behaviour: Behaviour | None) -> None:
        """From now on the phone does so; None: it is unplugged. Without being asked a phone only rings."""
        if self._doing.get(username) == behaviour:
            return
        if behaviour is None:
            self.phones.unplug(username)
        else:
            self.phones.set(username, behaviour)
        self._doing[username] = behaviour

    def called_back(self, behaviour: Behaviour) -> None:
        """What customers do when they are called; without being asked they answer."""
        self.phone(CUSTOMERS, behaviour)

    def call(
        self,
        number: str,
        name: str = "",
        *,
        to: str = "support",
        withheld: bool = False,
        patience: float = 60.0,
        stay: float = 600.0,
    ) -> CustomerCall:
        """A customer calls a queue or an agent, and stays on the line until told to hang up."""
        did = to if to.startswith("+") else self.pbx.people.did(to)
        customer = Customer(number, name, withheld)
        call = CustomerCall(self.pbx.here, self.sipp, customer, did, patience=patience, stay=stay)
        self._calls.append(call)
        return call

    def logged_in(self, user: str) -> Listener:
        listener = Listener(self.pbx, user)
        self._listeners.append(listener)
        return listener

    def channels(self) -> list[str]:
        concise = self.pbx.cli("core show channels concise")
        return [line.split("!")[0] for line in concise.splitlines() if "!" in line]

    def tidy(self) -> None:
        """No call, nobody at the manager's port, all phones as they were."""
        for listener in self._listeners:
            listener.client.close()
        for call in self._calls:
            call.stop()
        self._listeners.clear()
        self._calls.clear()
        if not self.pbx.running:
            self.pbx.start()
            self.phones.wait_until_ready()
        for channel in self.channels():
            self.pbx.cli(f"channel request hangup {channel}")
        for username, behaviour in self._usual.items():
            self.phone(username, behaviour)
        wait_for("all calls to end", lambda: not self.channels())


@pytest.fixture(scope="session")
def asterisk_installation() -> tuple[Installation, tuple[str, ...]]:
    told: list[str] = []
    installation = find_or_install(default_cache(), told.append)
    sipp = ensure_sipp(default_cache(), told.append)
    if installation is None or sipp is None:
        pytest.skip(told[-1])
    return installation, sipp


@pytest.fixture(scope="session")
def _running_asterisk(
    asterisk_installation: tuple[Installation, tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asterisk]:
    installation, sipp = asterisk_installation
    with Pbx(installation, tmp_path_factory.mktemp("asterisk")) as pbx:
        running = Asterisk(pbx, sipp)
        with running.phones:
            yield running
            running.tidy()


@pytest.fixture
def asterisk(_running_asterisk: Asterisk) -> Iterator[Asterisk]:
    yield _running_asterisk
    _running_asterisk.tidy()


@pytest.fixture
def start_asterisk(
    asterisk_installation: tuple[Installation, tuple[str, ...]], tmp_path: Path
) -> Iterator[Callable[[], Pbx]]:
    """Starts a PBX without phones."""
    started: list[Pbx] = []

    def start() -> Pbx:
        pbx = Pbx(asterisk_installation[0], tmp_path / f"pbx-{len(started)}")
        started.append(pbx)
        pbx.start()
        return pbx

    yield start
    for pbx in started:
        pbx.stop()
