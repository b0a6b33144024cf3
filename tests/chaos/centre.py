"""A call centre under load: an Asterisk of its own, phones with habits, customers who call without end, and somebody who
transfers, parks nobody, and calls out. Nothing in it knows of Ringback.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

from telephony.ami.client import AmiClient, AmiError
from telephony.ami.frames import Frame
from tests.chaos.routine import Routine
from webapp.trial.pbx import TRUNK_IP, Pbx, Ports, Secrets, free_tcp_ports, free_udp_ports
from webapp.trial.people import Agent, Cast, TrialQueue
from webapp.trial.phones import CUSTOMERS, FOREVER, Behaviour, Phones, answers, declines, is_busy, rings
from webapp.trial.sipp import SCENARIOS, Sipp

RTP_PORTS = 400
SELLERS = ("alice", "bob", "carol", "dave", "erin", "frank")
SUPPORTERS = ("grace", "heidi", "ivan")
DIRECT = ("judy", "mallory", "niaj", "oscar")  # answers; declines; is busy; lets it ring
UNPLUGGED = ("peggy",)
LONGEST_STAY = 12.0
TRANSFER_EVERY = 1.5  # seconds
FIELDS = {"[service]": "[field0]", "[from]": "[field1]", "[identity]": "[field2]", "[privacy]": "[field3]",
          "[patience]": "[field4]", "[stay]": "[field5]"}  # fmt: skip

# what the trial's dial plan has not: a ring group, a queue behind a queue, a menu that waits
DIALPLAN = """
[from-trunk]
exten => +302100000301,1,Gosub(screen,s,1)
 same => n,Dial(PJSIP/alice&PJSIP/bob&PJSIP/peggy,8,b(mark^s^1))
 same => n,Hangup()
exten => +302100000302,1,Gosub(screen,s,1)
 same => n,Answer()
 same => n,Queue(support,rb(mark^s^1),,,3)
 same => n,Queue(sales,rb(mark^s^1),,,10)
 same => n,Hangup()
exten => +302100000303,1,Gosub(screen,s,1)
 same => n,Answer()
 same => n,Wait(1.5)
 same => n,Queue(sales,rb(mark^s^1),,,8)
 same => n,Hangup()
exten => +302100000304,1,Gosub(screen,s,1)
 same => n,Dial(PJSIP/oscar,2,b(mark^s^1))
 same => n,Dial(PJSIP/judy,8,b(mark^s^1))
 same => n,Hangup()
"""
RING_GROUP, TWO_QUEUES, MENU, FORWARD = "+302100000301", "+302100000302", "+302100000303", "+302100000304"
NOBODY = "+302100000999"


def chaos_cast() -> Cast:
    names = (*SELLERS, *SUPPORTERS, *DIRECT, *UNPLUGGED)
    agents = tuple(
        Agent(name, name.capitalize(), str(101 + i), f"+3021000001{1 + i:02}") for i, name in enumerate(names)
    )
    return Cast(
        agents=agents,
        queues=(
            TrialQueue("sales", "Sales", "+302100000100", SELLERS),
            TrialQueue("support", "Support", "+302100000200", SUPPORTERS),
        ),
        supervisor=("sofia", "Sofia"),
        admin=("admin", "Administrator"),
        shown_number="+302100000100",
    )


class ChaosPbx(Pbx):
    """The trial's, with room for more calls at once and some more of a dial plan."""

    def configuration(self, run_dir: Path) -> dict[str, str]:
        texts = super().configuration(run_dir)
        queues = re.sub(r"timeout = 12", "timeout = 4", texts["queues.conf"])
        return texts | {"extensions.conf": texts["extensions.conf"] + DIALPLAN, "queues.conf": queues}


def ports(people: Cast) -> Ports:
    udp = free_udp_ports(RTP_PORTS + 2 + len(people.agents))
    sip, customers, *phones = udp[RTP_PORTS:]
    at = dict(zip((agent.username for agent in people.agents), phones, strict=True))
    ami, http = free_tcp_ports(2)
    return Ports(ami, sip, customers, at, udp[0], udp[RTP_PORTS - 1], http)


def habits(dice: Random) -> dict[str, list[Behaviour]]:
    """How each phone behaves, call by call."""

    def worker() -> Behaviour:
        mood = dice.random()
        if mood < 0.10:
            return Behaviour(ring=0.5, code=603, own_ring=0.5)
        if mood < 0.18:
            return Behaviour(ring=FOREVER, own_ring=0.5)
        stay = dice.uniform(1, 8) if dice.random() < 0.6 else FOREVER
        return Behaviour(ring=dice.uniform(0.2, 3), stay=stay, own_ring=dice.uniform(0.2, 2))

    def customer() -> Behaviour:
        mood = dice.random()
        code = 486 if mood > 0.8 else 603 if mood > 0.7 else 200
        ring = FOREVER if mood < 0.1 else dice.uniform(0.5, 4)
        return Behaviour(ring, code, dice.uniform(2, 10), own_ring=ring, own_code=code)

    phones = {name: [worker() for _ in range(300)] for name in (*SELLERS, *SUPPORTERS)}
    direct = {"judy": [answers(0.5, 3.0)], "mallory": [declines()], "niaj": [is_busy()], "oscar": [rings()]}
    return phones | direct | {CUSTOMERS: [customer() for _ in range(300)]}


class Callers:
    """One SIPp that plays all customers: so many calls a second, each of another kind."""

    def __init__(self, pbx: Pbx, sipp: Sequence[str], rows: Sequence[str], rate: float, folder: Path) -> None:
        text = (SCENARIOS / "caller.xml").read_text(encoding="utf-8")
        for key, fields in FIELDS.items():
            text = text.replace(key, fields)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "callers.xml").write_text(text, encoding="utf-8")
        (folder / "callers.csv").write_text("SEQUENTIAL\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
        self.planned = len(rows)
        self._sipp = Sipp(
            sipp,
            str(folder / "callers"),
            name="callers",
            ip=TRUNK_IP,
            port=free_udp_ports(1)[0],
            sip_port=pbx.ports.sip,
            log_dir=folder,
            more=(
                "-inf",
                str(folder / "callers.csv"),
                "-deadcall_wait",
                "0",
                "-l",
                "400",
                "-m",
                str(len(rows)),
                "-r",
                str(round(rate * 10)),
                "-rp",
                "10000",
            ),
        )

    @property
    def over(self) -> bool:
        return not self._sipp.running

    def wait(self, seconds: float) -> bool:
        return self._sipp.wait(seconds)

    def close(self) -> None:
        """Nobody calls any more; those who are on the line go on."""
        with suppress(ProcessLookupError):
            os.kill(self._sipp.pid, signal.SIGUSR1)

    def stop(self) -> None:
        self._sipp.stop()


WITHHELD = re.compile(r"\+306999\d+")  # numbers that the network tells and that must not be shown


def plan(dice: Random, people: Cast, count: int) -> list[str]:
    """Rows for the callers: number called; From; identity; privacy; patience; stay (tenths of a second)."""
    regulars = [f"+30694500{i:04}" for i in range(30)]
    return [_row(dice, people, regulars, i) for i in range(count)]


def _row(dice: Random, people: Cast, regulars: list[str], i: int) -> str:
    mood = dice.random()
    if mood < 0.35:
        number = dice.choice(regulars)
    elif mood < 0.42:
        number = ""
    elif mood < 0.48:
        number = f"+306999{i:06}"
    else:
        number = f"+306946{i:06}"
    written = number if dice.random() < 0.8 else "00" + number[1:] if number else ""
    identity = f"<sip:{written}@{TRUNK_IP}>" if written else '"Anonymous" <sip:anonymous@anonymous.invalid>'
    withheld = bool(WITHHELD.fullmatch(number))
    shown = '"Anonymous" <sip:anonymous@anonymous.invalid>' if withheld else identity
    patience, stay = dice.choice([(1, 1), (3, 3), (6, 4), (10, 6), (LONGEST_STAY, LONGEST_STAY)])
    tenths = [str(round(10 * each * dice.uniform(0.7, 1.2))) for each in (patience, stay)]
    return ";".join((_did(dice, people), shown, identity, "id" if withheld else "none", *tenths))


def _did(dice: Random, people: Cast) -> str:
    (chosen,) = dice.choices(
        [people.did("sales"), people.did("support"), RING_GROUP, TWO_QUEUES, MENU, FORWARD, NOBODY,
         *(people.did(name) for name in (*DIRECT, *UNPLUGGED)), people.did("alice")],
        [30, 14, 6, 5, 5, 4, 2, 8, 3, 3, 3, 3, 4],
    )  # fmt: skip
    return chosen


class Colleagues(Routine):
    """They transfer calls, send them back into queues, and call out from their phones: by AMI, as a switchboard does."""

    def __init__(self, pbx: Pbx, people: Cast, dice: Random) -> None:
        super().__init__("colleagues")
        self._pbx, self._people, self._dice = pbx, people, dice

    def _work(self) -> None:
        client: AmiClient | None = None
        while not self._over.wait(self._dice.uniform(0.5, 2 * TRANSFER_EVERY)):
            try:
                if client is None:
                    client = AmiClient()
                    client.connect("127.0.0.1", self._pbx.ports.ami)
                    client.login("ringback-commands", self._pbx.secrets.commands, events="off")
                self._something(client)
            except (AmiError, OSError):
                client = None  # the switch restarts, say
                time.sleep(1)
        if client is not None:
            with suppress(Exception):
                client.close()

    def _something(self, client: AmiClient) -> None:
        mood = self._dice.random()
        if mood < 0.3:
            number = f"+306947{self._dice.randrange(10**6):06}"
            self._originate(client, self._dice.choice((*SELLERS, "judy")), number, "dialled")
        elif mood < 0.4:
            self._originate(client, self._dice.choice(SELLERS), self._people.agent("judy").extension, "internal")
        else:
            self._move(client, mood)

    # only from phones that their owners pick up: else there was a wish, and no call
    def _originate(self, client: AmiClient, username: str, exten: str, what: str) -> None:
        client.send_action(
            {"Action": "Originate", "Channel": f"PJSIP/{username}", "Context": "from-agents", "Exten": exten,
             "Priority": "1", "Timeout": "8000", "Async": "true", "CallerID": f"<{exten}>"}
        )  # fmt: skip
        self._count(what)

    def _move(self, client: AmiClient, mood: float) -> None:
        """One customer who talks is passed on."""
        channels = client.send_action({"Action": "CoreShowChannels"}).events
        pairs = [(agent, customer) for customer in channels for agent in channels if _talk(agent, customer)]
        if not pairs:
            return
        agent, customer = self._dice.choice(pairs)
        to = self._dice.choice((*SELLERS, *DIRECT, *UNPLUGGED))
        if mood < 0.75:
            client.send_action(
                {"Action": "BlindTransfer", "Channel": agent["Channel"], "Context": "direct", "Exten": to}
            )
            self._count("blind transfer")
        else:
            where = {"Context": "from-trunk", "Exten": self._people.did("sales"), "Priority": "1"}
            client.send_action({"Action": "Redirect", "Channel": customer["Channel"], **where})
            self._count("back into the queue")


def _talk(agent: Frame, customer: Frame) -> bool:
    bridge = customer.get("BridgeId")
    return (
        bool(bridge)
        and agent.get("BridgeId") == bridge
        and customer["Channel"].startswith("PJSIP/trunk-")
        and not agent["Channel"].startswith(("PJSIP/trunk-", "Local/"))
    )


class Centre:
    """All of it. `with Centre(...) as centre: centre.open(...)`"""

    def __init__(self, pbx: ChaosPbx, sipp: Sequence[str], dice: Random) -> None:
        self.pbx, self._sipp, self._dice = pbx, tuple(sipp), dice
        self.complaints: list[str] = []
        self.phones = Phones(pbx, sipp, habits(dice), self.complaints.append)
        self.colleagues = Colleagues(pbx, pbx.people, dice)
        self.callers: Callers | None = None

    def __enter__(self) -> Centre:
        self.pbx.start()
        self.phones.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.callers:
            self.callers.stop()
        self.phones.stop()
        self.pbx.stop()

    def open(self, *, seconds: float, rate: float) -> None:
        rows = plan(self._dice, self.pbx.people, round(seconds * rate))
        self.callers = Callers(self.pbx, self._sipp, rows, rate, self.pbx.state_dir / "callers")
        self.colleagues.start()

    def close(self, patience: float) -> bool:
        """No new calls; True when all are over by themselves."""
        self.colleagues.stop()
        assert self.callers is not None
        self.callers.close()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.callers.over and not self.channels():
                return True
            time.sleep(0.5)
        self.callers.stop()
        for channel in self.channels():
            self.pbx.cli(f"channel request hangup {channel}")
        return False

    def channels(self) -> list[str]:
        return [line.split("!")[0] for line in self.pbx.cli("core show channels concise").splitlines() if "!" in line]


def make_pbx(installation: object, folder: Path) -> ChaosPbx:
    people = chaos_cast()
    return ChaosPbx(installation, folder, ports(people), Secrets(), people)  # type: ignore[arg-type]
