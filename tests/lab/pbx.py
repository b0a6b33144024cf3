"""An Asterisk with a whole call centre on it, made from the trial's packages and the product's own AMI users and books,
with the dial plan, queues and phones of `conf/`."""

from __future__ import annotations

import secrets
import wave
from dataclasses import dataclass
from pathlib import Path

from webapp.trial.install import Installation
from webapp.trial.pbx import Pbx, Ports, fill, free_tcp_ports, free_udp_ports
from webapp.trial.people import Cast, TrialQueue, cast

CONF = Path(__file__).parent / "conf"
DESKS = 99
PEOPLE = ("alice", "bob", "charlie")
RTP_PORTS = 400
PER_DESK = 4  # of each kind of party; the first is not used
BLOCK = PER_DESK * (DESKS + 1)
KEPT = range(22_000, 32_000)  # nobody else's while they wait for a party; what runs beside takes those of the product


@dataclass(frozen=True, slots=True)
class Places:
    """Ports of phones, of their second lines, of customers who are called and of those who call; the same all the time.
    For sound each party has an address of its own, as SIPp wants some ports in a row."""

    blocks: tuple[int, int, int, int]
    media: int

    @classmethod
    def free(cls, taken: set[int]) -> Places:
        blocks = (_block(taken, BLOCK), _block(taken, BLOCK), _block(taken, BLOCK), _block(taken, BLOCK))
        return cls(blocks, _block(taken, 6))

    def phone(self, desk: int, person: int) -> int:
        return self.blocks[0] + PER_DESK * desk + person

    def second_line(self, desk: int, person: int) -> int:
        return self.blocks[1] + PER_DESK * desk + person

    def customer(self, desk: int, number: int) -> int:
        """Whom we call."""
        return self.blocks[2] + PER_DESK * desk + number

    def caller(self, desk: int, number: int) -> int:
        return self.blocks[3] + PER_DESK * desk + number

    def media_ip(self, port: int) -> str:
        block = next(number for number, first in enumerate(self.blocks) if first <= port < first + BLOCK)
        row, column = divmod(port - self.blocks[block], 200)
        return f"127.1.{10 * block + row}.{column + 1}"


def _block(taken: set[int], count: int) -> int:
    """The first of so many free ports in a row, which from now on are taken."""
    while taken & set(ports := free_udp_ports(count, KEPT)):
        pass
    taken |= set(ports)
    return ports[0]


class LabPbx(Pbx):
    def __init__(self, installation: Installation, state_dir: Path) -> None:
        taken: set[int] = set()
        rtp, sip = _block(taken, RTP_PORTS), _block(taken, 2)
        self.places = Places.free(taken)
        ami, http = free_tcp_ports(2)
        ports = Ports(ami, sip, sip + 1, {}, rtp, rtp + RTP_PORTS - 1, http)
        super().__init__(installation, state_dir, ports, people=_nobody())
        self.lab_secret = secrets.token_hex(24)

    def configuration(self, run_dir: Path) -> dict[str, str]:
        own = {
            path.name: fill(path.read_text(encoding="utf-8"), self._values(run_dir), self._rows())
            for path in sorted(CONF.glob("*.conf"))
        }
        texts = super().configuration(run_dir)
        for name in ("modules", "manager"):
            texts[f"{name}.conf"] += own.pop(f"{name}.more.conf")
        texts["modules.conf"] = self._existing_modules(texts["modules.conf"])
        self._greet()
        return texts | own

    def _values(self, run_dir: Path) -> dict[str, str]:
        return super()._values(run_dir) | {
            "CUSTOMERS": str(self.places.blocks[2]),
            "LAB_SECRET": self.lab_secret if hasattr(self, "lab_secret") else "",
            "LANGUAGE": next((path.name for path in sorted(self.installation.data.glob("sounds/en*"))), "en"),
        }

    def _rows(self) -> dict[str, list[dict[str, str]]]:
        desks = [f"{desk:02}" for desk in range(1, DESKS + 1)]
        phones = [
            {
                "EXTENSION": f"1{desk}{person}",
                "DESK": desk,
                "NAME": name.title(),
                "PHONE_PORT": str(self.places.phone(int(desk), person)),
            }
            for desk in desks
            for person, name in enumerate(PEOPLE, 1)
        ]
        return super()._rows() | {"desk": [{"DESK": desk} for desk in desks], "phone": phones}

    def _greet(self) -> None:
        """Short greetings for all mailboxes: nobody waits for them."""
        for phone in self._rows()["phone"]:
            mailbox = self.state_dir / "spool" / "voicemail" / "default" / phone["EXTENSION"]
            mailbox.mkdir(parents=True, exist_ok=True)
            with wave.open(str(mailbox / "unavail.wav"), "wb") as greeting:
                greeting.setnchannels(1)
                greeting.setsampwidth(2)
                greeting.setframerate(8000)
                greeting.writeframes(bytes(2 * 2400))


def _nobody() -> Cast:
    """The trial's templates name its queues; its people are not here."""
    queues = tuple(TrialQueue(queue.name, queue.label, queue.did, ()) for queue in cast().queues)
    return Cast((), queues, ("", ""), ("", ""), cast().shown_number)
