"""AMI frames in, call events out. Pure: no clock, no I/O, no threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from telephony.ami import causes, members
from telephony.ami.callbook import CallBook
from telephony.ami.calls import Call, PendingTransfer
from telephony.ami.channels import Channel, Role, is_given
from telephony.ami.clicks import originate_response
from telephony.ami.frames import Frame
from telephony.ami.legs import Leg
from telephony.ami.sentry import Forgeries, Sentry
from telephony.ami.snapshot import Doubts, is_listed_talking, resync
from telephony.ami.taint import Taint
from telephony.ami.tickets import callback_requested
from telephony.ami.untrusted import is_id, party_name, text_of
from telephony.events import (
    CallEvent,
    LegResult,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    MemberPaused,
    MembersListed,
    QueueJoined,
    Resynced,
)

Headers = Mapping[str, str]

EPOCH = datetime.fromtimestamp(0, UTC)


class CallTracker:
    """Follows every call of one switch.

    A call is a customer call once its group (the channels of one Linkedid) has a trunk channel, or was begun by a
    click-to-call. CallEnded comes at the customer's hangup, and again when later frames complete its summary; of a
    customer whom we called and did not reach, when our own side is over too.

    A stream may begin in the middle of calls. Then
    - what is told is true, but may be less than all: a call whose beginning was not seen has no DID, may lack its
      queue, its first agents and their times, and its wait counts from where it was first seen;
    - an unknown channel becomes known by its Newchannel, by dialling or being dialled (DialBegin, AgentCalled), by
      joining a queue or a bridge. Every other frame of an unknown channel is passed over, so a call of which only the
      end is seen is no call here;
    - a result that hangs on what was not seen is None, never a guess;
    - a call is never told under another Linkedid than its own, and is open only as long as one of its channels is.

    What callers forge decides nothing about the calls of others (`telephony.ami.sentry`); what is told of a call whose
    own frames were forged is marked as `tainted`.
    """

    def __init__(self, trunks: Sequence[str] = ("PJSIP/trunk",)) -> None:
        self._book = CallBook(frozenset(trunks))
        self._now = EPOCH
        self._sentry = Sentry(lambda: self._book.board)
        self._taint = Taint(self._book)
        self.forgeries = Forgeries()
        self._doubts: frozenset[tuple[str, ...]] = frozenset()
        self._members: list[MemberEvent] = []
        self._handlers: dict[str, Callable[[Headers, datetime], None]] = {
            "Newchannel": self._newchannel,
            "Newstate": self._newstate,
            "NewCallerid": self._newcallerid,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "LocalBridge": self._local_bridge,
            "Pickup": self._pickup,
            "Hold": self._hold,
            "Unhold": self._unhold,
            "HangupRequest": self._hangup_request,
            "Hangup": self._hangup,
            "QueueCallerJoin": self._queue_join,
            # whom the queue lets go is told as an abandon first; who only leaves went by a key ("press 1")
            "QueueCallerLeave": lambda headers, at: self._queue_leave(headers, at, "EXITWITHKEY"),
            "QueueCallerAbandon": self._queue_leave,
            "AgentCalled": self._agent_called,
            "AgentConnect": self._queue_leave,
            "AgentRingNoAnswer": self._ring_no_answer,
            "BlindTransfer": self._blind_transfer,
            "AttendedTransfer": self._attended_transfer,
            "OriginateResponse": self._originate_response,
            "VarSet": self._varset,
            "Newexten": self._newexten,
            members.PAUSED: partial(self._member, MemberPaused),
            members.JOINED: partial(self._member, MemberJoined),
            members.LEFT: partial(self._member, MemberLeft),
            "UserEvent": lambda headers, at: callback_requested(self._book, headers, self._known(headers, at), at),
        }

    def feed(self, frame: Frame) -> list[CallEvent]:
        """What this frame tells that was not known before. Never raises, whatever the frame holds."""
        handler = self._handlers.get(frame.name)
        headers: Headers | None = None
        if handler is None:
            self._sentry.glance(frame)
        else:
            headers = self._sentry.read(frame)
        if forger := self._sentry.caught:
            self._accuse(forger)
        if handler is not None and headers is not None:
            self._now = frame.at or self._now
            handler(headers, self._now)
            if forger:
                self._accuse(forger)  # of whom only this frame tells
        return self._told()

    def _accuse(self, forger: str) -> None:
        self.forgeries = Forgeries(self._sentry.frames, self._now, self._taint.accuse(forger, self._now))

    def flush(self) -> list[CallEvent]:
        """The recording is over: calls that are still open are lost (answered ones stay answered)."""
        self._book.clear(self._now)
        return self._told()

    def resync(
        self, channels: Sequence[Frame], queues: Sequence[Frame], at: datetime, restarted: bool, unbroken: bool = False
    ) -> list[CallEvent | Resynced]:
        """`channels` and `queues` are what CoreShowChannels and QueueStatus listed at `at`.

        Live calls that were not known are adopted; known ones that vanished end as lost (or answered, if they were),
        and all of them when the switch itself was restarted. `unbroken`: on a connection that stood since the last
        time, so that all events were heard; then only what was listed the last time too is believed.
        """
        self._sentry.reset()
        if restarted:
            self._book.clear(self._now)
        doubts = Doubts(self._doubts if unbroken else None)
        listed = [entry for frame in channels if (entry := self._sentry.entry(frame)) is not None]
        resync(self._book, listed, queues, at, doubts, heard=self._now)
        self._doubts = doubts.open
        self._now = max(self._now, at)
        talking = frozenset(
            call.uid for call in self._book.calls.values() if call.open and is_listed_talking(call, listed)
        )
        told = Resynced(at=at, open_uids=self.open_uids(), restarted=restarted, talking_uids=talking)
        if queues:  # else the switch has no queues, or did not tell
            self._members.append(MembersListed(at=at, members=members.listed(queues), restarted=restarted))
        return [*self._told(), told]

    def members(self) -> list[MemberEvent]:
        """What was told of phones in queues since the last time; no call hangs on it."""
        told, self._members = self._members, []
        return told

    def open_uids(self) -> frozenset[str]:
        return frozenset(call.uid for call in self._book.calls.values() if call.open)

    def _told(self) -> list[CallEvent]:
        self._taint.tell(self._now)
        out = self._book.out
        if not out:
            return []
        self._book.out = []
        return [self._taint.mark(event) for event in out]

    # whose frame it is

    def _known(self, headers: Headers, at: datetime, prefix: str = "") -> Channel | None:
        """The frame's channel if it is known, in the group that the frame shows it in."""
        channel = self._book.board.channels.get(headers.get(prefix + "Uniqueid", ""))
        if channel is None:
            return None
        linkedid = headers.get(prefix + "Linkedid")
        if is_id(linkedid) and linkedid != channel.linkedid:
            self._book.regroup(channel, linkedid, at)
        return channel

    def _party(self, headers: Headers, at: datetime, prefix: str = "") -> Channel | None:
        """The frame's channel, adopted if it is not known: the frame proves that it is alive."""
        channel = self._known(headers, at, prefix)
        if channel is not None:
            return channel
        uid, name = headers.get(prefix + "Uniqueid"), headers.get(prefix + "Channel")
        linkedid = headers.get(prefix + "Linkedid")
        if not name or not (is_id(uid) and is_id(linkedid)) or uid in self._book.departed:
            return None
        channel = self._book.add(uid, name, linkedid, at, adopted=True)
        if headers.get(prefix + "ChannelStateDesc") == "Up":
            self._book.picked_up(channel, at)
        self._introduce(channel, headers, at, prefix)
        return channel

    def _introduce(self, channel: Channel, headers: Headers, at: datetime, prefix: str = "") -> None:
        call = channel.call
        if channel is call.customer:
            if not (call.number or call.originated):
                call.number = text_of(headers.get(prefix + "CallerIDNum"))
                call.name = party_name(headers.get(prefix + "CallerIDName"))
            self._book.announce(call, at)
        self._book.restate(call, at)

    # channels

    def _newchannel(self, headers: Headers, at: datetime) -> None:
        uid, name = headers.get("Uniqueid"), headers.get("Channel")
        if not name or not is_id(uid) or uid in self._book.departed or self._known(headers, at) is not None:
            return
        calling = headers.get("ChannelStateDesc") == "Ring"
        # who calls in begins a group of his own, whatever he writes
        linkedid = headers.get("Linkedid")
        if not is_id(linkedid) or (calling and self._book.is_trunk(name)):
            linkedid = uid
        channel = self._book.add(uid, name, linkedid, at, calling=calling)
        channel.exten = headers.get("Exten", "")
        call = channel.call
        if channel is call.customer:
            if call.inbound:
                call.did = call.did or (channel.exten if channel.exten != "s" else None)
            elif not call.number:
                call.number = call.typed
        elif not channel.calling and channel.uid == channel.linkedid and is_given(uid):
            self._book.click_to_call(call, at)
        self._introduce(channel, headers, at)

    def _newstate(self, headers: Headers, at: datetime) -> None:
        channel = self._known(headers, at)
        if channel is None:
            return
        state, call = headers.get("ChannelStateDesc"), channel.call
        leg = call.legs.get(channel.uid)
        if state == "Up":
            self._book.picked_up(channel, at)
            if leg is not None:
                leg.alive = True
                leg.picked_up_at = leg.picked_up_at or (at if leg.rang_at else None)
        elif state == "Ringing" and leg is not None:
            leg.alive = leg.sounded = True
            if channel.calling is False:
                self._book.ring(call, leg, at)

    def _newcallerid(self, headers: Headers, at: datetime) -> None:
        channel = self._known(headers, at)
        if channel is None:
            return
        call, number = channel.call, text_of(headers.get("CallerIDNum"))
        first_leg = channel.uid == channel.linkedid and not (channel.calling or channel.up)
        if not call.number and not call.inbound and (channel is call.customer or first_leg):
            call.number = number
        if channel is call.customer and call.inbound and not call.name:
            call.name = party_name(headers.get("CallerIDName"))
        self._book.restate(call, at)

    def _hangup_request(self, headers: Headers, at: datetime) -> None:
        channel = self._known(headers, at)
        if channel is None or channel.role is Role.PLUMBING:
            return
        if leg := channel.call.legs.get(channel.uid):
            leg.alive = True
        channel.call.far_end_hung_up(channel, causes.number(headers.get("Cause")) or 0)

    def _hangup(self, headers: Headers, at: datetime) -> None:
        channel = self._known(headers, at)
        if channel is not None:
            self._book.hang_up(channel, at, causes.number(headers.get("Cause")))
        else:
            self._book.departed.note(headers.get("Uniqueid", ""))

    # dialling

    def _dial_begin(self, headers: Headers, at: datetime) -> None:
        caller = self._party(headers, at)
        dialled = self._party(headers, at, "Dest")
        if caller is not None and caller.role is Role.PLUMBING and caller.bridge is None:
            self._book.is_alone(caller, at)
        if dialled is None:
            return
        call = dialled.call
        leg = call.legs.get(dialled.uid)
        if dialled.role is Role.TRUNK and not call.inbound and leg is None:
            self._dial_customer(call, dialled, headers, at)
        elif leg is not None:
            if caller is not None and caller is call.customer:
                call.notice_redirect(leg, at)
            self._book.ring(call, leg, at, call.queue if call.in_queue else None)

    def _dial_customer(self, call: Call, dialled: Channel, headers: Headers, at: datetime) -> None:
        call.waiting_since = call.waiting_since or at
        number = causes.dialled_in(headers.get("DialString", ""))
        if not causes.is_dialable(number):
            return
        dialled.exten = number
        if dialled is call.customer and not call.originated:
            call.number = number
        self._book.restate(call, at)

    def _dial_end(self, headers: Headers, at: datetime) -> None:
        dialled = self._known(headers, at, "Dest")
        status = headers.get("DialStatus", "")
        if dialled is None or not status:
            return
        call = dialled.call
        leg = call.legs.get(dialled.uid)
        if dialled is call.customer or dialled is call.last_customer:
            call.dial_status = call.dial_status or status
            self._book.tell_ended(call, at)
        elif leg is not None:
            self._leg_dialled(call, leg, "FORWARD" if headers.get("Forward") else status, at)

    def _leg_dialled(self, call: Call, leg: Leg, status: str, at: datetime) -> None:
        if status == "ANSWER":
            leg.alive = True
            leg.picked_up_at = leg.picked_up_at or at
            return
        if leg.picked_up_at is not None:
            return
        if status == "CANCEL":
            leg.cancelled = True
            result = call.cancelled(leg)
            caller_left = call.customer is not None and call.customer.hung_up
            if result is LegResult.CANCELLED and not caller_left:
                return  # the winner of a ring group is told after the losers
        elif status == "BUSY":
            result = causes.refusal(leg.refused) or LegResult.BUSY
        elif status == "FORWARD":  # its owner sends calls elsewhere, at once or after a while
            result = LegResult.NO_ANSWER if leg.sounded else LegResult.DECLINED
        else:
            result = leg.unanswered() if status == "NOANSWER" else LegResult.FAILED
        self._book.end_leg(call, leg, at, result, leg.refused)
        call.nobody_found(at)

    def _pickup(self, headers: Headers, at: datetime) -> None:
        """A colleague takes the call from a phone that rings. Who that is, the bridge tells."""
        ringing = self._known(headers, at, "Target")
        if ringing is not None and (leg := ringing.call.legs.get(ringing.uid)):
            ringing.call.taken_at = at
            self._book.end_leg(ringing.call, leg, at, LegResult.ANSWERED_ELSEWHERE)

    # queues

    def _queue_join(self, headers: Headers, at: datetime) -> None:
        channel, queue = self._party(headers, at), headers.get("Queue")
        if channel is None or not queue or channel is not channel.call.customer:
            return
        call = channel.call
        if call.answered_at is None or call.queue is None:
            call.queue = queue
        call.look_for_somebody(at)
        call.in_queue = True
        if call.open:
            position = causes.number(headers.get("Position"))
            self._book.out.append(QueueJoined(uid=call.uid, at=at, queue=queue, position=position))

    def _queue_leave(self, headers: Headers, at: datetime, why: str = "TIMEOUT") -> None:
        channel = self._known(headers, at)
        if channel is not None and channel is channel.call.customer and channel.call.in_queue:
            channel.call.in_queue = False
            channel.call.nobody_found(at, None if channel.hung_up else causes.queue_result(why))

    def _agent_called(self, headers: Headers, at: datetime) -> None:
        caller = self._party(headers, at)
        dialled = self._party(headers, at, "Dest")
        if dialled is None:
            return
        call, queue = dialled.call, headers.get("Queue")
        if caller is call.customer and call.queue is None:
            call.queue = queue
        if leg := call.legs.get(dialled.uid):
            self._book.ring(call, leg, at, queue)

    def _ring_no_answer(self, headers: Headers, at: datetime) -> None:
        dialled = self._known(headers, at, "Dest")
        if dialled is not None and (leg := dialled.call.legs.get(dialled.uid)):
            self._leg_dialled(dialled.call, leg, "NOANSWER", at)

    # bridges

    def _bridge_enter(self, headers: Headers, at: datetime) -> None:
        channel, bridge = self._party(headers, at), headers.get("BridgeUniqueid")
        if channel is None or not bridge:
            return
        if swapped := self._book.board.channels.get(headers.get("SwapUniqueid", "")):
            self._book.leave(swapped, at)
        crowd = causes.number(headers.get("BridgeNumChannels")) or 0
        self._book.enter(channel, bridge, headers.get("BridgeType", ""), crowd, at)

    def _bridge_leave(self, headers: Headers, at: datetime) -> None:
        channel = self._known(headers, at)
        if channel is not None and channel.bridge and channel.bridge.uid == headers.get("BridgeUniqueid"):
            self._book.leave(channel, at)

    def _local_bridge(self, headers: Headers, at: datetime) -> None:
        """Told when they were just made."""
        for half in (self._party(headers, at, "LocalOne"), self._party(headers, at, "LocalTwo")):
            if half is not None and half.bridge is None:
                half.whole = True

    def _hold(self, headers: Headers, at: datetime) -> None:
        if channel := self._known(headers, at):
            self._book.hold(channel, at, True)

    def _unhold(self, headers: Headers, at: datetime) -> None:
        if channel := self._known(headers, at):
            self._book.hold(channel, at, False)

    # transfers

    def _blind_transfer(self, headers: Headers, at: datetime) -> None:
        transferer, call = self._transferers(headers, at, "Transferer")
        if call and transferer and headers.get("Result") == "Success":
            self._book.transfer(call, PendingTransfer("blind", transferer.line, headers.get("Extension", ""), at))

    def _attended_transfer(self, headers: Headers, at: datetime) -> None:
        transferer, call = self._transferers(headers, at, "OrigTransferer")
        if not call or not transferer or headers.get("Result") != "Success":
            return
        others = [leg for leg in call.legs.values() if leg.connected and leg.line != transferer.line]
        waiting = [leg.line for leg in call.legs.values() if leg.ringing]  # completed before the new party answers
        target = headers.get("TransferTargetChannel") or headers.get("DestApp") or ""
        to = others[-1].line if others else waiting[-1] if waiting else causes.line_of(target)
        self._book.transfer(call, PendingTransfer("attended", transferer.line, to, at, reached=bool(others)))

    def _transferers(self, headers: Headers, at: datetime, prefix: str) -> tuple[Channel | None, Call | None]:
        """Who transferred, and the customer call that was transferred (None if the customer is who transferred)."""
        transferer = self._known(headers, at, prefix)
        if transferer is None:
            return None, None
        call = transferer.call
        return transferer, call if call.may_be_transferred_by(transferer) else None

    def _member(self, told: type[MemberPaused | MemberJoined | MemberLeft], headers: Headers, at: datetime) -> None:
        if (member := members.member_of(headers)) is not None:
            self._members.append(told(at=at, member=member))

    def _originate_response(self, headers: Headers, at: datetime) -> None:
        originate_response(self._book, headers, self._known(headers, at), at)

    # variables and applications

    def _varset(self, headers: Headers, at: datetime) -> None:
        variable = headers.get("Variable", "").lstrip("_")
        if variable not in ("QUEUESTATUS", "DIALSTATUS", "CRM_PRES", "CRM_CALL_ID"):
            return
        channel, value = self._known(headers, at), headers.get("Value", "")
        if channel is None or not value:
            return
        call = channel.call
        if variable == "CRM_CALL_ID":
            self._book.click_to_call(call, at)
        elif channel is not call.customer or not call.inbound:
            return
        elif variable == "CRM_PRES":
            call.withheld = call.withheld or "prohib" in value.lower()
            self._book.restate(call, at)
        elif variable == "QUEUESTATUS":
            call.in_queue = False
            call.nobody_found(at, causes.queue_result(value))
        elif value in ("CHANUNAVAIL", "CONGESTION") and call.missed is None:
            call.nobody_found(at, causes.missed_result({LegResult.FAILED}))

    def _newexten(self, headers: Headers, at: datetime) -> None:
        """A queue that nobody can join (join-empty) is named nowhere else."""
        if headers.get("Application") != "Queue":
            return
        channel = self._known(headers, at)
        if channel is not None and channel is channel.call.customer and channel.call.queue is None:
            channel.call.queue = headers.get("AppData", "").partition(",")[0] or None
