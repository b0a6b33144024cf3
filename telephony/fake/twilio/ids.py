"""Identifiers from a seed: the same story has the same ones."""

from __future__ import annotations

from random import Random


class Sids:
    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def new(self, prefix: str) -> str:
        return f"{prefix}{self._dice.getrandbits(128):032x}"

    def token(self) -> str:
        """A UUID, as idempotency tokens are."""
        digits = f"{self._dice.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
