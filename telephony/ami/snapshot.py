"""What a switch lists as alive (CoreShowChannels, QueueStatus), laid over what was known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from telephony.ami import causes
from telephony.ami.callbook import CallBook
from telephony.ami.calls import Call
from telephony.ami.channels import Channel, is_given
from telephony.ami.frames import Frame
from telephony.ami.untrusted import party_name
from telephony.events import QueueJoined

Headers = Mapping[str, str]


class Doubts:
    """Where a list says otherwise than the events did.

    While a connection stands, events are the better witness: Asterisk may list what it has not told yet (a hangup, a new
    channel), and tells it right after. Only what two lists in a row say otherwise is believed then.
    """

    def __init__(self, before: frozenset[tuple[str, ...]] | None) -> None:
        """`before`: of the list before this one; None when nothing was heard in between, so that this one counts."""
        self._before = before
        self._open: set[tuple[str, ...]] = set()

    def dispelled(self, *fact: str) -> bool:
        if self._before is None or fact in self._before:
            return True
        self._open.add(fact)
        return False

    @property
    def open(self) -> frozenset[tuple[str, ...]]:
        return frozenset(self._open)


def resync(
    book: CallBook,
    channels: Sequence[Headers],
    queues: Sequence[Frame],
    at: datetime,
    doubts: Doubts,
    *,
    heard: datetime,
) -> None:
    """`heard`: when the switch was heard last before `at`."""
    live = {frame["Uniqueid"]: frame for frame in channels if frame.get("Uniqueid") and frame.get("Channel")}
    _close(book, [uid for uid in book.board.channels if uid not in live and doubts.dispelled("gone", uid)], at, heard)
    known = set(book.board.channels)
    for frame in sorted(live.values(), key=_age, reverse=True):
        _adopt(book, frame, at, doubts)
    for uid, frame in live.items():
        _place(book, frame, at, doubts if uid in known else Doubts(None))
    queued = {frame.get("Uniqueid") for frame in queues}
    for call in book.all_calls():
        waits = call.customer is not None and call.customer.uid in queued
        if call.in_queue and not waits and doubts.dispelled("left the queue", call.uid):
            call.in_queue = False
    for frame in queues:
        _queue(book, frame, at, doubts)


def _close(book: CallBook, gone: Sequence[str], at: datetime, heard: datetime) -> None:
    missing = set(gone)
    for call in book.all_calls():
        witnesses = [call.customer.uid] if call.customer else list(call.channels)
        if missing.issuperset(witnesses):
            book.lose(call, at, heard)
    for uid in gone:
        book.hang_up(book.board.channels[uid], at, None)


def _age(frame: Headers) -> int:
    """Seconds, of `Duration: HH:MM:SS`."""
    parts = frame.get("Duration", "").split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        return 0
    hours, minutes, seconds = (int(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds


def _adopt(book: CallBook, frame: Headers, at: datetime, doubts: Doubts) -> None:
    uid, linkedid = frame["Uniqueid"], frame.get("Linkedid") or frame["Uniqueid"]
    known = book.board.channels.get(uid)
    if known is not None:
        if linkedid != known.linkedid and doubts.dispelled("group", uid, linkedid):
            book.regroup(known, linkedid, at)
        return
    if not doubts.dispelled("there", uid):
        return
    channel = book.add(uid, frame["Channel"], linkedid, at - timedelta(seconds=_age(frame)), adopted=True)
    if frame.get("ChannelStateDesc") == "Up":
        book.picked_up(channel, at)
    call = channel.call
    if channel is call.customer:
        number = frame.get("CallerIDNum", "")
        call.number = call.number or ("" if number == "<unknown>" else number)
        call.name = call.name or party_name(frame.get("CallerIDName"))
        book.announce(call, call.started_at or at)
    elif is_given(uid) and uid == linkedid:
        book.click_to_call(call, call.started_at or at)
    if (leg := call.legs.get(uid)) is not None and frame.get("ChannelStateDesc") == "Ringing":
        leg.alive = True
        book.ring(call, leg, at)


def _place(book: CallBook, frame: Headers, at: datetime, doubts: Doubts) -> None:
    """Into the bridge where it is now; which kind that is the list does not say."""
    channel: Channel | None = book.board.channels.get(frame["Uniqueid"])
    bridge = frame.get("BridgeId", "")
    if channel is None or "BridgeId" not in frame or bridge == (channel.bridge.uid if channel.bridge else ""):
        return
    if not doubts.dispelled("bridge", channel.uid, bridge):
        return
    if not bridge:
        book.leave(channel, at)
    else:
        known = book.board.bridge(bridge)
        book.enter(channel, bridge, known.type if known else "basic", 0, at)


def _queue(book: CallBook, frame: Frame, at: datetime, doubts: Doubts) -> None:
    channel, queue = book.board.channels.get(frame.get("Uniqueid", "")), frame.get("Queue")
    if frame.name != "QueueEntry" or channel is None or not queue or channel is not channel.call.customer:
        return
    call = channel.call
    if (call.in_queue and call.queue == queue) or not doubts.dispelled("queue", call.uid, queue):
        return
    call.queue, call.in_queue = queue, True
    wait = causes.number(frame.get("Wait")) or 0
    joined = at - timedelta(seconds=wait)
    call.look_for_somebody(joined)
    if call.answered_at is None:
        call.waiting_since = min(call.waiting_since or joined, joined)
    book.out.append(QueueJoined(uid=call.uid, at=at, queue=queue, position=causes.number(frame.get("Position"))))


def is_listed_talking(call: Call, listed: Sequence[Headers]) -> bool:
    """Does the list itself show the customer in one bridge with a phone that is held to talk to them?"""
    bridges = {entry.get("Uniqueid"): entry.get("BridgeId") for entry in listed}
    bridge = bridges.get(call.customer.uid) if call.customer else None
    return bool(bridge) and any(leg.connected and bridges.get(leg.uid) for leg in call.legs.values())
