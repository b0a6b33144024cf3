"""The reader of `telephony.books`, as the keeper and the check use it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from telephony.books.reader import Books, BooksReader, Cursor
from telephony.events import CallSummary
from webapp.books.keeper import Reader, Told


class _Reader:
    def __init__(self, reader: BooksReader) -> None:
        self._reader = reader

    def read(self) -> list[CallSummary]:
        return self._reader.read()

    def place(self) -> dict[str, Any]:
        place: dict[str, Any] = json.loads(self._reader.cursor.to_json())
        return place

    def told(self) -> Told:
        told = self._reader.statistics
        return Told(told.records, told.unparseable, told.gaps, told.last_at, told.behind)


def open_reader(cel: Path, queue_log: Path, trunks: Sequence[str], cursor: dict[str, Any]) -> Reader:
    place = Cursor.from_json(json.dumps(cursor)) if cursor else None
    return _Reader(BooksReader(Books(cel, queue_log), trunks, place))


def read_all(cel: Path, queue_log: Path, trunks: Sequence[str]) -> list[CallSummary]:
    """Every call that is over in these two files; the last telling of each."""
    reader, calls = open_reader(cel, queue_log, trunks, {}), dict[str, CallSummary]()
    while True:
        before = reader.told().records
        calls |= {call.uid: call for call in reader.read()}
        if reader.told().records == before:
            return list(calls.values())
