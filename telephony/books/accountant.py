"""Records in, complete calls out. Pure: no clock, no I/O; its time is that of the newest record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from telephony.books.groups import Group, Groups
from telephony.books.posting import post
from telephony.books.records import CelRecord, QueueRecord
from telephony.events import CallSummary

LINGER = timedelta(seconds=60)  # queue_log may tell late of a call that is complete; then it is told again
UNFINISHED = timedelta(seconds=5)  # all channels ended so long ago, and the record that says so of the call is missing
SILENT = timedelta(hours=24)  # a channel of which nothing was written for so long is no call any more
_SECOND = timedelta(seconds=1)
_REMEMBERED = 10_000
_DISTRUSTED = 8  # queue records after one that a forged line break cut in two


class Accountant:
    """Derives the calls of one switch from its books.

    A call is told when the last channel of its Linkedid has ended, and again when a later record says more of it.
    Records may come twice, and in another order than that of their times. Hold is not in the books: what is told as
    `hold` is only what bridges show (alone during a consultation, parked), the rest counts as talk.
    """

    def __init__(self, trunks: Sequence[str]) -> None:
        self._trunks = frozenset(trunks)
        self._groups = Groups()
        self._now: datetime | None = None
        self._swept: datetime | None = None
        self._unclaimed: dict[str, list[QueueRecord]] = {}  # by Uniqueid: CEL has not told of this caller yet
        self._gone: dict[str, None] = {}  # Linkedids and Uniqueids of calls that were told and forgotten
        self._names: dict[str, str] = {}  # Uniqueids of live channels by their names: two of one name tell of a restart
        self._distrust = 0

    def feed(self, record: CelRecord | QueueRecord) -> list[CallSummary]:
        """The calls that are complete now, or of which more is known now. Never raises, whatever the record holds."""
        if isinstance(record, QueueRecord):
            return self._queue(record)
        return self._cel(record) + self._sweep(record.at)  # only CEL's time counts: queue_log can be forged

    def switch_restarted(self, at: datetime) -> list[CallSummary]:
        """Calls that had no sign of life since are over: lost at their last sign, or answered. Switches tell the time of
        their start in whole seconds; a call that began right after it in the same second is taken back when it goes on."""
        told = []
        for group in self._groups:
            if not group.complete and group.last and group.last < at + _SECOND:
                group.over = True
                told += self._tell(group)
        return told

    def open_uids(self) -> frozenset[str]:
        uids: set[str] = set()
        for group in self._groups:
            if not group.complete:
                if group.uids is None:
                    group.uids = post(group.records.values(), group.queue, self._trunks)[1]
                uids |= group.uids
        return frozenset(uids)

    def follows(self, uid: str) -> bool:
        """May this Linkedid or Uniqueid still become (more of) a call? Then its records must not be forgotten."""
        known = self._groups.by_linkedid(uid) or self._groups.by_channel(uid)
        return known is not None or uid in self._unclaimed

    # ------------------------------------------------------------------------------------------------------- records

    def _cel(self, record: CelRecord) -> list[CallSummary]:
        known = self._groups.by_channel(record.uniqueid) or self._groups.by_linkedid(record.linkedid)
        if known is None and (record.linkedid in self._gone or record.uniqueid in self._gone):
            return []
        told = self._look_for_a_restart(record)
        group = self._groups.of(record)
        new = group.add(record)
        for uid in (record.uniqueid, record.linkedid):
            for entry in self._unclaimed.pop(uid, ()):
                group.queue[entry] = None
        if not new:
            return told
        if group.over and group.last == record.at:
            group.over = False  # it lives after all
        if record.event == "LINKEDID_END" or group.complete:
            told += self._tell(group)
        return told

    def _look_for_a_restart(self, record: CelRecord) -> list[CallSummary]:
        """A switch counts its channels from the beginning again, so a name comes again while it seems to be in use."""
        if record.channel.startswith("Local/"):
            return []
        if record.event in ("HANGUP", "CHAN_END"):
            if self._names.get(record.channel) == record.uniqueid:
                del self._names[record.channel]
            return []
        if record.event != "CHAN_START":
            return []
        other = self._names.get(record.channel, record.uniqueid)
        self._names[record.channel] = record.uniqueid
        group = self._groups.by_channel(other) if other != record.uniqueid else None
        if group is None or group.first is None or group.first >= record.at:
            return []
        self._names = {record.channel: record.uniqueid}
        return self.switch_restarted(record.at)

    def _queue(self, record: QueueRecord) -> list[CallSummary]:
        if record.event == "ENTERQUEUE" and not (len(record.data) >= 3 and record.data[2].isdigit()):
            self._distrust = _DISTRUSTED  # the caller's number held a line break; what follows may be the caller's text
            return []
        if self._distrust:
            self._distrust -= 1
        if record.event == "QUEUESTART":
            return [] if self._distrust else self.switch_restarted(record.at)
        group = self._groups.by_channel(record.uniqueid)
        if group is None:
            self._keep(record)
            return []
        if record in group.queue:
            return []
        group.queue[record] = None
        group.uids = None
        return self._tell(group) if group.told else []

    def _keep(self, record: QueueRecord) -> None:
        if record.uniqueid in self._gone or not any(character.isdigit() for character in record.uniqueid):
            return
        entries = self._unclaimed.setdefault(record.uniqueid, [])
        if len(entries) < 1_000:
            entries.append(record)
        if len(self._unclaimed) > _REMEMBERED:
            del self._unclaimed[next(iter(self._unclaimed))]

    # ----------------------------------------------------------------------------------------------------- telling

    def _tell(self, group: Group, over: bool = False) -> list[CallSummary]:
        """The calls of the group that are complete, and not what was told of them before."""
        over = over or group.over
        calls, group.uids = post(group.records.values(), group.queue, self._trunks, over=over)
        told = []
        for call in calls:
            complete = over or group.complete or (call.linkedid or call.uid) in group.ended
            if complete and group.told.get(call.uid) != call:
                group.told[call.uid] = call
                told.append(call)
        return told

    def _sweep(self, at: datetime) -> list[CallSummary]:
        """What is complete is kept for a while and then forgotten; what stopped without an end is closed."""
        self._now = max(self._now or at, at)
        if self._swept is not None and self._now - self._swept < _SECOND:
            return []
        self._swept = self._now
        told: list[CallSummary] = []
        for group in list(self._groups):
            silence = self._now - (group.last or self._now)
            if not group.complete and ((group.silent and silence > UNFINISHED) or silence > SILENT):
                group.over = True
                told += self._tell(group)
            if group.complete and silence > LINGER:
                self._groups.remove(group)
                self._remember_gone({*group.linkedids, *group.channels})
            elif len(group.records) > group.thin_above:
                self._remember_gone(self._groups.thin_out(group, self._trunks, self._now - LINGER))
        self._unclaimed = {
            uid: entries for uid, entries in self._unclaimed.items() if self._now - entries[-1].at <= 60 * LINGER
        }
        return told

    def _remember_gone(self, uids: set[str]) -> None:
        self._gone.update(dict.fromkeys(uids))
        while len(self._gone) > 4 * _REMEMBERED:
            del self._gone[next(iter(self._gone))]
