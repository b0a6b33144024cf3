"""Reads the books of one switch all the time, some seconds behind its events, and enters what they tell."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog
from flask import Flask

from config.settings import Settings, SwitchSettings
from telephony.events import CallSummary
from webapp.books import actions
from webapp.books.models import Source
from webapp.books.patience import Bridge, is_due
from webapp.books.place import end_of, files_of, source_of
from webapp.db import AWAY, now, transaction

log = structlog.get_logger(__name__)

TURN = 0.5  # seconds between two looks
NOTE_END = timedelta(minutes=1)
KEEP_PLACE = 5.0  # seconds: at most so much is read again after a crash
MOST_WAITING = 5_000  # calls in memory while the database is away; the books hold the others
TRIES = 5  # of a call that cannot be entered


class Reader(Protocol):
    """Of both files (`telephony.books.reader.BooksReader`)."""

    def read(self) -> list[CallSummary]: ...
    def place(self) -> dict[str, Any]: ...
    def told(self) -> Told: ...


@dataclass(frozen=True, slots=True)
class Told:
    """Of the reading so far."""

    records: int = 0
    unparseable: int = 0
    gaps: int = 0  # times that a part of a file may have been missed
    last_record_at: datetime | None = None
    behind: int = 0  # bytes


OpenReader = Callable[[Path, Path, Sequence[str], dict[str, Any]], Reader]


@dataclass(slots=True)
class _Batch:
    """What one look told, and how far the books were read with it."""

    calls: deque[CallSummary]
    told_at: datetime
    place: dict[str, Any]
    told: Told


class Bookkeeper:
    """`bridge` tells what the bridge of the same switch is doing, each time it is asked."""

    def __init__(
        self, app: Flask, switch: SwitchSettings, bridge: Callable[[], Bridge], open_reader: OpenReader
    ) -> None:
        settings: Settings = app.extensions["ringback.settings"]
        files, source = files_of(settings, switch), source_of(switch)
        assert files is not None and source is not None
        self._app, self._switch, self._bridge, self._open_reader = app, switch, bridge, open_reader
        self._files: tuple[Path, Path] = files
        self._source: Source = source
        self._reader: Reader | None = None
        self._began_at = now()
        self._waiting: deque[_Batch] = deque()
        self._tries = 0
        self._kept: dict[str, Any] | None = None
        self._keep_at = 0.0
        self._read_up_to: datetime | None = None
        self._damage = (0, 0, 0)  # gaps, unparseable, unwritten, as far as they are noted
        self._unwritten = 0
        self._facts: dict[str, Any] = {"entered": 0, "recovered": 0, "set_aside": 0}
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"books:{switch.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def health(self) -> dict[str, Any]:
        told = self._reader.told() if self._reader else Told()
        return {
            "source": self._source.value,
            "problem": self._problem,
            "last_record_at": told.last_record_at.isoformat() if told.last_record_at else None,
            "behind": told.behind,
            "waiting": sum(len(batch.calls) for batch in self._waiting.copy()),
            "records": told.records,
            "unparseable": told.unparseable,
            "gaps": told.gaps,
            **self._facts,
        }

    def turn(self, at: datetime) -> None:
        """One look into the books. Raises what the database raises; nothing is lost by that, the next turn goes on."""
        reader = self._reader or self._open(at)
        if sum(len(batch.calls) for batch in self._waiting) < MOST_WAITING:
            calls, place = reader.read(), reader.place()
            if calls or place != (self._waiting[-1].place if self._waiting else self._kept):
                self._waiting.append(_Batch(deque(calls), at, place, reader.told()))
        self._enter_what_is_due(at)
        self._problem = self._trouble()
        self._note_damage(at, reader.told())
        if not (self._waiting or self._problem or reader.told().behind):
            self._note_end(at)

    def _keep(self) -> None:
        while not self._stop.wait(TURN):
            with self._app.app_context():
                try:
                    self.turn(now())
                except AWAY as error:
                    self._problem = f"the database is away ({type(error).__name__})"
                except Exception as error:  # of any kind: this thread is what makes good what others miss
                    self._problem = f"{type(error).__name__}: {error}"[:300]
                    log.exception("the books could not be read", switch=self._switch.name)

    def _open(self, at: datetime) -> Reader:
        with transaction():
            place = actions.open_books(self._switch.name, at=at)
            cursor, self._began_at = dict(place.cursor), place.began_at
        self._reader = self._open_reader(*self._files, self._switch.trunks, cursor)
        self._kept = cursor
        return self._reader

    def _enter_what_is_due(self, at: datetime) -> None:
        bridge = self._bridge()
        while self._waiting:
            batch = self._waiting[0]
            while batch.calls:
                call = batch.calls[0]
                if call.ended_at and not is_due(call.ended_at, batch.told_at, at, bridge):
                    return
                self._enter(call)
                batch.calls.popleft()
            self._keep_place(batch)
            self._waiting.popleft()

    def _enter(self, call: CallSummary) -> None:
        if call.started_at and call.started_at < self._began_at:
            return
        try:
            with transaction():
                recovery = actions.enter(call, switch=self._switch.name, source=self._source)
            self._facts["recovered"] += recovery is not None
        except AWAY:
            raise
        except Exception as error:  # somebody may have been faster: once more; but one call does not hold up all others
            self._tries += 1
            if self._tries < TRIES and not isinstance(error, ValueError):
                raise
            log.exception("a call of the books was set aside", switch=self._switch.name, uid=call.uid[:150])
            self._set_aside(call)
        self._tries = 0
        self._facts["entered"] += 1

    def _set_aside(self, call: CallSummary) -> None:
        """Its place is passed by now: what is kept of it here is all that will be tried again."""
        try:
            with transaction():
                actions.set_aside(call, switch=self._switch.name, source=self._source)
        except AWAY:
            raise
        except Exception:
            self._unwritten += 1
            log.exception("a call of the books could not be kept", switch=self._switch.name, uid=call.uid[:150])
        self._facts["set_aside"] += 1

    def _keep_place(self, batch: _Batch) -> None:
        if batch.place == self._kept or (len(self._waiting) == 1 and time.monotonic() < self._keep_at):
            return
        self._keep_at = time.monotonic() + KEEP_PLACE
        with transaction():
            actions.keep_place(
                self._switch.name,
                batch.place,
                last_record_at=batch.told.last_record_at,
                unparseable=batch.told.unparseable,
            )
        self._kept = batch.place

    def _note_damage(self, at: datetime, told: Told) -> None:
        damage = (told.gaps, told.unparseable, self._unwritten)
        if damage == self._damage:
            return
        gaps, unparseable, unwritten = (is_now - was for is_now, was in zip(damage, self._damage, strict=True))
        with transaction():
            actions.note_damage(self._switch.name, at, gaps=gaps, unparseable=unparseable, unwritten=unwritten)
        self._damage = damage

    def _note_end(self, at: datetime) -> None:
        """Nothing is left to be read or entered: until when is that so?"""
        read = bool((self._kept or {}).get("cel"))
        end = at if self._source is Source.FILE else end_of(self._files, at)
        if end is None or (read and not self._files[0].exists()):
            return
        if self._read_up_to and end - self._read_up_to < NOTE_END:
            return
        with transaction():
            actions.note_end(self._switch.name, end)
        self._read_up_to = end

    def _trouble(self) -> str:
        """A file that is not there yet is none: Asterisk makes it with the first call."""
        if self._source is Source.SPOOLED:
            return "" if any(path.exists() for path in self._files) else "nothing was sent yet"
        unreadable = [path for path in self._files if path.exists() and not os.access(path, os.R_OK)]
        if unreadable:
            return f"{unreadable[0]} may not be read"
        folder = self._files[1].parent
        return "" if folder.is_dir() else f"{folder} is not there"
