"""The calls of one switch: which channel belongs to which, and what there is to tell when something changes."""

from __future__ import annotations

from datetime import datetime

from telephony.ami.calls import Call, PendingTransfer
from telephony.ami.channels import Bridge, Channel, Role, Switchboard, role_of
from telephony.ami.departed import Departed
from telephony.ami.legs import Clock, Leg, latest
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallHeld,
    CallResumed,
    CallsMerged,
    CallStarted,
    LegAsked,
    LegEnded,
    LegResult,
    LegRinging,
)


class CallBook:
    """Changes are made by its methods; what they amount to is collected in `out`."""

    def __init__(self, trunks: frozenset[str]) -> None:
        self.board = Switchboard()
        self.calls: dict[str, Call] = {}  # by every Linkedid that leads to them
        self.out: list[CallEvent] = []
        self._trunks = trunks
        self.departed = Departed()

    def all_calls(self) -> list[Call]:
        return list({id(call): call for call in self.calls.values()}.values())

    def is_trunk(self, channel: str) -> bool:
        return role_of(channel, self._trunks) is Role.TRUNK

    def clear(self, at: datetime) -> None:
        """Everything that was is over; calls that are open are lost."""
        for call in self.all_calls():
            self.lose(call, at, at)
        for uid in (*self.calls, *self.board.channels):
            self.departed.note(uid)
        self.board, self.calls = Switchboard(), {}

    # channels come, change their group, go

    def add(
        self, uid: str, name: str, linkedid: str, at: datetime, *, calling: bool | None = None, adopted: bool = False
    ) -> Channel:
        """A channel that was not known joins the group of its Linkedid."""
        call = self._group(linkedid, at)
        channel = Channel(uid, name, role_of(name, self._trunks), linkedid, call, calling, whole=not adopted)
        self.board.add(channel)
        self._join(call, channel, at, adopted)
        return channel

    def _group(self, linkedid: str, at: datetime) -> Call:
        call = self.calls.get(linkedid)
        if call is None:
            call = self.departed.come_late(linkedid) or Call(linkedid, linkedid, keys={linkedid}, started_at=at)
            self.calls[linkedid] = call
            call.keys.add(linkedid)
        return call

    def _join(self, call: Call, channel: Channel, at: datetime, adopted: bool = False) -> None:
        call.channels[channel.uid] = channel
        channel.call = call
        call.adopted = call.adopted or adopted
        if channel.role is Role.PLUMBING:
            call.through_local = call.through_local or channel.uid == call.linkedid
            return
        if channel.role is Role.TRUNK and call.is_begun_by(channel):
            call.demote()
        if channel.role is Role.TRUNK and call.is_with(channel):
            call.customer = call.last_customer = channel
            if call.inbound is None:
                call.inbound = channel.uid == channel.linkedid and channel.calling is not False
            call.dial_status = call.unreached_at = call.reached_at = None
            call.ended_at = call.told = None
            return
        if channel.role is Role.TRUNK and call.has_reserves:
            return
        call.legs.setdefault(channel.uid, Leg(channel.uid, channel.line, channel.name))
        if call.agent is None and channel.role is Role.PHONE and call.is_placed_by(channel):
            call.agent = channel.line

    def picked_up(self, channel: Channel, at: datetime) -> None:
        """By somebody, or by the dial plan."""
        channel.up = True
        if channel is channel.call.customer:
            channel.call.reached(at)

    def _promote(self, call: Call, at: datetime) -> bool:
        """Another number that was dialled with it takes the place of the one that ended unanswered."""
        for channel in call.channels.values():
            if channel.role is Role.TRUNK and call.has_reserves and channel.uid not in call.legs:
                call.customer = call.last_customer = channel
                call.number = call.number if call.originated else channel.exten or call.number
                if channel.up:
                    self.picked_up(channel, at)
                self.restate(call, at)
                self.settle(call, at)
                return True
        return False

    def regroup(self, channel: Channel, linkedid: str, at: datetime) -> None:
        """Channels of two groups were joined: the switch shows it by another Linkedid (the older one) of a channel."""
        channel.linkedid = linkedid
        source, target = channel.call, self._group(linkedid, at)
        if target is source:
            return
        if channel is not source.customer:
            self._move(channel, source, target, at)
        elif target.open:
            self._absorb(target, source, at)
        elif target.ended_at is None:
            self._absorb(source, target, at)
            self._rename(source, target, at)
        self.settle(channel.call, at)

    def _move(self, channel: Channel, source: Call, target: Call, at: datetime) -> None:
        del source.channels[channel.uid]
        leg = source.legs.get(channel.uid)
        if leg is not None and not (source.exists and source.takes_part(leg)):
            del source.legs[channel.uid]
            target.legs[channel.uid] = leg
            if target.open and leg.ringing:
                self._tell_ringing(target, leg, at)
        self._join(target, channel, at)
        if source.unreached_at and not source.may_be_dialled_again:
            self.end(source, at)
        if not source.channels:
            self._forget(source, at)

    def _absorb(self, survivor: Call, other: Call, at: datetime) -> None:
        for uid, leg in other.legs.items():
            survivor.legs.setdefault(uid, leg)
        for channel in list(other.channels.values()):
            self._join(survivor, channel, at)
        for key in other.keys:
            self.calls[key] = survivor
        survivor.keys |= other.keys
        survivor.tainted = survivor.tainted or other.tainted
        if other.exists and survivor.exists:
            self.out.append(CallsMerged(uid=survivor.uid, at=at, merged=other.uid))

    def _rename(self, call: Call, older: Call, at: datetime) -> None:
        merged, call.uid, call.linkedid = call.uid, older.uid, older.linkedid
        if call.exists:
            self._tell_started(call, at)
            self.out.append(CallsMerged(uid=call.uid, at=at, merged=merged))

    def hang_up(self, channel: Channel, at: datetime, cause: int | None) -> None:
        call = channel.call
        channel.cause = cause
        self.leave(channel, at)
        self.board.remove(channel)
        self.departed.note(channel.uid)
        call.channels.pop(channel.uid, None)
        for visited in (call, *channel.visits):
            leg = visited.legs.get(channel.uid)
            if leg is not None and leg.ended_at is None:
                visited.origin_cause = cause
                self.end_leg(visited, leg, at, visited.why_gone(leg, cause), cause)
        if channel is call.customer:
            call.customer = None
            if not self._promote(call, at):
                self._customer_gone(call, at)
        elif call.unreached_at and not call.may_be_dialled_again:
            self.end(call, at)
        if not call.channels:
            self._forget(call, at)

    def _customer_gone(self, call: Call, at: datetime) -> None:
        """Receivers take an end for final, so it is not told while a second trunk may be tried for the first."""
        if call.open and call.may_be_dialled_again:
            call.unreached_at = at
        else:
            self.end(call, at)

    def _forget(self, call: Call, at: datetime) -> None:
        if call.open:
            self.end(call, at)
        if call.originated and call.agent and call.last_customer is None:
            self.departed.failed(call.agent, at)
        self.tell_ended(call, at)
        for key in call.keys:
            if self.calls.get(key) is call:
                del self.calls[key]
            if call.exists:
                self.departed.note(key)

    # telling

    def click_to_call(self, call: Call, at: datetime) -> None:
        if not call.inbound:
            call.originated = True
            self.announce(call, at)

    def announce(self, call: Call, at: datetime) -> None:
        """The group is known to be a customer call, from now on at the latest."""
        if call.exists:
            return
        call.exists = True
        call.inbound = bool(call.inbound)
        self.restate(call, at)
        for leg in call.legs.values():
            if leg.ringing:
                self._tell_ringing(call, leg, at)

    def restate(self, call: Call, at: datetime) -> None:
        """Tell the call's identity, if it is not what was told before."""
        if call.open and call.stated != call.identity:
            self._tell_started(call, at)

    def _tell_started(self, call: Call, at: datetime) -> None:
        call.stated = call.identity
        self.out.append(
            CallStarted(
                uid=call.uid,
                at=at,
                direction=call.direction,
                customer=call.caller,
                did=call.did,
                line=None if call.inbound else call.agent,
                linkedid=call.linkedid,
            )
        )

    def ring(self, call: Call, leg: Leg, at: datetime, queue: str | None = None) -> None:
        if leg.rang_at is not None or leg.ended_at is not None:
            leg.queue = leg.queue or queue
            return
        call.look_for_somebody(at)
        leg.rang_at, leg.queue = at, queue
        if call.open:
            self._tell_ringing(call, leg, at)

    def _tell_ringing(self, call: Call, leg: Leg, at: datetime) -> None:
        self.out.append(
            LegRinging(uid=call.uid, at=at, leg=leg.uid, line=leg.line, channel=leg.channel, queue=leg.queue)
        )

    def end_leg(self, call: Call, leg: Leg, at: datetime, result: LegResult, cause: int | None = None) -> None:
        if leg.ended_at is not None:
            return
        leg.connected = False
        leg.tick(at)
        leg.ended_at, leg.result = latest(at, leg.rang_at, leg.answered_at), result
        if call.exists and call.takes_part(leg) and not leg.reported:
            leg.reported = True
            self.out.append(LegEnded(uid=call.uid, at=at, leg=leg.uid, line=leg.line, result=result, cause=cause))

    def end(self, call: Call, at: datetime) -> None:
        """The customer's side is over, and with it every phone's part."""
        if not call.open:
            return
        call.nobody_found(at)
        for leg in call.legs.values():
            self.end_leg(call, leg, at, call.why_gone(leg, None))
        call.nobody_found(at)
        call.in_queue = False
        call.tick(at, Clock.OFF)
        call.ended_at = latest(call.unreached_at or at, call.started_at, call.answered_at)
        self.tell_ended(call, at)

    def tell_ended(self, call: Call, at: datetime) -> None:
        """Tell the summary, if it is not what was told before."""
        if call.ended_at is None:
            return
        summary = call.summary()
        if summary != call.told:
            call.told = summary
            self.out.append(CallEnded(uid=call.uid, at=at, summary=summary))

    def lose(self, call: Call, at: datetime, heard: datetime) -> None:
        """Nobody saw how it ended (or only how the customer's side did); talk is counted up to when the switch was heard
        last."""
        if not call.open:
            return
        call.tick(heard, Clock.OFF)
        for leg in call.legs.values():
            leg.connected = False
            leg.tick(heard)
        call.lost = call.unreached_at is None
        self.end(call, at)

    # bridges

    def enter(self, channel: Channel, bridge_uid: str, bridge_type: str, crowd: int, at: datetime) -> None:
        before = channel.bridge
        bridge = self.board.enter(channel, bridge_uid, bridge_type, crowd)
        if before is not None and before is not bridge:
            self._settle_around(before, at)
        if channel is channel.call.customer:
            self._park(channel.call, at, bridge_type == "parking")
            self.settle(channel.call, at)
        self._settle_around(bridge, at)
        self._tell_asked(bridge, at)

    def _tell_asked(self, bridge: Bridge, at: datetime) -> None:
        there = list(self.board.reachable(bridge))
        if any(channel is channel.call.customer for channel in there):
            return
        parts = [(channel.call, leg) for channel in there if (leg := channel.call.legs.get(channel.uid))]
        if not any(leg.answered_at for _, leg in parts):
            return
        for call, leg in parts:
            if call.open and leg.rang_at and not (leg.answered_at or leg.asked_at or leg.ended_at):
                leg.asked_at = at
                self.out.append(LegAsked(uid=call.uid, at=at, leg=leg.uid, line=leg.line))

    def _park(self, call: Call, at: datetime, parked: bool) -> None:
        if parked and not call.parked and call.open and call.last_leg is not None:
            leg = call.last_leg
            self.out.append(CallHeld(uid=call.uid, at=at, leg=leg.uid, line=leg.line))
        call.parked = parked

    def leave(self, channel: Channel, at: datetime) -> None:
        bridge = channel.bridge
        if bridge is None:
            return
        affected = [c.call for c in self.board.reachable(bridge) if c is c.call.customer]
        if channel is channel.call.customer and channel.call not in affected:
            affected.append(channel.call)
        self.board.leave(channel)
        for call in affected:
            self.settle(call, at)

    def _settle_around(self, bridge: Bridge, at: datetime) -> None:
        for channel in self.board.reachable(bridge):
            if channel is channel.call.customer:
                self.settle(channel.call, at)

    def is_alone(self, half: Channel, at: datetime) -> None:
        """Of a Local channel that dials: so nobody is with it, whatever was not seen of it."""
        half.whole, call = True, half.call
        customer = call.customer
        if call.presumed and customer and customer.bridge and not self.board.has_strangers(customer.bridge):
            call.presumed, call.answered_at = False, None
            self.settle(call, at)

    def settle(self, call: Call, at: datetime) -> None:
        """Draw the conclusions from who is in the customer's bridge now."""
        customer = call.customer
        if customer is None:
            return
        company = {c.uid: c for c in self.board.reachable(customer.bridge) if c is not c.call.customer}
        for leg in call.legs.values():
            if leg.connected and leg.uid not in company:
                leg.connected = False
                leg.tick(at)
        for channel in company.values():
            self._connect(call, channel, at)
        call.with_strangers = call.adopted and self.board.has_strangers(customer.bridge)
        if not company and call.has_unknown_company:
            call.presumed = call.presumed or call.answered_at is None
            call.answered_at = call.answered_at or latest(at, call.started_at)
        call.tick(at, call.clock_now())

    def _connect(self, call: Call, channel: Channel, at: datetime) -> None:
        leg = call.legs.get(channel.uid)
        if leg is None:
            leg = call.legs[channel.uid] = Leg(channel.uid, channel.line, channel.name)
            channel.visits.append(call)
        if leg.connected:
            return
        leg.connected, leg.ended_at, leg.result = True, None, None
        leg.tick(at)
        call.last_leg = leg
        if leg.answered_at is None:
            leg.answered_at = latest(at, leg.rang_at, call.started_at)
            leg.picked_up_at = leg.picked_up_at or at
            call.answered_at = call.answered_at or leg.answered_at
            if call.open:
                self.out.append(CallAnswered(uid=call.uid, at=at, leg=leg.uid, line=leg.line, channel=leg.channel))

    def hold(self, channel: Channel, at: datetime, held: bool) -> None:
        call = channel.call
        leg = call.legs.get(channel.uid)
        if leg is None or leg.held is held or leg.ended_at is not None:
            return
        leg.held = held
        leg.tick(at)
        self.settle(call, at)
        if call.open and leg.connected:
            kind = CallHeld if held else CallResumed
            self.out.append(kind(uid=call.uid, at=at, leg=leg.uid, line=leg.line))

    def transfer(self, call: Call, transfer: PendingTransfer) -> None:
        call.transfers.append(transfer)
        self.tell_ended(call, transfer.at)
