"""Where a story is played: three phones, queues and numbers that nobody else uses meanwhile, and customers around them."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from telephony.ami.client import AmiClient, Message
from tests.lab.desk_phone import DeskPhone
from tests.lab.pbx import PEOPLE, LabPbx
from tests.lab.script import AUDIO, From, Step, answering, calling
from webapp.trial.pbx import TRUNK_IP, dying_with_us
from webapp.trial.sipp import _bound

PHONE_IP = "127.0.0.1"
PATIENCE = 30.0  # seconds that a condition may take on a busy machine
MANY = 100  # more calls than any story has

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], seconds: float = PATIENCE) -> T:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.03)
    return found


class Party:
    """One SIPp, which plays a phone or a customer."""

    def __init__(self, command: list[str], port: int, ip: str, directory: Path) -> None:
        self.port, self.ip, self.directory = port, ip, directory
        self._process = subprocess.Popen(
            dying_with_us(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=directory, start_new_session=True,
        )  # fmt: skip

    @property
    def listening(self) -> bool:
        return self._process.poll() is not None or _bound(self.ip, self.port)

    @property
    def failed(self) -> bool:
        return self._process.poll() not in (None, 0)

    def over(self) -> None:
        """Waits until all of its steps are done. What came of them the books say, not SIPp: one that does not end is ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self.stop()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def complaints(self) -> str:
        told = "".join(path.read_text(errors="replace")[:800] for path in self.directory.glob("errors.log"))
        return f"{self.ip}:{self.port} {told}" if told else ""


@dataclass(slots=True)
class Desk:
    """`number` is its place in the call centre, `play` makes its customers others than those of the play before."""

    number: int
    play: int
    pbx: LabPbx
    sipp: tuple[str, ...]
    ami: AmiClient
    directory: Path
    parties: list[Party] = field(default_factory=list)
    desk_phones: list[DeskPhone] = field(default_factory=list)

    # names

    def did(self, what: int) -> str:
        return f"21{self.number:02}000{what}"

    def extension(self, person: str) -> str:
        return f"1{self.number:02}{PEOPLE.index(person) + 1}"

    def line(self, person: str) -> str:
        return f"PJSIP/{self.extension(person)}"

    def queue(self, kind: str) -> str:
        return f"{kind}-{self.number:02}"

    def customer(self, which: int = 1) -> str:
        return f"694{self.number:02}{self.play:03}0{which}"

    def person_of(self, line: str) -> str:
        extension = line.partition("/")[2]
        mine = extension.startswith(f"1{self.number:02}") and len(extension) == 4
        names = dict(zip("1239", (*PEOPLE, "nobody"), strict=True))
        return names.get(extension[3], line) if mine else line

    def owns(self, channel_or_line: str) -> bool:
        return channel_or_line.startswith(f"PJSIP/1{self.number:02}")

    # phones and customers

    def phone(self, person: str, *steps: Step, calls: int = 1, echo: bool = False) -> Party:
        """From now on the phone does so with each call that comes in."""
        port = self.pbx.places.phone(self.number, PEOPLE.index(person) + 1)
        return self.party(answering(*steps), PHONE_IP, port, calls=calls, echo=echo)

    def desk_phone(self, person: str, to: str, *, ring: float, talk: float, consult: float) -> DeskPhone:
        """It transfers to a colleague as desk phones do."""
        port = self.pbx.places.phone(self.number, PEOPLE.index(person) + 1)
        phone = DeskPhone(
            self.extension(person), port, self.pbx.ports.sip, self.extension(to), ring=ring, talk=talk, consult=consult
        )
        self.desk_phones.append(phone)
        return phone

    def called(self, *steps: Step, which: int = 1, calls: int = 1) -> Party:
        """What a customer does who is called."""
        return self.party(answering(*steps), TRUNK_IP, self.pbx.places.customer(self.number, which), calls=calls)

    def call(self, what: int, *steps: Step, which: int = 1, as_: From | None = None) -> Party:
        """A customer calls."""
        caller = as_ or From(self.customer(which))
        port = self.pbx.places.caller(self.number, which)
        return self.party(calling(caller, *steps), TRUNK_IP, port, service=self.did(what))

    def dial(self, person: str, number: str, *steps: Step) -> Party:
        """From the second line of a phone."""
        port = self.pbx.places.second_line(self.number, PEOPLE.index(person) + 1)
        return self.party(calling(From(self.extension(person)), *steps), PHONE_IP, port, service=number)

    def party(
        self, scenario: str, ip: str, port: int, *, calls: int = 1, service: str = "", echo: bool = False
    ) -> Party:
        directory = self.directory / str(len(self.parties))
        directory.mkdir(parents=True)
        (directory / "story.xml").write_text(scenario, encoding="utf-8")
        if AUDIO in scenario:
            (directory / AUDIO).write_bytes(speech())
        command = [
            *(*self.sipp, f"127.0.0.1:{self.pbx.ports.sip}", "-sf", "story.xml", "-i", ip, "-p", str(port)),
            *(
                "-mi",
                self.pbx.places.media_ip(port),
                "-mp",
                str(self.pbx.places.media),
                "-m",
                str(calls),
                "-nostdin",
                "-aa",
                "-trace_err",
                "-error_file",
            ),
            *("errors.log", *(("-s", service) if service else ("-l", str(calls))), *(("-rtp_echo",) if echo else ())),
        ]
        for party in self.parties:
            if (party.ip, party.port) == (ip, port):
                party.stop()
        party = Party(command, port, ip, directory)
        self.parties.append(party)
        if not service:
            wait_for(f"{ip}:{port} to listen", lambda: party.listening)
            assert not party.failed, party.complaints()
        return party

    def leave(self) -> None:
        for party in (*self.parties, *self.desk_phones):
            party.stop()

    def complaints(self) -> str:
        return "\n".join(filter(None, (party.complaints() for party in (*self.parties, *self.desk_phones))))

    # the switch

    def act(self, name: str, **headers: object) -> Message:
        answer = self.ami.send_action({"Action": name, **headers})
        assert answer.ok, (name, answer.text)
        return answer

    def channels(self, line: str = "") -> list[str]:
        """Of this desk, and of its customers."""
        customers = {self.customer(which) for which in (1, 2, 3)}
        return [
            frame["Channel"]
            for frame in self.act("CoreShowChannels").events
            if frame["Channel"].rpartition("-")[0] == line
            or (not line and (self.owns(frame["Channel"]) or frame.get("CallerIDNum") in customers))
        ]

    def channel(self, line: str) -> str:
        """Of a phone; waits for it."""
        return wait_for(f"a channel of {line}", lambda: self.channels(line))[0]

    def gone(self, line: str) -> None:
        """Waits until a phone has no call any more."""
        wait_for(f"no channel of {line}", lambda: not self.channels(line))

    def customers_channel(self, person: str = "alice") -> str:
        """Of the customer who is connected with this person; waits for it."""
        return wait_for(f"a customer with {person}", lambda: self._partner(self.line(person)))

    def _partner(self, line: str) -> str:
        entries = self.act("CoreShowChannels").events
        rooms = {entry.get("BridgeId") for entry in entries if entry["Channel"].startswith(f"{line}-")} - {None, ""}
        return next(
            (
                entry["Channel"]
                for entry in entries
                if entry.get("BridgeId") in rooms and entry["Channel"].startswith("PJSIP/trunk-")
            ),
            "",
        )

    def connected(self, person: str) -> None:
        """Waits until this person talks to a customer."""
        self.customers_channel(person)

    def after(self, seconds: float) -> None:
        """Part of the story, like a ringing time: the next thing happens so much later."""
        time.sleep(seconds)

    def parked_at(self) -> str:
        """The place where a customer of this desk is parked; waits for it."""

        def look() -> str:
            parked = self.act("ParkedCalls").events
            mine = [frame for frame in parked if self.customer() in frame.get("ParkeeCallerIDNum", "")]
            return mine[0]["ParkingSpace"] if mine else ""

        return wait_for("a parked customer", look)


def speech() -> bytes:
    """Eight seconds of a tone of 400 Hz, PCMU."""
    out = bytearray()
    for position in range(64_000):
        sample = int(8000 * math.sin(2 * math.pi * 400 * position / 8000))
        sign, sample = (0x80, -sample) if sample < 0 else (0, sample)
        sample += 132
        exponent = sample.bit_length() - 8
        out.append(~(sign | exponent << 4 | (sample >> (exponent + 3)) & 15) & 0xFF)
    return bytes(out)
