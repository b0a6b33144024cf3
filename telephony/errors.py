"""What can go wrong with a switch: one family, whose reasons are safe to show to a user."""

from __future__ import annotations


class SwitchError(Exception):
    """Anything that a switch can do wrong; `reason` is safe to show to a user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadValue(SwitchError, ValueError):
    """A value that must never reach a switch (line breaks, NUL, letters in a number ...). `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class SwitchUnavailable(SwitchError):
    """No connection, or no answer in time: whether the command took effect is not known."""


class SwitchRefused(SwitchError):
    """The switch answered, and said no."""
