"""What Asterisk itself wrote down of conversations: a reader of its CEL, made for tests and independent of the product.

Only four things are drawn from it, each from the steps of channels alone: which conversations there were, when each
began, when a person of ours and the customer were first connected, and when the customer's side was over.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

COLUMNS = (
    "type", "time", "uniqueid", "linkedid", "channel", "number", "name", "exten", "context", "app", "data", "peer",
    "extra", "user",
)  # fmt: skip
TALKING = {"simple_bridge", "native_rtp", "softmix"}


@dataclass(frozen=True, slots=True)
class Record:
    type: str
    at: datetime
    uniqueid: str
    linkedid: str
    channel: str
    exten: str
    bridge: str
    technology: str

    @property
    def line(self) -> str:
        return self.channel.rpartition("-")[0]

    @property
    def is_local(self) -> bool:
        return self.channel.startswith("Local/")


def read(path: Path) -> Iterator[Record]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.reader(file):
            values = dict(zip(COLUMNS, row, strict=True))
            try:
                extra = json.loads(values["extra"] or "{}")
            except ValueError:
                extra = {}  # what a caller wrote may stand in it
            yield Record(
                values["type"], datetime.fromtimestamp(float(values["time"]), UTC), values["uniqueid"],
                values["linkedid"], values["channel"], values["exten"], extra.get("bridge_id", ""),
                extra.get("bridge_technology", ""),
            )  # fmt: skip


@dataclass(slots=True)
class Conversation:
    """Of one customer, whoever of ours took part."""

    uniqueids: set[str]
    started_at: datetime
    inbound: bool
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    lines: list[str] = field(default_factory=list)  # of ours, in the order in which they were connected
    numbers: frozenset[str] = frozenset()  # that were dialled


def conversations(records: Iterable[Record], trunk: str = "PJSIP/trunk") -> list[Conversation]:
    told = sorted((record for record in records if record.uniqueid), key=lambda record: record.at)
    return [_told_of(group, trunk) for group in _groups(told) if any(record.line == trunk for record in group)]


def _groups(records: list[Record]) -> list[list[Record]]:
    """Channels that ever shared a Linkedid, or a bridge in which people hear each other."""
    leader: dict[str, str] = {}

    def find(uid: str) -> str:
        while leader.setdefault(uid, uid) != uid:
            uid = leader[uid]
        return uid

    for record in records:
        leader[find(record.uniqueid)] = find(record.linkedid)
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(find(record.uniqueid), []).append(record)
    return list(groups.values())


def _told_of(group: list[Record], trunk: str) -> Conversation:
    first = next(record for record in group if record.type == "CHAN_START" and record.line == trunk)
    inbound = first.uniqueid == first.linkedid and first.exten not in ("", "s")
    customers = [first.uniqueid]
    if not inbound:  # several numbers may have been tried; a forwarded call has others, which are of ours
        customers = [record.uniqueid for record in group if record.type == "CHAN_START" and record.line == trunk]
    conversation = Conversation({record.uniqueid for record in group}, group[0].at, inbound)
    conversation.numbers = frozenset(record.exten for record in group)
    rooms: dict[str, set[str]] = {}
    names = {record.uniqueid: record.channel for record in group}
    for record in group:
        if record.type == "BRIDGE_ENTER" and record.technology in TALKING:
            rooms.setdefault(record.bridge, set()).add(record.uniqueid)
        elif record.type == "BRIDGE_EXIT":
            rooms.get(record.bridge, set()).discard(record.uniqueid)
        elif record.type == "CHAN_END" and record.uniqueid in customers:
            conversation.ended_at = record.at
        for line in _company(customers, rooms, names):
            conversation.answered_at = conversation.answered_at or record.at
            if line not in conversation.lines:
                conversation.lines.append(line)
    return conversation


def _company(customers: list[str], rooms: dict[str, set[str]], names: dict[str, str]) -> list[str]:
    """The lines that hear a customer, through Local channels as far as they go."""
    heard = {uid for room in rooms.values() if room & set(customers) for uid in room}
    while True:
        pairs = {re.sub(r";[12]$", "", names[uid]) for uid in heard if names[uid].startswith("Local/")}
        halves = {uid for uid, name in names.items() if re.sub(r";[12]$", "", name) in pairs}
        wider = heard | {uid for room in rooms.values() if room & halves for uid in room}
        if wider == heard:
            break
        heard = wider
    return sorted(
        {names[uid].rpartition("-")[0] for uid in heard if uid not in customers and not names[uid].startswith("Local/")}
    )
