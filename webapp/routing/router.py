"""Gives the callers of one switch to agents, all the time; beside its bridge, in the same process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import Flask

from telephony.errors import SwitchError, SwitchUnavailable
from webapp.db import AWAY, db, now
from webapp.routing import actions, queries
from webapp.routing.decision import Match, match

log = structlog.get_logger(__name__)

TURN = 0.3  # seconds between two looks
PENALTY = timedelta(seconds=10)

Offer = Callable[[str, str], object]  # uid, line: rings it for this caller; raises SwitchError


class Router:
    def __init__(self, app: Flask, switch: str, offer: Offer, *, ring_seconds: int) -> None:
        self._app, self._switch, self._offer, self._seconds = app, switch, offer, ring_seconds
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"router:{switch}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def health(self) -> dict[str, Any]:
        return {"problem": self._problem}

    def turn(self, at: datetime) -> list[Match]:
        """One decision, and what comes of it. Returns who was rung for whom."""
        waiting = queries.callers(self._switch, at)
        found = match(waiting, queries.ready_agents(self._switch, at)) if waiting else []
        db.session.rollback()
        return [each for each in found if self._ring(each, at)]

    def _ring(self, found: Match, at: datetime) -> bool:
        if not actions.lease(found, switch=self._switch, at=at, seconds=self._seconds):
            return False
        try:
            self._offer(found.caller.uid, found.agent.line)
        except SwitchUnavailable as error:  # it may ring: then we are told, and else the lease runs out
            log.warning("nobody knows whether a phone rings", switch=self._switch, reason=error.reason)
        except SwitchError as error:
            log.warning("a phone could not be rung", switch=self._switch, line=found.agent.line, reason=error.reason)
            actions.give_up(found, until=at + PENALTY)
            return False
        return True

    def _keep(self) -> None:
        while not self._stop.wait(TURN):
            with self._app.app_context():
                try:
                    self.turn(now())
                    self._problem = ""
                except AWAY as error:
                    self._problem = f"the database is away ({type(error).__name__})"
                except Exception as error:  # of any kind: callers wait
                    self._problem = f"{type(error).__name__}: {error}"[:300]
                    log.exception("callers could not be given to agents", switch=self._switch)
