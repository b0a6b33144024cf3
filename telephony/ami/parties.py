"""Who is with whom now, from the list of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telephony.ami.frames import Frame
from telephony.errors import SwitchRefused


@dataclass(frozen=True, slots=True)
class Parties:
    """`others` share the agent's bridge."""

    channel: str
    others: tuple[str, ...]

    def partner(self) -> str:
        """Raises `SwitchRefused` where it is not one."""
        if len(self.others) != 1:
            raise SwitchRefused("Nobody is on the other side" if not self.others else "Several people are in this call")
        return self.others[0]


def parties_of(channel: str, listed: Iterable[Frame]) -> Parties:
    entries: list[Mapping[str, str]] = [entry for entry in listed if not entry.tainted]
    bridge = next((entry.get("BridgeId") for entry in entries if entry.get("Channel") == channel), None)
    if bridge is None:
        raise SwitchRefused("This phone is in no call any more")
    others = tuple(
        entry["Channel"]
        for entry in entries
        if bridge and entry.get("BridgeId") == bridge and entry.get("Channel", channel) != channel
    )
    return Parties(channel, others)
