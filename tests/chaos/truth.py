"""What truly happened, read from what Asterisk wrote: CEL as CSV, and queue_log as a second witness.

It shares nothing with the product's own reader of these files, and knows as little as it can: channels, the Linkedids
that they had, and who was in which bridge when. So the two can disagree, and a disagreement is what we look for.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TRUNK = "PJSIP/trunk-"
DIALLED = re.compile(r"\+?[0-9]{6,}")
OWN_ID = re.compile(r"\d+\.\d+")  # what Asterisk itself calls a channel; anything else was given by Originate


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    at: float
    uniqueid: str
    linkedid: str
    channel: str
    number: str
    exten: str
    extra: str


@dataclass(frozen=True, slots=True)
class TrueCall:
    """One conversation with a customer, or the attempt at one. Times are seconds since 1970, by Asterisk's clock."""

    uid: str
    direction: str
    number: str
    did: str
    asked_for: bool  # the channel got its id from whoever originated it
    started: float
    answered: float | None
    ended: float | None  # None: the records break off
    last: float  # of all records
    talked: frozenset[str]  # endpoints of ours that were with the customer in one bridge
    other_ids: frozenset[str]  # by which somebody might take parts of it for a call

    @property
    def missed(self) -> bool:
        return self.direction == "inbound" and self.answered is None


@dataclass(slots=True)
class _Channel:
    uniqueid: str
    name: str
    started: float
    number: str
    exten: str
    linkedids: list[str] = field(default_factory=list)
    last_number: str = ""
    dialled: str = ""
    hung_up: float | None = None
    last: float = 0.0
    bridges: set[str] = field(default_factory=set)

    @property
    def trunk(self) -> bool:
        return self.name.startswith(TRUNK)

    @property
    def local(self) -> str:
        """Both halves of a Local channel have the same."""
        return self.name.rpartition(";")[0] if self.name.startswith("Local/") else ""

    @property
    def endpoint(self) -> str:
        return self.name.rpartition("-")[0]


def read_cel(path: Path) -> list[Step]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(_steps(csv.reader(file)))


def _steps(rows: Iterable[Sequence[str]]) -> Iterator[Step]:
    for row in rows:
        if len(row) < 14:
            raise ValueError(f"CEL has a row that is none: {row!r:.200}")
        kind, at, uniqueid, linkedid, channel, number, _name, exten, _context, *_, extra, user = row[:14]
        if not user or kind != user:  # else it is the dial plan's own, which may be called like anything
            yield Step(kind, float(at), uniqueid, linkedid, channel, number, exten, extra)


def calls(steps: Iterable[Step]) -> list[TrueCall]:
    """Every call in which a customer, or the wish for one, took part."""
    book = _Book()
    for step in sorted(steps, key=lambda step: step.at):  # stable: what was written at one moment stays in order
        book.enter(step)
    return book.calls()


class _Book:
    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._same: dict[str, str] = {}  # a Linkedid leads to another one of the same call
        self._met: dict[str, tuple[float, set[str]]] = {}  # by customer's channel

    def enter(self, step: Step) -> None:
        channel = self._channels.get(step.uniqueid)
        if channel is None:
            channel = _Channel(step.uniqueid, step.channel, step.at, step.number, step.exten)
            self._channels[step.uniqueid] = channel
        if step.linkedid not in channel.linkedids:
            channel.linkedids.append(step.linkedid)
            self._join(channel.linkedids[0], step.linkedid)
        if step.kind == "LINKEDID_END":
            return
        channel.last = step.at
        channel.last_number = step.number or channel.last_number
        if DIALLED.fullmatch(step.exten):
            channel.dialled = step.exten
        if step.kind == "HANGUP":
            channel.hung_up = step.at
            channel.bridges.clear()
        elif step.kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            (bridge,) = re.findall(r'"bridge_id":"([^"]+)"', step.extra)
            (channel.bridges.add if step.kind == "BRIDGE_ENTER" else channel.bridges.discard)(bridge)
            self._see_who_talks(step.at)

    def _join(self, one: str, other: str) -> None:
        one, other = self._name(one), self._name(other)
        if one != other:
            self._same[one] = other

    def _name(self, linkedid: str) -> str:
        while linkedid in self._same:
            linkedid = self._same[linkedid]
        return linkedid

    def _see_who_talks(self, at: float) -> None:
        present = [channel for channel in self._channels.values() if channel.bridges and channel.hung_up is None]
        for customer in (channel for channel in present if channel.trunk):
            with_them = {each.endpoint for each in _reachable(customer, present) if not each.trunk and not each.local}
            if with_them:
                self._met.setdefault(customer.uniqueid, (at, set()))[1].update(with_them)

    def calls(self) -> list[TrueCall]:
        groups: dict[str, list[_Channel]] = {}
        for channel in self._channels.values():
            groups.setdefault(self._name(channel.linkedids[0]), []).append(channel)
        found = [self._call(sorted(group, key=lambda channel: channel.started)) for group in groups.values()]
        return sorted((call for call in found if call), key=lambda call: call.started)

    def _call(self, group: list[_Channel]) -> TrueCall | None:
        first = group[0]
        customers = [channel for channel in group if channel.trunk]
        asked_for = not OWN_ID.fullmatch(first.uniqueid)
        if not customers and not asked_for:
            return None
        meetings = [self._met[customer.uniqueid] for customer in customers if customer.uniqueid in self._met]
        inbound = first.trunk
        ends = [channel.hung_up for channel in customers or group]
        outside = next((channel.last_number for channel in customers if channel.last_number), "")
        number = customers[0].number if inbound else outside or first.dialled
        return TrueCall(
            uid=first.uniqueid,
            direction="inbound" if inbound else "outbound",
            number=number,
            did=customers[0].exten if inbound else "",
            asked_for=asked_for,
            started=first.started,
            answered=min((at for at, _ in meetings), default=None),
            ended=None if None in ends else max(end for end in ends if end is not None),
            last=max(channel.last for channel in group),
            talked=frozenset(endpoint for _, endpoints in meetings for endpoint in endpoints),
            other_ids=frozenset(
                {channel.uniqueid for channel in group} | {each for channel in group for each in channel.linkedids}
            )
            - {first.uniqueid},
        )


def _reachable(start: _Channel, present: list[_Channel]) -> list[_Channel]:
    """Who hears this channel, directly or through Local channels, whose two halves are one."""
    found, fresh = {start.uniqueid: start}, [start]
    while fresh:
        here = fresh.pop()
        for other in present:
            linked = here.bridges & other.bridges or (here.local and here.local == other.local)
            if linked and other.uniqueid not in found:
                found[other.uniqueid] = other
                fresh.append(other)
    return list(found.values())


def queue_witness(path: Path) -> tuple[set[str], set[str]]:
    """Uniqueids of callers who entered a queue, and of those whom an agent took there."""
    entered: set[str] = set()
    connected: set[str] = set()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        fields = line.split("|")
        if len(fields) > 4 and fields[4] == "ENTERQUEUE":
            entered.add(fields[1])
        if len(fields) > 4 and fields[4] == "CONNECT":
            connected.add(fields[1])
    return entered, connected
