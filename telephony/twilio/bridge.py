"""An account's webhooks, from where they are kept to whoever records calls; and what must be done that calls go on.

It is to an account what `telephony.bridge` is to a PBX, and hands its events to the same receiver. One of it runs for each
account. What it knows is in the inbox: it may die at any moment, and another one goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from telephony import retry
from telephony.delivery import Event, Handover, forget_aside, put_aside
from telephony.errors import SwitchError, SwitchUnavailable
from telephony.journal import Journal
from telephony.status import BridgeStatus, Gauge
from telephony.twilio.calls import Call
from telephony.twilio.conductor import REPEATABLE, Step, StepKind, due
from telephony.twilio.rest import Gone
from telephony.twilio.tracker import news
from telephony.twilio.webhooks import Role, Webhook

log = logging.getLogger(__name__)

PRUNE = 3600.0
LOOK = 1.0  # seconds: so soon a webhook is found whose bell nobody heard
MOST_STEPS = 20  # of one call at once


@dataclass(frozen=True, slots=True)
class Kept:
    id: UUID
    webhook: Webhook
    handled: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom an agent asked to be called."""

    number: str
    shown: str = ""


class Inbox(Protocol):
    """Where webhooks are kept, and what was done about them. It may raise anything while it is away."""

    def roots(self) -> Sequence[str]:
        """Of calls about which something is to be done, who waits longest first."""
        ...

    def of(self, root: str) -> Sequence[Kept]: ...
    def handled(self, ids: Sequence[UUID]) -> None: ...
    def claim(self, root: str, key: str, *, again: bool) -> bool:
        """This step is mine, for a while; `again`: also one that was begun, and nobody finished."""
        ...

    def finish(self, root: str, key: str, problem: str = "") -> None: ...
    def failed(self, root: str) -> Set[str]: ...
    def wanted(self, root: str) -> Wanted | None: ...
    def enqueue(self, root: str, step: int, queue: str) -> str:
        """TwiML with which somebody waits (again)."""
        ...

    def backlog(self) -> int: ...
    def forget(self, before: datetime) -> None: ...
    def wait(self, seconds: float) -> None:
        """Until somebody rings the bell."""
        ...


class Conduct(Protocol):
    """What is asked of the account (`telephony.twilio.switch.TwilioSwitch`)."""

    def dial_customer(self, root: str, number: str, *, shown: str = "") -> None: ...
    def offer(self, root: str, line: str, *, role: Role = Role.OFFER, ring_seconds: int, by: str = "") -> str: ...
    def connect(self, root: str, queue_sid: str) -> None: ...
    def requeue(self, leg: str, twiml: str) -> None: ...
    def end(self, leg: str) -> None: ...


class TwilioBridge:
    def __init__(
        self,
        inbox: Inbox,
        account: Conduct,
        deliver: Callable[[Event], None],
        journal: Journal,
        stop: threading.Event,
        *,
        ring_seconds: int = 15,
        keep: timedelta = timedelta(days=14),
    ) -> None:
        self._inbox, self._account, self._journal, self._stop = inbox, account, journal, stop
        self._gauge = Gauge()
        self._handover = Handover(deliver, self._gauge, stop, self._set_aside)
        self._ring_seconds, self._keep = ring_seconds, keep
        self._problem = ""
        self._backlog = 0

    @property
    def status(self) -> BridgeStatus:
        problem = "; ".join(filter(None, (self._problem, self._handover.problem)))
        return replace(self._gauge.status, behind=self._backlog, problem=problem)

    def run(self) -> None:
        """Until `stop`."""
        pauses, prune_at = retry.pauses(0.5, 10.0), 0.0
        while not self._stop.is_set():
            try:
                self.turn()
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE
                    oldest = datetime.now(UTC) - self._keep
                    self._inbox.forget(oldest)
                    forget_aside(self._journal, oldest)
            except Exception as error:  # of any kind: this thread is what goes on
                self._problem = retry.told(error)
                log.warning("webhooks wait: %s", self._problem)
                self._gauge.change(connected=False, since=datetime.now(UTC))
                self._stop.wait(next(pauses))
                continue
            if not self._gauge.status.connected:
                self._gauge.change(connected=True, since=datetime.now(UTC))
                pauses = retry.pauses(0.5, 10.0)
            self._problem = ""
            self._inbox.wait(LOOK)

    def turn(self) -> None:
        """All that has come, once."""
        for root in self._inbox.roots():
            if self._stop.is_set():
                return
            self._follow(root)
        self._backlog = self._inbox.backlog()

    def _follow(self, root: str) -> None:
        kept = self._inbox.of(root)
        before = [each.webhook for each in kept if each.handled]
        found = news(root, before, [each.webhook for each in kept])
        new = [each.id for each in kept if not each.handled]
        self._gauge.saw(len(new))
        for event in found.events:
            if not self._handover.give(event):
                return
        if new:
            self._inbox.handled(new)
        self._conduct(found.call)

    def _conduct(self, call: Call) -> None:
        """What fails for good makes another step due, so it is looked again."""
        for _ in range(MOST_STEPS):
            failed = self._inbox.failed(call.root)
            steps = due(call, failed)
            if not sum(self._take(call, step) for step in steps) or self._inbox.failed(call.root) == failed:
                return

    def _take(self, call: Call, step: Step) -> bool:
        """Was it ours to do?"""
        if not self._inbox.claim(call.root, step.key, again=step.kind in REPEATABLE):
            return False
        try:
            self._do(call, step)
        except Gone:
            self._inbox.finish(call.root, step.key)
        except SwitchUnavailable as error:
            log.warning("%s of a call was not answered: %s", step.kind.value, error.reason)
            if step.kind not in REPEATABLE:
                self._inbox.finish(call.root, step.key, error.reason)
        except SwitchError as error:
            log.warning("%s of a call was refused: %s", step.kind.value, error.reason)
            self._inbox.finish(call.root, step.key, error.reason)
        else:
            self._inbox.finish(call.root, step.key)
        return True

    def _do(self, call: Call, step: Step) -> None:
        match step.kind:
            case StepKind.DIAL:
                if (wanted := self._inbox.wanted(call.root)) is None:
                    raise SwitchError("nobody asked for this call")
                self._account.dial_customer(call.root, wanted.number, shown=wanted.shown)
            case StepKind.CONNECT:
                self._account.connect(call.root, call.queue_sid)
            case StepKind.BACK:
                self._account.offer(call.root, step.line, role=Role.BACK, ring_seconds=self._ring_seconds)
            case StepKind.REQUEUE:
                again = self._inbox.enqueue(call.root, call.step + 1, call.queue or "")
                self._account.requeue(step.leg, again)
            case StepKind.END:
                self._account.end(step.leg)

    def _set_aside(self, what: dict[str, object], error: Exception) -> None:
        put_aside(self._journal, self._gauge, what, error)
