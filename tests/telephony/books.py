"""The books of the recorded calls: what the same Asterisk wrote to its disk while it was recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from telephony.books.accountant import Accountant
from telephony.books.records import CelRecord, QueueRecord, cel_record, queue_record
from telephony.books.tail import Tail
from telephony.events import CallSummary
from tests.telephony import recordings

FOLDER = Path(__file__).parents[1] / "fixtures" / "books"
CONFIGURATION = Path(__file__).parents[2] / "config" / "asterisk"
TRUNKS = ("PJSIP/trunk",)

Record = CelRecord | QueueRecord
EMPTY = ("c2c-agent-not-registered", "queue-member-life")  # the switch wrote nothing down: no channel ever was
# the recordings that were made together with the books; the stories of tests/journeys are compared with CEL as they run
SCENARIOS = [name for name in recordings.SCENARIOS if name in EMPTY or (FOLDER / f"{name}.cel.csv").exists()]


@cache
def cel(scenario: str) -> tuple[CelRecord, ...]:
    read = [cel_record(raw) for raw, _ in Tail(FOLDER / f"{scenario}.cel.csv", None).read(1 << 24)]
    assert None not in read, "every record of a fixture can be read"
    return tuple(record for record in read if record)


@cache
def queue_log(scenario: str) -> tuple[QueueRecord, ...]:
    path = FOLDER / f"{scenario}.queue_log"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return tuple(record for record in map(queue_record, lines) if record)


@cache
def records(scenario: str) -> tuple[Record, ...]:
    """All that Asterisk can write, in the order of the times."""
    return tuple(sorted([*queue_log(scenario), *cel(scenario)], key=lambda record: record.at))


@cache
def configured(scenario: str) -> tuple[Record, ...]:
    """What it writes with the product's own cel.conf."""
    return tuple(record for record in records(scenario) if isinstance(record, QueueRecord) or is_configured(record))


def is_configured(record: CelRecord) -> bool:
    is_app = record.event in ("APP_START", "APP_END")
    return record.event in _listed("events") and (not is_app or record.app.lower() in _listed("apps"))


@cache
def _listed(setting: str) -> frozenset[str]:
    found = re.search(rf"^{setting} = (.*)$", (CONFIGURATION / "cel.conf").read_text(), re.MULTILINE)
    assert found
    return frozenset(found[1].split(","))


def account(records: Iterable[Record]) -> tuple[list[CallSummary], Accountant]:
    """The calls in the order in which they began, each as it was told last."""
    accountant, calls = Accountant(TRUNKS), dict[str, CallSummary]()
    for record in records:
        for call in accountant.feed(record):
            assert call.uid == call.linkedid
            calls[call.uid] = call
    return in_order(calls.values()), accountant


def in_order(calls: Iterable[CallSummary]) -> list[CallSummary]:
    return sorted(calls, key=lambda call: (call.started_at is None, call.started_at))


def step(at: datetime, event: str, *, uid: str, channel: str, **facts: Any) -> CelRecord:
    """A record that a story needs."""
    text = dict.fromkeys(("number", "name", "exten", "context", "app", "app_data", "peer"), "") | {"linkedid": uid}
    return CelRecord(at=at, event=event, uniqueid=uid, channel=channel, **(text | facts))
