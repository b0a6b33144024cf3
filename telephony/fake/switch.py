"""A switch that only remembers what it was asked."""

from __future__ import annotations

from telephony.commands import (
    Answer,
    Ask,
    Cancel,
    Complete,
    Drop,
    Echo,
    Hangup,
    Hold,
    Join,
    Look,
    Mute,
    Originate,
    Park,
    Pause,
    PhoneState,
    Rescue,
    Resume,
    Retrieve,
    SendDigits,
    Swap,
    Transfer,
)
from telephony.errors import SwitchError, SwitchRefused

Command = (
    Originate | Cancel | Hangup | Answer | Pause | Mute | SendDigits | Hold | Resume | Transfer | Complete | Swap | Join | Drop
    | Park | Rescue | Retrieve | Echo
)  # fmt: skip


class FakeSwitch:
    """A `Switch` in memory. `refuse_with` is raised, once for each command, by whatever is asked next."""

    def __init__(self, name: str = "fake", *, can_answer: bool = True) -> None:
        self.name, self.can_answer = name, can_answer
        self.commands: list[Command] = []
        self.refuse_with: SwitchError | None = None
        self.phones: dict[str, PhoneState] = {}  # those that are not free
        self.tells_of_phones = True  # else it may not be asked about them
        self.closed = False

    def originate(self, command: Originate) -> None:
        self._take(command)

    def cancel(self, command: Cancel) -> None:
        self._take(command)

    def hangup(self, command: Hangup) -> None:
        self._take(command)

    def answer(self, command: Answer) -> None:
        if not self.can_answer:
            raise SwitchRefused("This telephone system cannot answer for a phone")
        self._take(command)

    def pause(self, command: Pause) -> None:
        self._take(command)

    def mute(self, command: Mute) -> None:
        self._take(command)

    def send_digits(self, command: SendDigits) -> None:
        self._take(command)

    def hold(self, command: Hold) -> None:
        self._take(command)

    def resume(self, command: Resume) -> None:
        self._take(command)

    def transfer(self, command: Transfer) -> None:
        self._take(command)

    def ask(self, command: Ask) -> None:
        self._take(command)

    def complete(self, command: Complete) -> None:
        self._take(command)

    def swap(self, command: Swap) -> None:
        self._take(command)

    def join(self, command: Join) -> None:
        self._take(command)

    def drop(self, command: Drop) -> None:
        self._take(command)

    def park(self, command: Park) -> str:
        self._take(command)
        return "701"

    def rescue(self, command: Rescue) -> None:
        self._take(command)

    def retrieve(self, command: Retrieve) -> None:
        self._take(command)

    def echo(self, command: Echo) -> None:
        self._take(command)

    def phone_state(self, command: Look) -> PhoneState:
        if self.refuse_with is not None:
            raise self.refuse_with
        if not self.tells_of_phones:
            raise SwitchRefused("Permission denied")
        return self.phones.get(command.line, PhoneState.FREE)

    def close(self) -> None:
        self.closed = True

    def _take(self, command: Command) -> None:
        if self.refuse_with is not None:
            raise self.refuse_with
        self.commands.append(command)
