"""The records of one group of channels, posted into a call book: out come the calls that they were.

The call book is the one that AMI's events are posted into, so both tell a call in the same way. What only events tell is
missing here: that a phone was really ringing (a dead one looks the same), and the hold button. Time on hold is only
what bridges show of it: the customer alone during a consultation, or parked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from telephony.ami import causes
from telephony.ami.callbook import CallBook
from telephony.ami.calls import Call, PendingTransfer
from telephony.ami.channels import Channel, Role, is_given
from telephony.books.queues import Stint, stints
from telephony.books.records import CelRecord, QueueRecord
from telephony.events import CallEnded, CallsMerged, CallSummary, HungUpBy, LegResult, Result

_OUTGOING = "(Outgoing Line)"
_NO_NUMBER = ("", "s")
_HUNG_UP_BEFORE = timedelta(milliseconds=50)  # a channel's hangup is written when its last application has ended
_ADOPTING = frozenset({"ANSWER", "BRIDGE_ENTER", "APP_START", "PARK_START"})  # they show that a channel is alive
_BUSY = frozenset({"CHAN_START", "ANSWER", "BRIDGE_ENTER"})
# what comes first of what has the same time
_FIRST, _REQUEST, _LEAVE, _USUAL, _HANGUP, _LAST = range(6)
_RANK = {"CHAN_START": _FIRST, "HANGUP": _HANGUP, "CHAN_END": _LAST}

Step = tuple[datetime, int, Callable[[], None]]


def post(
    records: Iterable[CelRecord],
    queue: Iterable[QueueRecord],
    trunks: frozenset[str],
    *,
    over: bool = False,
    parts: bool = True,
) -> tuple[list[CallSummary], frozenset[str]]:
    """The calls that ended, and the uids of those that did not. `over`: nothing more will come, what is open is lost.
    `parts`: also calls whose beginning is not among the records."""
    return _Posting(trunks, sorted(records, key=lambda record: record.at), list(queue)).calls(over, parts)


class _Posting:
    def __init__(self, trunks: frozenset[str], records: Sequence[CelRecord], queue: Sequence[QueueRecord]) -> None:
        self._book = CallBook(trunks)
        self._trunks = trunks
        self._records = records
        self._queue = queue
        self._own: dict[str, list[CelRecord]] = {}
        for record in records:
            self._own.setdefault(record.uniqueid, []).append(record)
        self._called = {record.uniqueid for record in records if record.app_data == _OUTGOING}
        self._parking: set[str] = set()
        self._dialling: dict[str, str] = {}  # by the call's uid: the number that Dial was given last
        self._handlers: dict[str, Callable[[CelRecord], None]] = {
            "CHAN_START": self._chan_start,
            "ANSWER": self._answer,
            "APP_START": self._app_start,
            "APP_END": self._app_end,
            "BRIDGE_ENTER": self._bridge_enter,
            "BRIDGE_EXIT": self._bridge_exit,
            "BLINDTRANSFER": self._blind_transfer,
            "ATTENDEDTRANSFER": self._attended_transfer,
            "PARK_START": self._park_start,
            "HANGUP": self._hangup,
            "CHAN_END": self._chan_end,
            "USER_DEFINED": self._user_defined,
        }

    def calls(self, over: bool, parts: bool) -> tuple[list[CallSummary], frozenset[str]]:
        for _, _, step in sorted(self._steps(), key=lambda one: one[:2]):
            step()
        open_uids = frozenset(call.uid for call in self._book.all_calls() if call.open)
        if over and self._records:
            self._book.clear(self._records[-1].at)
        ended: dict[str, CallSummary] = {}
        for event in self._book.out:
            if isinstance(event, CallEnded):
                ended[event.uid] = event.summary
            elif isinstance(event, CallsMerged):
                ended.pop(event.merged, None)
        begun = {record.uniqueid for record in self._records if record.event == "CHAN_START"}
        return [
            replace(call if call.uid in begun else _partly_known(call), cut_off=uid in open_uids)
            for uid, call in ended.items()
            if (over or uid not in open_uids) and (parts or call.uid in begun)
        ], open_uids

    # ------------------------------------------------------------------------------------------- order of the steps

    def _steps(self) -> Iterable[Step]:
        """Everything that is to be done, with its time, and what comes first at the same time."""
        busy: dict[str, datetime] = {}  # when each channel last did something that is no part of its end
        for record in self._records:
            handler = self._handlers.get(record.event)
            if handler is None:
                continue
            if record.event in _BUSY:
                busy[record.uniqueid] = record.at
            if record.event == "HANGUP" and record.extra.get("hangupsource") == record.channel:
                since = busy.get(record.uniqueid, record.at)
                yield max(record.at - _HUNG_UP_BEFORE, since), _REQUEST, partial(self._hangup_request, record)
            yield record.at, _RANK.get(record.event, _USUAL), partial(handler, record)
        for stint in stints(self._own, self._queue):
            yield stint.joined, _USUAL, partial(self._join_queue, stint)
            if stint.left is not None:
                rank = _LEAVE if stint.left > stint.joined else _USUAL
                yield stint.left, rank, partial(self._leave_queue, stint, stint.left)

    # ---------------------------------------------------------------------------------------------- whose record it is

    def _known(self, record: CelRecord) -> Channel | None:
        channel = self._book.board.channels.get(record.uniqueid)
        if channel is None:
            return self._adopt(record) if record.event in _ADOPTING else None
        if record.linkedid != channel.linkedid:
            self._book.regroup(channel, record.linkedid, record.at)
        return channel

    def _adopt(self, record: CelRecord) -> Channel | None:
        """Its beginning is not in these books, and it is alive."""
        if record.uniqueid in self._book.departed:
            return None
        uid, calling = record.uniqueid, False if record.uniqueid in self._called else None
        channel = self._book.add(uid, record.channel, record.linkedid, record.at, calling=calling, adopted=True)
        if record.event in ("ANSWER", "BRIDGE_ENTER"):
            self._book.picked_up(channel, record.at)
        self._introduce(channel, record)
        return channel

    def _introduce(self, channel: Channel, record: CelRecord) -> None:
        call = channel.call
        if channel is not call.customer:
            return
        if not call.inbound:
            dialled = self._dialling.get(call.uid) or self._number_of(channel.uid)
            channel.exten = dialled or channel.exten
            # before a customer who is called first, the dial plan has put a number of ours in place of the caller id
            if not call.originated or not call.number or (dialled and call.through_local):
                call.number = dialled or call.typed
        elif not call.number:
            call.number, call.name = record.number, record.name
        self._book.announce(call, record.at)

    def _number_of(self, uid: str) -> str:
        """The number that a called channel was given; its first record has none yet."""
        own = (record.number for record in self._own[uid])
        return next((number for number in own if causes.is_dialable(number)), "")

    # -------------------------------------------------------------------------------------------------- channels

    def _is_calling(self, record: CelRecord) -> bool:
        if record.uniqueid in self._called:
            return False
        return record.exten not in _NO_NUMBER or (
            bool(record.number) and causes.line_of(record.channel) in self._trunks
        )

    def _chan_start(self, record: CelRecord) -> None:
        if record.uniqueid in self._book.departed or self._known(record) is not None:
            return
        calling = self._is_calling(record)
        channel = self._book.add(record.uniqueid, record.channel, record.linkedid, record.at, calling=calling)
        channel.exten = record.exten
        call = channel.call
        if channel is call.customer and call.inbound:
            call.did = call.did or (record.exten if record.exten not in _NO_NUMBER else None)
        elif self._is_first_of_click(channel):
            self._click_to_call(call, record)
        self._introduce(channel, record)
        if not calling:
            self._begins_to_ring(channel, record)

    @staticmethod
    def _is_first_of_click(channel: Channel) -> bool:
        ours = channel.role is Role.PLUMBING or channel.calling is False
        return ours and channel.uid == channel.linkedid and is_given(channel.uid)

    def _click_to_call(self, call: Call, record: CelRecord) -> None:
        """The caller id that we gave to the phone is the customer's number."""
        others = [r.number for r in self._records if r.linkedid == record.linkedid and r.number != record.number]
        if not call.number:
            call.number = next((number for number in others if causes.is_dialable(number)), "")
        self._book.click_to_call(call, record.at)

    def _begins_to_ring(self, channel: Channel, record: CelRecord) -> None:
        """A phone that the switch calls; whether it really rings, only the switch knew."""
        call = channel.call
        leg = call.legs.get(channel.uid)
        if leg is None:
            if channel is call.customer:
                call.waiting_since = call.waiting_since or record.at
            return
        leg.alive = True
        if call.customer is not None and call.customer.bridge is None:
            call.notice_redirect(leg, record.at)
        self._book.ring(call, leg, record.at, call.queue if call.in_queue else None)

    def _answer(self, record: CelRecord) -> None:
        channel = self._known(record)
        if channel is None:
            return
        self._book.picked_up(channel, record.at)
        leg = channel.call.legs.get(channel.uid)
        if leg is not None:
            leg.picked_up_at = leg.picked_up_at or (record.at if leg.rang_at else None)

    def _hangup_request(self, record: CelRecord) -> None:
        """The far end of the channel hung up, or refused."""
        channel = self._known(record)
        if channel is None or channel.role is Role.PLUMBING:
            return
        self._never_rang(channel, record)
        channel.call.far_end_hung_up(channel, causes.number(record.extra.get("hangupcause")) or 0)

    @staticmethod
    def _never_rang(channel: Channel, record: CelRecord) -> None:
        """A phone that is not registered has no channel; only the caller's dial status tells of it."""
        call = channel.call
        unreachable = record.extra.get("dialstatus") in ("CHANUNAVAIL", "CONGESTION")
        if unreachable and channel is call.customer and call.inbound and call.missed is None:
            call.nobody_found(record.at, causes.missed_result({LegResult.FAILED}))

    def _hangup(self, record: CelRecord) -> None:
        channel = self._known(record)
        if channel is None:
            self._book.departed.note(record.uniqueid)
            return
        call, status = channel.call, record.extra.get("dialstatus", "")
        if channel is call.customer:
            self._never_rang(channel, record)
            if status == "NOANSWER" and not channel.hung_up:
                self._give_up(call, record.at)
        elif not call.inbound and status not in ("", "ANSWER"):
            call.dial_status = call.dial_status or status
        self._unanswered(channel, record)
        self._book.hang_up(channel, record.at, causes.number(record.extra.get("hangupcause")))
        self._book.tell_ended(call, record.at)

    def _unanswered(self, channel: Channel, record: CelRecord) -> None:
        """A phone that refused, or was given up while the caller goes on: it rang for as long as it should."""
        call = channel.call
        leg = call.legs.get(channel.uid)
        if leg is None or not leg.ringing or not call.inbound:
            return
        if leg.refused is None:
            elsewhere = causes.number(record.extra.get("hangupcause")) == causes.Cause.ANSWERED_ELSEWHERE
            if elsewhere or call.picked_up_elsewhere(leg) or call.customer is None or call.customer.hung_up:
                return
        self._book.end_leg(call, leg, record.at, leg.unanswered(), leg.refused)
        call.nobody_found(record.at)

    def _give_up(self, call: Call, at: datetime) -> None:
        """The switch stops ringing phones of its own accord."""
        if call.answered_at is None or call.transfers:
            for leg in [leg for leg in call.legs.values() if leg.ringing and not call.picked_up_elsewhere(leg)]:
                self._book.end_leg(call, leg, at, leg.unanswered(), leg.refused)

    def _chan_end(self, record: CelRecord) -> None:
        """Should the hangup itself be missing."""
        channel = self._book.board.channels.get(record.uniqueid)
        if channel is not None:
            self._book.hang_up(channel, record.at, None)

    # ---------------------------------------------------------------------------------------------------- queues

    def _waiting(self, stint: Stint) -> Call | None:
        channel = self._book.board.channels.get(stint.uniqueid)
        return channel.call if channel is not None and channel is channel.call.customer else None

    def _join_queue(self, stint: Stint) -> None:
        call = self._waiting(stint)
        if call is None:
            return
        if stint.queue and (call.answered_at is None or call.queue is None):
            call.queue = stint.queue
        if stint.entered:
            call.look_for_somebody(stint.joined)
            call.in_queue = True

    def _leave_queue(self, stint: Stint, left: datetime) -> None:
        call = self._waiting(stint)
        if call is None or call.customer is None:
            return
        call.in_queue = False
        if stint.status and not call.customer.hung_up:
            self._give_up(call, left)
            call.nobody_found(left, causes.queue_result(stint.status))

    # ---------------------------------------------------------------------------------------------------- bridges

    def _bridge_enter(self, record: CelRecord) -> None:
        channel, bridge = self._known(record), record.extra.get("bridge_id")
        if channel is None or not bridge:
            return
        self._book.enter(channel, bridge, self._bridge_type(record), 0, record.at)

    def _bridge_type(self, record: CelRecord) -> str:
        if record.extra.get("bridge_technology") != "holding_bridge":
            return "basic"
        return "parking" if record.uniqueid in self._parking else "holding"

    def _bridge_exit(self, record: CelRecord) -> None:
        channel = self._known(record)
        if channel is not None and channel.bridge and channel.bridge.uid == record.extra.get("bridge_id"):
            self._book.leave(channel, record.at)

    def _park_start(self, record: CelRecord) -> None:
        if self._known(record) is not None:
            self._parking.add(record.uniqueid)

    # -------------------------------------------------------------------------------------------------- transfers

    def _blind_transfer(self, record: CelRecord) -> None:
        channel, call = self._transferred(record)
        if channel and call:
            to = record.extra.get("extension", "")
            self._book.transfer(call, PendingTransfer("blind", channel.line, to, record.at))

    def _attended_transfer(self, record: CelRecord) -> None:
        channel, call = self._transferred(record)
        if not channel or not call:
            return
        others = [leg for leg in call.legs.values() if leg.connected and leg.line != channel.line]
        target = record.extra.get("transfer_target_channel_name") or record.extra.get("app") or ""
        to = others[-1].line if others else causes.line_of(target)
        self._book.transfer(call, PendingTransfer("attended", channel.line, to, record.at, reached=bool(others)))

    def _transferred(self, record: CelRecord) -> tuple[Channel | None, Call | None]:
        channel = self._known(record)
        if channel is None:
            return None, None
        call = channel.call
        return channel, call if call.may_be_transferred_by(channel) else None

    # --------------------------------------------------------------------------------------------- applications

    def _app_start(self, record: CelRecord) -> None:
        """Dial says what is dialled; an agent may have typed something else."""
        channel = self._known(record)
        if channel is None or channel.call.inbound or record.app.lower() != "dial":
            return
        target = record.app_data.partition(",")[0]
        number = causes.dialled_in(target)
        outside = not {causes.endpoint(trunk) for trunk in self._trunks}.isdisjoint(re.split("[/@]", target))
        if outside and "&" not in target and causes.is_dialable(number):
            self._dialling[channel.call.uid] = number

    def _app_end(self, record: CelRecord) -> None:
        """Dial that made no channel found only phones that are not there; no dial status is written of that."""
        channel = self._known(record)
        if channel is None or record.app.lower() != "dial":
            return
        call = channel.call
        if channel is not call.customer or not call.inbound or call.missed is not None:
            return
        began = next((each.at for each in reversed(self._own[record.uniqueid]) if _begins(each, record)), record.at)
        others = (each for each in self._records if each.event == "CHAN_START" and each.uniqueid != record.uniqueid)
        if not any(began <= each.at <= record.at for each in others):
            call.nobody_found(record.at, causes.missed_result({LegResult.FAILED}))

    def _user_defined(self, record: CelRecord) -> None:
        """What the dial plan noted with CELGenUserEvent."""
        channel = self._known(record)
        note = record.extra.get("extra", "")
        if channel is None or not note:
            return
        call = channel.call
        if record.user_event == "CRM_CALL_ID":
            self._click_to_call(call, record)
        elif record.user_event == "CRM_PRES" and channel is call.customer and call.inbound:
            call.withheld = call.withheld or "prohib" in note.lower()


def _begins(record: CelRecord, end: CelRecord) -> bool:
    """Is it where the application began that ended there?"""
    return record.event == "APP_START" and record.app == end.app and record.at <= end.at


def _partly_known(call: CallSummary) -> CallSummary:
    """Of a call whose beginning is not in these books, what hangs on the beginning is not told: less is no lie."""
    result = call.result if call.result in (Result.ANSWERED, Result.LOST) else None
    hangup_by = call.hangup_by if call.hangup_by is HungUpBy.CUSTOMER else None
    return replace(call, result=result, hangup_by=hangup_by, cause=call.cause if result is Result.ANSWERED else None)
