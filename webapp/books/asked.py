"""Books that a switch keeps elsewhere, and that are asked for: every two minutes, what it lists is put together with what it
told, and each call that has been over for a while is entered as the books of any other switch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from flask import Flask

from telephony.events import CallSummary
from webapp.books import actions
from webapp.books.models import Source
from webapp.db import AWAY, now, transaction

log = structlog.get_logger(__name__)

EVERY = 120.0  # seconds

Look = Callable[[datetime], None]  # raises whatever the switch's list raises


class AskedPlace:
    """How far a switch's list was looked at, and where its calls are entered."""

    def __init__(self, app: Flask, switch: str) -> None:
        self._app, self._switch = app, switch
        self.entered = self.recovered = 0

    def since(self, at: datetime) -> datetime:
        with self._app.app_context(), transaction():
            place = actions.open_books(self._switch, at=at)
            return place.read_up_to or place.began_at

    def enter(self, summary: CallSummary) -> None:
        with self._app.app_context(), transaction():
            if summary.started_at and summary.started_at < actions.open_books(self._switch).began_at:
                return
            recovery = actions.enter(summary, switch=self._switch, source=Source.ASKED)
        self.entered += 1
        self.recovered += recovery is not None

    def reached(self, at: datetime) -> None:
        with self._app.app_context(), transaction():
            actions.note_end(self._switch, at)


class AskingKeeper:
    """Looks at once, and then every two minutes."""

    def __init__(self, app: Flask, switch: str, place: AskedPlace, look: Look) -> None:
        self._app, self._switch, self._place, self._look = app, switch, place, look
        self._problem = ""
        self._looked_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"books:{switch}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def health(self) -> dict[str, Any]:
        return {
            "source": Source.ASKED.value,
            "problem": self._problem,
            "looked_at": self._looked_at.isoformat() if self._looked_at else None,
            "entered": self._place.entered,
            "recovered": self._place.recovered,
        }

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                self._look(now())
                self._problem, self._looked_at = "", now()
            except AWAY as error:
                self._problem = f"the database is away ({type(error).__name__})"
            except Exception as error:  # of any kind: this thread is what makes good what others miss
                self._problem = f"{type(error).__name__}: {error}"[:300]
                log.warning("a switch's list could not be looked at", switch=self._switch, problem=self._problem)
            self._stop.wait(EVERY)
