"""Where no Asterisk can be installed: recordings of real calls, played on a socket that speaks AMI."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from config.settings import Login, SwitchSettings
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from telephony.fake.recast import Recast
from webapp.trial.people import Agent, Cast

DIRECTORY = Path(__file__).parent / "recordings_data"
PAUSE = (3.0, 8.0)  # seconds between two calls
Say = Callable[[str], None]


class Player:
    """A fake Asterisk with this cast. Its `playing(...)` is what makes customers call."""

    def __init__(self, people: Cast, say: Say) -> None:
        self._people, self._say = people, say
        self._logins = {role: Login(f"ringback-{role}", secrets.token_hex(16)) for role in ROLES}
        users = {login.user: FakeUser(login.secret, ROLES[role]) for role, login in self._logins.items()}
        self._pbx = FakeAsterisk(users, on_originate=self._called)
        self._dice = Random()
        self._calling: list[threading.Thread] = []

    def __enter__(self) -> Player:
        self._pbx.up()
        return self

    def __exit__(self, *_: object) -> None:
        self._pbx.close()

    def switch(self, name: str) -> SwitchSettings:
        labels = self._people.did_labels
        return SwitchSettings(
            name=name, host="127.0.0.1", port=self._pbx.port, events=self._logins["events"],
            commands=self._logins["commands"], answer=self._logins["answer"], own_numbers=tuple(labels),
            did_labels=labels,
        )  # fmt: skip

    def playing(self, customers: Sequence[tuple[str, str]]) -> Playing:
        return Playing(self, customers)

    def play_somebody(self, customers: Sequence[tuple[str, str]]) -> None:
        """One call, to its end."""
        number, name = self._dice.choice(customers)
        desks = self._people.desk_agents
        agents = self._dice.sample(desks, len(desks))
        recording, queue = self._dice.choice(INBOUND)
        self._pbx.play(
            DIRECTORY / f"{recording}.ami.gz",
            recast=Recast(
                caller=number,
                caller_name=name,
                did=self._people.queue(queue).did if queue else agents[0].did,
                queue=queue,
                lines=_lines(agents),
            ),
        )

    def _called(self, action: dict[str, str]) -> None:
        """Click-to-call: an agent's phone, then the customer, as it was recorded once, also where the customer is to be
        first."""
        line, number = action["Channel"], action["Exten"]
        if line.startswith("Local/"):
            told = dict(each.partition("=")[::2] for each in action["Variable"].split(","))
            line, number = told["RINGBACK_PHONE"], line.removeprefix("Local/").partition("@")[0]
        recast = Recast(caller=number, uid=action["ChannelId"], lines={"PJSIP/1001": line})
        thread = threading.Thread(
            target=self._pbx.play, args=(DIRECTORY / "c2c-answered.ami.gz",), kwargs={"recast": recast}, daemon=True
        )
        thread.start()


class Playing:
    """Two at a time, so that calls wait and ring as they do in life."""

    def __init__(self, player: Player, customers: Sequence[tuple[str, str]]) -> None:
        self._player, self._customers = player, customers
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="recordings", daemon=True) for _ in range(2)]

    def __enter__(self) -> Playing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self) -> None:
        dice = Random()
        while not self._over.wait(dice.uniform(*PAUSE)):
            self._player.play_somebody(self._customers)


INBOUND: tuple[tuple[str, str | None], ...] = (
    ("in-queue-answered", "sales"),
    ("in-queue-abandoned", "sales"),
    ("in-queue-first-agent-no-answer", "support"),
    ("in-queue-ringall", "support"),
    ("in-direct-answered", None),
    ("in-direct-hangup-while-ringing", None),
)
ROLES: dict[str, tuple[str, ...] | None] = {
    "events": ("CoreStatus", "CoreShowChannels", "QueueStatus", "Ping", "Challenge", "Logoff"),
    "commands": None,
    "answer": ("PJSIPNotify", "Ping", "Challenge", "Logoff"),
}


def _lines(agents: Sequence[Agent]) -> dict[str, str]:
    """The recorded phones become those of these agents, in this order."""
    phones = [agent.endpoint for agent in agents]
    recorded = [("1001", 0), ("1002", 1), ("1003", 2), ("1004", 0), ("1005", 1), ("1006", 2), ("1007", 0)]
    return {f"PJSIP/{extension}": phones[i % len(phones)] for extension, i in recorded}
