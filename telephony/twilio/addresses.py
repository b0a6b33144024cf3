"""Our addresses, as Twilio is given them. What follows `#` is for Twilio alone: how often, and after what, it tries again."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.twilio.webhooks import Kind

PREFIX = "/twilio"
# whoever waits for an answer waits: one more try, soon. What only tells may be told late.
_ANSWERED = "#ct=2000&rt=5000&rc=2&rp=5xx,ct,rt"
_TOLD = "#ct=2000&rt=3000&rc=4&rp=5xx,ct,rt"


@dataclass(frozen=True, slots=True)
class Addresses:
    """`base`: where Twilio reaches us. Nothing in a path needs an escape: what is escaped may come back otherwise written."""

    base: str
    switch: str

    def path(self, kind: Kind, *parts: str | int) -> str:
        return "/".join((PREFIX, self.switch, kind.value, *(str(part) for part in parts)))

    def url(self, kind: Kind, *parts: str | int) -> str:
        told = kind in (Kind.STATUS, Kind.LEG, Kind.CONFERENCE, Kind.RECORDING)
        return f"{self.base}{self.path(kind, *parts)}{_TOLD if told else _ANSWERED}"

    def leg(self, root: str, label: str, by: str = "") -> str:
        """`by`: the line that wanted this leg."""
        return self.url(Kind.LEG, root, label, *([by.replace("/", "~")] if by else []))
