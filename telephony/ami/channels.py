"""Who is connected with whom right now: channels, bridges, and Local channels looked through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from telephony.ami.causes import is_plumbing, line_of, pair_of

if TYPE_CHECKING:
    from telephony.ami.calls import Call

_BY_SWITCH = re.compile(r"(.+-)?\d+\.\d+")  # a Uniqueid that Asterisk made itself
CONVERSATIONS = frozenset({"basic", "base"})  # bridge types in which people hear each other; not parking, not holding


class Role(Enum):
    TRUNK = "trunk"  # the outside world
    PHONE = "phone"  # one of ours
    PLUMBING = "plumbing"


@dataclass(slots=True, eq=False)
class Bridge:
    uid: str
    type: str
    crowd: int = 0  # as the switch counts: also channels that we have never heard of, and hidden ones
    members: dict[str, Channel] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Channel:
    """`calling`: it called in (born in state Ring), else the switch called it; None when its birth was not seen."""

    uid: str
    name: str
    role: Role
    linkedid: str
    call: Call
    calling: bool | None = None
    whole: bool = True  # seen from its beginning
    exten: str = ""
    up: bool = False
    hung_up: bool = False  # its far end hung up or refused
    cause: int | None = None  # of its hangup
    bridge: Bridge | None = None
    visits: list[Call] = field(default_factory=list)  # calls of other groups that it joined, in a conference

    @property
    def line(self) -> str:
        return line_of(self.name)


def is_given(uid: str) -> bool:
    """Did the id come with an Originate of ours?"""
    return _BY_SWITCH.fullmatch(uid) is None


def role_of(name: str, trunks: frozenset[str]) -> Role:
    if is_plumbing(name):
        return Role.PLUMBING
    line = line_of(name)
    if line in trunks or any(line.startswith(f"{trunk}/") for trunk in trunks):  # DAHDI names numbers behind its spans
        return Role.TRUNK
    return Role.PHONE


class Switchboard:
    """The channels that are alive, and their bridges."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._named: dict[str, Channel] = {}
        self._bridges: dict[str, Bridge] = {}
        self._pairs: dict[str, dict[str, Channel]] = {}

    def add(self, channel: Channel) -> None:
        self.channels[channel.uid] = self._named[channel.name] = channel
        if channel.role is Role.PLUMBING and (pair := pair_of(channel.name)):
            self._pairs.setdefault(pair, {})[channel.uid] = channel

    def remove(self, channel: Channel) -> None:
        self.leave(channel)
        self.channels.pop(channel.uid, None)
        if self._named.get(channel.name) is channel:
            del self._named[channel.name]
        pair = pair_of(channel.name) if channel.role is Role.PLUMBING else None
        if pair and (halves := self._pairs.get(pair)):
            halves.pop(channel.uid, None)
            if not halves:
                del self._pairs[pair]

    def enter(self, channel: Channel, bridge_uid: str, bridge_type: str, crowd: int) -> Bridge:
        if channel.bridge is not None and channel.bridge.uid != bridge_uid:
            self.leave(channel)
        bridge = self._bridges.get(bridge_uid)
        if bridge is None:
            bridge = self._bridges[bridge_uid] = Bridge(bridge_uid, bridge_type)
        bridge.members[channel.uid] = channel
        bridge.crowd = crowd
        channel.bridge = bridge
        return bridge

    def leave(self, channel: Channel) -> None:
        bridge = channel.bridge
        if bridge is None:
            return
        channel.bridge = None
        bridge.members.pop(channel.uid, None)
        bridge.crowd = max(0, bridge.crowd - 1)
        if not bridge.members:
            self._bridges.pop(bridge.uid, None)

    def named(self, name: str) -> Channel | None:
        return self._named.get(name)

    def ids(self) -> set[str]:
        """Uniqueids and Linkedids."""
        return {*self.channels, *(channel.linkedid for channel in self.channels.values())}

    def bridge(self, uid: str) -> Bridge | None:
        return self._bridges.get(uid)

    def reachable(self, bridge: Bridge | None) -> list[Channel]:
        """All real channels that hear what is said in `bridge`, through Local pairs as far as they go."""
        if bridge is None or bridge.type not in CONVERSATIONS:
            return []
        found: list[Channel] = []
        seen, todo = {bridge.uid}, [bridge]
        for here in todo:
            for channel in here.members.values():
                if channel.role is not Role.PLUMBING:
                    found.append(channel)
                    continue
                for half in self._other_halves(channel):
                    there = half.bridge
                    if there is not None and there.uid not in seen and there.type in CONVERSATIONS:
                        seen.add(there.uid)
                        todo.append(there)
        return found

    def has_strangers(self, bridge: Bridge | None) -> bool:
        """Is somebody there of whom nothing was seen, or may be, behind a Local channel that was seen only in part?"""
        seen = {bridge.uid} if bridge else set()
        todo = [bridge] if bridge else []
        for here in todo:
            if here.crowd > max(1, len(here.members)):
                return True
            for half in here.members.values():
                if pair_of(half.name) is None:
                    continue
                others = list(self._other_halves(half))
                if not others or any(other.bridge is None and not other.whole for other in others):
                    return True
                there = [other.bridge for other in others if other.bridge and other.bridge.uid not in seen]
                seen |= {each.uid for each in there}
                todo += there
        return False

    def _other_halves(self, channel: Channel) -> Iterator[Channel]:
        pair = pair_of(channel.name)
        for half in self._pairs.get(pair, {}).values() if pair else ():
            if half is not channel:
                yield half
