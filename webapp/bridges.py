"""The bridges of this installation: one per switch, held by one process at a time, from its frames to our rows.

Beside the bridge, the switch's books are read by the same process.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
import structlog
from flask import Flask

from config.settings import Settings, SwitchSettings
from config.twilio import TwilioSettings
from telephony.ami.listening import connector
from telephony.ami.tracker import CallTracker
from telephony.bridge import Bridge
from telephony.delivery import Event
from telephony.events import CallEvent, Resynced, WaitingEvent
from telephony.journal import Journal, JournalBusy
from telephony.status import BridgeStatus
from telephony.twilio.bridge import TwilioBridge
from telephony.twilio.reconciler import Reconciler
from webapp import leases, switches
from webapp.accounts import capture as accounts
from webapp.books import place
from webapp.books.asked import AskedPlace, AskingKeeper
from webapp.books.keeper import Bookkeeper
from webapp.books.patience import Bridge as Bridging
from webapp.books.reading import open_reader
from webapp.calls import capture
from webapp.calls.webhooks import RequestInbox
from webapp.db import AWAY
from webapp.routing import actions as routing
from webapp.routing.router import Router

log = structlog.get_logger(__name__)

RENEW_SECONDS = 5.0


class BridgeKeeper:
    """Runs the bridge of one switch while it holds the lease for it; waits for the lease otherwise."""

    def __init__(self, app: Flask, switch: SwitchSettings | TwilioSettings) -> None:
        self._app, self._switch = app, switch
        self._settings: Settings = app.extensions["ringback.settings"]
        self._holder = ""
        self._stop = threading.Event()
        self._bridge: Bridge | TwilioBridge | None = None
        self._books: Bookkeeper | AskingKeeper | None = None
        self._router: Router | None = None
        self._problem = "not started"
        self._thread = threading.Thread(target=self._keep, name=f"bridge:{switch.name}", daemon=True)
        app.extensions.setdefault("ringback.bridges", {})[switch.name] = self.health

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def run(self) -> None:
        """In this thread, until `stop` is called from another or the program is interrupted."""
        self.start()
        try:
            while self._thread.is_alive():
                self._thread.join(1.0)
        finally:
            self.stop()

    @property
    def status(self) -> BridgeStatus | None:
        return self._bridge.status if self._bridge else None

    def health(self) -> dict[str, Any]:
        status = self.status
        if status is None:
            return {"ok": False, "problem": self._problem}
        facts = asdict(status) | {
            "since": status.since.isoformat(),
            "last_frame_at": status.last_frame_at.isoformat() if status.last_frame_at else None,
            "tainted_at": status.tainted_at.isoformat() if status.tainted_at else None,
        }
        books = self._books.health() if self._books else None
        router = self._router.health() if self._router else None
        trouble = status.problem or (books and books["problem"]) or (router and router["problem"])
        return {"ok": status.connected and not trouble, **facts, "books": books, "routing": router}

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(Journal(self._settings.data_dir / "journal" / self._switch.name)) as journal:
                    self._serve(journal)
            except JournalBusy as error:
                self._problem = str(error)
            except Exception as error:
                self._problem = f"{type(error).__name__}: {error}"
                log.exception("bridge failed", switch=self._switch.name)
            self._stop.wait(RENEW_SECONDS)

    def _serve(self, journal: Journal) -> None:
        # one process at a time has the journal: after a crash the next one needs not wait for the lease of the dead
        self._holder = f"{socket.gethostname()[:40]}:{_name_of(journal)}"
        while not self._stop.is_set():
            if self._take():
                self._follow(journal)
            else:
                self._problem = "another process follows this switch"
            self._stop.wait(RENEW_SECONDS)

    def _take(self) -> bool:
        with self._app.app_context():
            return leases.take(f"bridge:{self._switch.name}", self._holder, facts=self.health())

    def _follow(self, journal: Journal) -> None:
        until = threading.Event()
        self._bridge = self._make(journal, until)
        renewal = threading.Thread(target=self._renew, args=(until,), name=f"lease:{self._switch.name}", daemon=True)
        renewal.start()
        if isinstance(self._switch, SwitchSettings) and place.source_of(self._switch):
            self._books = Bookkeeper(self._app, self._switch, self._bridging, open_reader)
        for beside in (self._books, self._router):
            if beside:
                beside.start()
        try:
            self._bridge.run()
        finally:
            until.set()
            renewal.join()
            for beside in (self._books, self._router):
                if beside:
                    beside.stop()
            self._bridge = self._books = self._router = None
            with self._app.app_context():
                leases.give_back(f"bridge:{self._switch.name}", self._holder)

    def _bridging(self) -> Bridging:
        status = self.status
        return Bridging(connected=bool(status and status.connected), behind=bool(status and status.behind))

    def _renew(self, until: threading.Event) -> None:
        """Whoever cannot reach the database keeps following: the journal holds what cannot be written yet."""
        while not until.is_set():
            if self._stop.wait(RENEW_SECONDS):
                until.set()
                return
            try:
                if not self._take():
                    log.warning("another process took the switch over", switch=self._switch.name)
                    until.set()
            except sa.exc.SQLAlchemyError:
                log.warning("the lease could not be renewed", switch=self._switch.name)

    def _make(self, journal: Journal, until: threading.Event) -> Bridge | TwilioBridge:
        switch = self._switch
        if isinstance(switch, SwitchSettings):
            tls = ssl.create_default_context() if switch.tls else None
            connect = connector(switch.host, switch.port, switch.events.user, switch.events.secret, tls=tls)
            deliver = receiver(self._app, switch.name, routed=False)
            return Bridge(connect, CallTracker(switch.trunks), deliver, journal, until)
        account, inbox = switches.twilio_switch(switch), RequestInbox(self._app, switch)
        ring = partial(account.offer, ring_seconds=switch.ring_seconds)
        self._router = Router(self._app, switch.name, ring, ring_seconds=switch.ring_seconds)
        asked = AskedPlace(self._app, switch.name)
        self._books = AskingKeeper(self._app, switch.name, asked, Reconciler(account.records, inbox, asked).run)
        deliver = receiver(self._app, switch.name, routed=True)
        return TwilioBridge(inbox, account, deliver, journal, until, ring_seconds=switch.ring_seconds)


def receiver(app: Flask, name: str, *, routed: bool) -> Callable[[Event], None]:
    """Of whatever is told of a switch. `routed`: its callers are given to agents by us."""

    def deliver(event: Event) -> None:
        with app.app_context():
            try:
                if isinstance(event, CallEvent | Resynced):
                    capture.record(event, switch=name)
                    if routed:
                        routing.record(event, switch=name)
                elif isinstance(event, WaitingEvent):
                    routing.record(event, switch=name)
                else:
                    accounts.record(event, switch=name)
            except AWAY:
                raise
            except Exception as error:  # a few more tries (somebody may have been faster), then set aside
                raise ValueError(f"{type(error).__name__}: {error}") from error

    return deliver


def _name_of(journal: Journal) -> str:
    if (name := journal.saved("name")) is None:
        journal.save("name", name := uuid4().hex)
    return name
