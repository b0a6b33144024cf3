"""A recording while it is played."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from telephony.ami.frames import Frame


@dataclass(slots=True)
class Play:
    over: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)  # by PJSIPNotify: do not let it ring any longer
    linkedids: set[str] = field(default_factory=set)

    def wait(self, seconds: float) -> float:
        """Wait, unless it is over or to be answered at once; returns the seconds that were saved."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            if self.answered.is_set():
                return rest
            if self.over.wait(min(rest, 0.05)):
                return 0.0
        return 0.0

    def saw(self, frame: Frame) -> None:
        if linkedid := frame.get("Linkedid"):
            self.linkedids.add(linkedid)
        if frame.name == "DialEnd":
            self.answered.clear()
