"""The phones of the trial: one for each agent, and one for all customers who are called back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from webapp.trial.install import Say
from webapp.trial.pbx import TRUNK_IP, Pbx, PbxFailed
from webapp.trial.sipp import Sipp

CUSTOMERS = "customers"
FOREVER = 36_000.0  # seconds
READY_SECONDS = 15
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does with a call that comes in, and with one that its owner has asked for (`own_`), in seconds.

    Whatever it would do, it answers at once when it is told to by NOTIFY "talk".
    """

    ring: float
    code: int = 200  # the answer after ringing: 200, or 486 (busy), 603 (declined)
    stay: float = FOREVER  # then it talks so long, and hangs up; FOREVER: until the other side does
    own_ring: float = 1.0
    own_code: int = 200

    def row(self) -> str:
        times = [round(10 * seconds) for seconds in (self.ring, self.own_ring, self.stay)]
        return f"{times[0]};{self.code};{times[1]};{self.own_code};{times[2]}"


def answers(after: float = 0.5, stay: float = FOREVER) -> Behaviour:
    return Behaviour(ring=after, stay=stay, own_ring=after)


def rings() -> Behaviour:
    """Nobody picks up; also the phone of somebody who answers on the screen."""
    return Behaviour(ring=FOREVER, own_ring=FOREVER)


def is_busy() -> Behaviour:
    return Behaviour(ring=0.0, code=486, own_ring=0.0, own_code=486)


def declines() -> Behaviour:
    return Behaviour(ring=0.5, code=603, own_ring=0.5, own_code=603)


def desk_phone(dice: Random) -> Behaviour:
    """A colleague's phone: two calls in three are picked up, late enough for whoever is logged in to be quicker."""
    mood = dice.random()
    code = 603 if mood > 0.92 else 200
    ring = dice.uniform(6, 11) if mood < 0.65 or code == 603 else FOREVER
    stay = dice.uniform(8, 20) if dice.random() < 0.5 else FOREVER
    return Behaviour(ring, code, stay, own_ring=dice.uniform(1.5, 3))


def customer(dice: Random) -> Behaviour:
    """Somebody who is called back."""
    mood = dice.random()
    ring = FOREVER if mood > 0.8 else dice.uniform(3, 8)
    code = 486 if 0.65 < mood <= 0.8 else 200
    stay = dice.uniform(8, 30) if dice.random() < 0.5 else FOREVER
    return Behaviour(ring, code, stay, own_ring=ring, own_code=code)


def everyone(pbx: Pbx, dice: Random) -> dict[str, list[Behaviour]]:
    """How the people of a trial behave, enough for a day; then it begins again."""
    habits = {agent.username: [desk_phone(dice) for _ in range(500)] for agent in pbx.people.desk_agents}
    return habits | {CUSTOMERS: [customer(dice) for _ in range(500)]}


@dataclass(slots=True)
class _Phone:
    behaviours: Sequence[Behaviour]
    sipp: Sipp | None = None
    began: float = 0.0
    failures: int = 0
    again_at: float = 0.0


class Phones:
    """Keeps them ringing: a phone that dies is started again, later each time, and that is told once.

    For each call a phone takes one of the behaviours given for it. A phone for which none is given is not there, so the
    PBX holds it for unavailable.
    """

    def __init__(self, pbx: Pbx, sipp: Sequence[str], behaviours: Mapping[str, Sequence[Behaviour]], say: Say) -> None:
        self._pbx, self._command, self._say = pbx, tuple(sipp), say
        self._phones = {name: _Phone(tuple(given)) for name, given in behaviours.items()}
        self._leaving: list[_Phone] = []
        self._lock = threading.Lock()
        self._wake, self._over = threading.Event(), threading.Event()
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._keep, name="trial-phones", daemon=True)

    def __enter__(self) -> Phones:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the PBX knows them to be there."""
        self._thread.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Also to be called when the PBX was restarted: it asks only now and then which phones are there."""
        for name in list(self._phones):
            self._wait_until(name, partial(self._ready, name))

    def set(self, name: str, behaviour: Behaviour) -> None:
        """From now on this phone does so; a call on it is dropped. Returns when the PBX knows it to be there."""
        with self._lock:
            if old := self._phones.get(name):
                self._leaving.append(old)
            self._phones[name] = _Phone((behaviour,))
        self._wake.set()
        self._wait_until(name, partial(self._ready, name))

    def unplug(self, name: str) -> None:
        """Returns when the PBX knows it to be gone."""
        with self._lock:
            if old := self._phones.pop(name, None):
                self._leaving.append(old)
        self._wake.set()
        self._wait_until(name, lambda: not self._leaving and not self._known(name))

    def pids(self) -> dict[str, int]:
        with self._lock:
            return {name: phone.sipp.pid for name, phone in self._phones.items() if phone.sipp and phone.sipp.running}

    def stop(self) -> None:
        self._over.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _wait_until(self, name: str, settled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not settled() and not self._over.is_set():
            if time.monotonic() > deadline:
                self._say_once(name, f"The PBX does not see the phone of {name} as it is: {self._why(name)}")
                return
            time.sleep(0.05)

    def _ready(self, name: str) -> bool:
        with self._lock:
            phone = self._phones.get(name)
            listening = bool(phone and phone.sipp and phone.sipp.listening)
        return listening and (name == CUSTOMERS or self._known(name))

    def _known(self, name: str) -> bool:
        """Does the PBX hold it for reachable?"""
        try:
            self._pbx.cli(f"pjsip qualify {name}")
            return "Avail" in self._pbx.cli(f"pjsip show aor {name}")
        except PbxFailed:
            return False

    def _why(self, name: str) -> str:
        with self._lock:
            phone = self._phones.get(name)
            return phone.sipp.last_words() if phone and phone.sipp else "it was not started"

    def _say_once(self, name: str, words: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._say(words)

    def _keep(self) -> None:
        while not self._over.is_set():
            self._wake.clear()
            with self._lock:
                self._dismiss(self._leaving)
                for name, phone in self._phones.items():
                    self._look_after(name, phone)
            self._wake.wait(0.25)
        with self._lock:
            self._dismiss([*self._leaving, *self._phones.values()])

    def _dismiss(self, phones: Sequence[_Phone]) -> None:
        for phone in phones:
            if phone.sipp is not None:
                phone.sipp.stop()
        self._leaving.clear()

    def _look_after(self, name: str, phone: _Phone) -> None:
        now = time.monotonic()
        if phone.sipp is not None and phone.sipp.running:
            if now - phone.began > 2 * LONGEST_PAUSE:
                phone.failures = 0
            return
        if phone.sipp is not None and not phone.again_at:
            phone.failures += 1
            phone.again_at = now + min(LONGEST_PAUSE, 0.5 * 2**phone.failures)
            self._say_once(name, f"The phone of {name} stopped ({phone.sipp.last_words()}); it is started again.")
        if now >= phone.again_at:
            phone.sipp, phone.began, phone.again_at = self._phone(name, phone.behaviours), now, 0.0

    def _phone(self, name: str, behaviours: Sequence[Behaviour]) -> Sipp:
        rows = self._pbx.log_dir / f"sipp-{name}.csv"
        rows.write_text("SEQUENTIAL\n" + "".join(f"{each.row()}\n" for each in behaviours), encoding="ascii")
        ports = self._pbx.ports
        return Sipp(
            self._command,
            "callee",
            name=name,
            ip=TRUNK_IP if name == CUSTOMERS else "127.0.0.1",
            port=ports.customers if name == CUSTOMERS else ports.phones[name],
            sip_port=ports.sip,
            log_dir=self._pbx.log_dir,
            more=("-inf", str(rows)),
        )
