"""A switch that only remembers what it was asked."""

from __future__ import annotations

from telephony.commands import Answer, Hangup, Originate, Pause
from telephony.errors import SwitchError, SwitchRefused


class FakeSwitch:
    """A `Switch` in memory. `refuse_with` is raised, once for each command, by whatever is asked next."""

    def __init__(self, name: str = "fake", *, can_answer: bool = True) -> None:
        self.name, self.can_answer = name, can_answer
        self.commands: list[Originate | Hangup | Answer | Pause] = []
        self.refuse_with: SwitchError | None = None
        self.closed = False

    def originate(self, command: Originate) -> None:
        self._take(command)

    def hangup(self, command: Hangup) -> None:
        self._take(command)

    def answer(self, command: Answer) -> None:
        if not self.can_answer:
            raise SwitchRefused("This telephone system cannot answer for a phone")
        self._take(command)

    def pause(self, command: Pause) -> None:
        self._take(command)

    def close(self) -> None:
        self.closed = True

    def _take(self, command: Originate | Hangup | Answer | Pause) -> None:
        if self.refuse_with is not None:
            raise self.refuse_with
        self.commands.append(command)
