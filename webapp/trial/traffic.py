"""Customers who call: one by hand, or one after the other, so that nobody who logs in waits long for the first card."""

from __future__ import annotations

import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Literal
from urllib.parse import quote

from telephony.ami.client import AmiClient, AmiError
from telephony.ami.frames import Frame
from webapp.trial.install import Say
from webapp.trial.pbx import TRUNK_IP, Pbx, PbxFailed, RunningTrial, free_udp_ports
from webapp.trial.people import Agent, Cast
from webapp.trial.sipp import Sipp

AT_ONCE = 4
PAUSE = (4.0, 7.0)  # seconds from one call to the next
FIRST_CALL = 3.0
IMPATIENT = 10.0  # an agent who saw no call for so long is called directly: a queue might ring somebody else
RINGING_SECONDS = 20.0
HANGING_UP_SECONDS = 2.0
STRANGERS = (("+3069", 8), ("+3021", 8), ("+4479", 8), ("+49151", 8), ("+336", 8), ("+39340", 7))  # and so many digits


@dataclass(frozen=True, slots=True)
class Customer:
    number: str
    name: str = ""
    withheld: bool = False  # with a number: the network knows it, but it must not be shown


@dataclass(frozen=True, slots=True)
class Plan:
    """One call of the traffic, times in seconds."""

    customer: Customer
    did: str
    patience: float  # how long it may ring
    stay: float  # from the answer (of a person, or of the queue) to hanging up


class CustomerCall:
    """A customer who calls, until one side hangs up. Like `Pbx`, it ends with the thread that made it."""

    def __init__(
        self, trial: RunningTrial, sipp: Sequence[str], customer: Customer, did: str, *, patience: float, stay: float
    ) -> None:
        self.trial, self.customer, self.did = trial, customer, did
        port = free_udp_ports(1)[0]
        self._call_id = f"{secrets.token_hex(8)}@{TRUNK_IP}"
        self._sipp = Sipp(
            sipp,
            "caller",
            name=f"caller-{port}",
            ip=TRUNK_IP,
            port=port,
            sip_port=trial.sip,
            log_dir=trial.log_dir,
            keys={**_identity(customer), "patience": str(round(10 * patience)), "stay": str(round(10 * stay))},
            more=("-s", did, "-m", "1", "-cid_str", self._call_id),
        )

    @property
    def over(self) -> bool:
        return not self._sipp.running

    def wait(self, seconds: float = 120.0) -> bool:
        """True when the call is over."""
        return self._sipp.wait(seconds)

    def hang_up(self) -> None:
        """The customer does, now. Returns when the PBX has heard it."""
        headers = (f"Via: SIP/2.0/UDP {TRUNK_IP}", "From: <sip:cue>", "To: <sip:cue>", f"Call-ID: {self._call_id}")
        cue = "\r\n".join(("INFO sip:cue SIP/2.0", *headers, "CSeq: 1 INFO", "Content-Length: 0", "", ""))
        with socket.socket(type=socket.SOCK_DGRAM) as wire:
            wire.sendto(cue.encode(), (TRUNK_IP, self._sipp.port))
        if not self._sipp.wait(HANGING_UP_SECONDS):
            self._sipp.stop()

    def stop(self) -> None:
        if self._sipp.running:
            self.hang_up()
        self._sipp.log.unlink(missing_ok=True)

    def answer(self, seconds: float = RINGING_SECONDS) -> str | None:
        """Make the first phone that rings for this call pick up; its endpoint, or None when none rings in time."""
        with _manager(self.trial) as manager:
            channel = self._ringing(manager, seconds)
            if channel is None:
                return None
            manager.send_action({"Action": "PJSIPNotify", "Channel": channel, "Variable": "Event=talk"})
            return channel.rsplit("-", 1)[0]

    def _ringing(self, manager: AmiClient, seconds: float) -> str | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.over:
            channels = manager.send_action({"Action": "CoreShowChannels"}).events
            if found := self._ringing_in(channels):
                return found
            time.sleep(0.1)
        return None

    def _ringing_in(self, channels: Sequence[Frame]) -> str | None:
        ours = [
            each
            for each in channels
            if each.get("Channel", "").startswith("PJSIP/trunk-")
            and each.get("CallerIDNum") == _shown_number(self.customer)
        ]
        if not ours:
            return None
        newest = min(ours, key=lambda each: each.get("Duration", ""))
        return next(
            (
                each["Channel"]
                for each in channels
                if each.get("ChannelStateDesc") == "Ringing" and each.get("Linkedid") == newest.get("Linkedid")
            ),
            None,
        )


def place_call(
    trial: RunningTrial,
    sipp: Sequence[str],
    customer: Customer,
    did: str,
    *,
    mode: Literal["answer", "abandon", "wait"] = "wait",
    after: float = 1.0,
    say: Say,
) -> None:
    """One call by hand, until it is over. `after` seconds of ringing somebody answers, or the customer gives up."""
    patience = after if mode == "abandon" else 60.0
    call = CustomerCall(trial, sipp, customer, did, patience=patience, stay=patience if mode == "abandon" else 45.0)
    try:
        say(f"{customer.name or customer.number or 'Somebody'} calls {did} …")
        if mode == "answer":
            call.wait(after)
            phone = call.answer()
            say(f"{phone} has picked up." if phone else "No phone rang.")
        call.wait()
        say("The call is over.")
    finally:
        call.stop()


class Traffic:
    """Calls without end, aimed at whoever has not had one for the longest time."""

    def __init__(
        self,
        pbx: Pbx,
        sipp: Sequence[str],
        customers: Sequence[tuple[str, str]],
        say: Say,
        dice: Random | None = None,
    ) -> None:
        self._pbx, self._sipp, self._say = pbx, tuple(sipp), say
        self._customers, self._dice = customers, dice or Random()
        self._calls: list[CustomerCall] = []
        self._last_rung = {agent.username: 0.0 for agent in pbx.people.agents}
        self._over = threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._run, name="trial-traffic", daemon=True)

    def __enter__(self) -> Traffic:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends all calls."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = FIRST_CALL
        while not self._over.wait(pause):
            pause = self._dice.uniform(*PAUSE)
            try:
                self._next_call()
            except (PbxFailed, OSError) as error:  # the PBX restarts, say
                self._complain(error)
                pause = PAUSE[1]
        for call in self._calls:
            call.stop()

    def _next_call(self) -> None:
        for call in (call for call in self._calls if call.over):
            call.stop()
        self._calls = [call for call in self._calls if not call.over]
        now, busy = time.monotonic(), busy_agents(self._pbx.cli("core show channels concise"))
        away = {agent.username for agent in self._pbx.people.agents if agent.in_browser and not self._is_there(agent)}
        self._last_rung.update({username: now for username in busy | away if username in self._last_rung})
        waiting = {username: now - at for username, at in self._last_rung.items() if username not in busy | away}
        if waiting and len(self._calls) < AT_ONCE:
            plan = plan_call(self._pbx.people, waiting, self._customers, self._dice)
            self._calls.append(
                CustomerCall(
                    self._pbx.here, self._sipp, plan.customer, plan.did, patience=plan.patience, stay=plan.stay
                )
            )

    def _is_there(self, agent: Agent) -> bool:
        """A phone in a browser is, as long as the page is."""
        return "Contact:" in self._pbx.cli(f"pjsip show aor {agent.username}").replace("Contact:  <Aor", "")

    def _complain(self, error: Exception) -> None:
        if not self._told and not self._over.is_set():
            self._told = True
            self._say(f"A simulated customer could not call ({error}); others will try.")


def busy_agents(concise: str) -> set[str]:
    """Who rings or talks, from `core show channels concise`."""
    return set(re.findall(r"^PJSIP/([^-!]+)-", concise, re.MULTILINE)) - {"trunk"}


def plan_call(people: Cast, waiting: dict[str, float], customers: Sequence[tuple[str, str]], dice: Random) -> Plan:
    """`waiting`: the agents who are free, with the seconds since their phone rang last."""
    agent = people.agent(max(waiting, key=lambda username: waiting[username]))
    queue = _queue_for(people, agent, dice)
    direct = queue is None or waiting[agent.username] > IMPATIENT
    hurry = dice.random() < 0.15
    patience = dice.uniform(5, 9) if hurry else dice.uniform(22, 40)
    did = agent.did if direct or queue is None else queue
    return Plan(_somebody(customers, dice), did, patience, patience if hurry else dice.uniform(20, 40))


def _queue_for(people: Cast, agent: Agent, dice: Random) -> str | None:
    queues = [queue.did for queue in people.queues if agent.username in queue.members]
    return dice.choice(queues) if queues else None


def _somebody(customers: Sequence[tuple[str, str]], dice: Random) -> Customer:
    mood = dice.random()
    if mood < 0.08:
        return Customer("", withheld=True)
    if mood < 0.30 or not customers:
        prefix, digits = dice.choice(STRANGERS)
        return Customer(prefix + "".join(dice.choices("0123456789", k=digits)))
    number, name = dice.choice(customers)
    return Customer(number, name if dice.random() < 0.3 else "")  # few networks deliver names


def _identity(customer: Customer) -> dict[str, str]:
    """The headers that say who calls: a withheld number is missing altogether, or sent in confidence."""
    anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    user = quote(customer.number, safe="+*#") or "anonymous"
    known = f'"{_quoted(customer.name)}" <sip:{user}@{TRUNK_IP}>' if customer.number else anonymous
    return {
        "from": anonymous if customer.withheld else known,
        "identity": known,
        "privacy": "id" if customer.withheld else "none",
    }


def _quoted(name: str) -> str:
    """As a SIP header wants it. Control characters cannot travel in one."""
    return re.sub(r'(["\\])', r"\\\1", re.sub(r"[\x00-\x1f\x7f]+", " ", name))


def _shown_number(customer: Customer) -> str:
    """As the dial plan lets it through."""
    return re.sub(r"[^0-9+]", "", customer.number) or "anonymous"


@contextmanager
def _manager(trial: RunningTrial) -> Iterator[AmiClient]:
    client = AmiClient()
    try:
        client.connect("127.0.0.1", trial.ami)
        client.login("ringback-answer", trial.answer, events="off")
        yield client
    except AmiError as error:
        raise PbxFailed(f"The trial's PBX does not answer: {error}") from error
    finally:
        client.close()
