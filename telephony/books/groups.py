"""Which records belong together: channels of one Linkedid, and of those that it was joined with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from telephony.ami.causes import line_of
from telephony.books.records import CelRecord, QueueRecord
from telephony.events import CallSummary

Key = tuple[str, str]

MOST_RECORDS = 10_000  # of one group: no real one is so long, but whoever writes the books may be mad
THIN_ABOVE = 500
_MOST_JOINED = 2_000  # beyond that a bridge joins no further groups: a conference room that never empties


@dataclass(slots=True, eq=False)
class Group:
    keys: set[Key] = field(default_factory=set)  # what leads here
    linkedids: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)  # Linkedids that have their LINKEDID_END
    channels: dict[str, bool] = field(default_factory=dict)  # by Uniqueid: has it ended?
    records: dict[tuple[object, ...], CelRecord] = field(default_factory=dict)  # each once, however often it comes
    queue: dict[QueueRecord, None] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    over: bool = False  # the switch was restarted since
    told: dict[str, CallSummary] = field(default_factory=dict)
    thin_above: int = THIN_ABOVE
    uids: frozenset[str] | None = None  # of its open calls; None: not known, something changed

    @property
    def complete(self) -> bool:
        return self.over or self.linkedids <= self.ended

    @property
    def silent(self) -> bool:
        """All its channels ended, though nothing says that the Linkedid did."""
        return all(self.channels.values())

    def add(self, record: CelRecord) -> bool:
        """Was it new?"""
        key = (record.at, record.event, record.uniqueid, record.channel, record.extra.get("bridge_id"), record.app)
        if key in self.records:
            return False
        if len(self.records) < MOST_RECORDS:
            self.records[key] = record
        self.first = min(self.first or record.at, record.at)
        self.last = max(self.last or record.at, record.at)
        ended = record.event in ("HANGUP", "CHAN_END")
        self.channels[record.uniqueid] = self.channels.get(record.uniqueid, False) or ended
        self.linkedids.add(record.linkedid)
        if record.event == "LINKEDID_END":
            self.ended.add(record.linkedid)
        self.uids = None
        return True

    def absorb(self, other: Group) -> None:
        self.linkedids |= other.linkedids
        self.ended |= other.ended
        for uid, ended in other.channels.items():
            self.channels[uid] = self.channels.get(uid, False) or ended
        self.records.update(other.records)
        self.queue.update(other.queue)
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        self.over = self.over and other.over
        self.told.update(other.told)
        self.uids = None


class Groups:
    """Found by Linkedid, Uniqueid and bridge."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter({id(group): group for group in self._by_key.values()}.values())

    def by_channel(self, uniqueid: str) -> Group | None:
        return self._by_key.get(("channel", uniqueid))

    def by_linkedid(self, linkedid: str) -> Group | None:
        return self._by_key.get(("linkedid", linkedid))

    def of(self, record: CelRecord) -> Group:
        """The group of this record; those that it shows to be one are made one."""
        keys = [("linkedid", record.linkedid), ("channel", record.uniqueid)]
        if bridge := self._bridge(record):
            keys.append(bridge)
        found = list({id(self._by_key[key]): self._by_key[key] for key in keys if key in self._by_key}.values())
        group = max(found, key=lambda one: len(one.records), default=None) or Group()
        for other in found:
            if other is not group:
                group.absorb(other)
                keys.extend(other.keys)
        for key in keys:
            self._by_key[key] = group
        group.keys.update(keys)
        return group

    def _bridge(self, record: CelRecord) -> Key | None:
        key = ("bridge", record.extra.get("bridge_id", ""))
        there = self._by_key.get(key)
        return key if key[1] and (there is None or len(there.records) < _MOST_JOINED) else None

    def thin_out(self, group: Group, trunks: frozenset[str], before: datetime) -> set[str]:
        """Of a group that does not end, forget the channels that ended `before` and had nothing to do with a customer who
        is still on the line. The Uniqueids and Linkedids that are not known any more."""
        channels: dict[str, list[CelRecord]] = {}
        for record in group.records.values():
            channels.setdefault(record.uniqueid, []).append(record)
        for uid, own in channels.items():
            if not group.channels[uid] and line_of(own[0].channel) in trunks:
                before = min(before, min(record.at for record in own))
        kept = [
            record
            for uid, own in channels.items()
            if not group.channels[uid]
            or max(record.at for record in own) >= before
            or not group.ended.issuperset(record.linkedid for record in own)
            for record in own
        ]
        self.remove(group)
        for record in sorted(kept, key=lambda record: record.at):
            self.of(record).add(record)
        for entry in group.queue:
            if there := self.by_channel(entry.uniqueid):
                there.queue[entry] = None
        for uid, call in group.told.items():
            if there := self.by_linkedid(uid):
                there.told[uid] = call
        for record in kept:
            self.of(record).thin_above = max(THIN_ABOVE, 2 * len(self.of(record).records))
        return {
            uid for uid in (*group.channels, *group.linkedids) if not (self.by_channel(uid) or self.by_linkedid(uid))
        }

    def remove(self, group: Group) -> None:
        for key in group.keys:
            del self._by_key[key]
