"""A leg's `channel`: what the rest of the product keeps without reading it, and hands back with a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

from telephony.errors import BadValue

_FORM = re.compile(r"Call/(CA[0-9a-f]{32})@([0-9A-Za-z-]{34,36})")


@dataclass(frozen=True, slots=True)
class Handle:
    """The root is the name of its room as well."""

    leg: str
    root: str

    def __str__(self) -> str:
        return f"Call/{self.leg}@{self.root}"

    @classmethod
    def of(cls, channel: str) -> Handle:
        """Raises BadValue."""
        found = _FORM.fullmatch(channel)
        if found is None:
            raise BadValue("channel", f"{channel!r:.60} is no leg of a call here")
        return cls(*found.groups())
