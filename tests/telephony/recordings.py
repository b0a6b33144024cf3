"""The recorded calls: what Asterisk said, and beside it what truly happened."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from telephony.ami.frames import Frame, read_frames

FOLDER = Path(__file__).parents[1] / "fixtures" / "journals"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.json") if (FOLDER / f"{path.stem}.ami.gz").exists())

# what the switch sends to a user with the product's own filter
_NAMES = frozenset((
    "Newchannel", "Newstate", "NewCallerid", "DialBegin", "DialEnd", "BridgeEnter", "BridgeLeave", "Hold", "Unhold",
    "HangupRequest", "SoftHangupRequest", "Hangup", "BlindTransfer", "AttendedTransfer", "ParkedCall",
    "UnParkedCall", "ParkedCallGiveUp", "ParkedCallTimeOut", "ParkedCallSwap", "Pickup", "LocalBridge",
    "LocalOptimizationEnd", "ConfbridgeJoin", "ConfbridgeLeave", "ChanSpyStart", "ChanSpyStop", "QueueCallerJoin",
    "QueueCallerLeave", "QueueCallerAbandon", "AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer",
    "QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "QueueMemberStatus", "OriginateResponse", "Cdr",
    "MessageWaiting", "MixMonitorStart", "MixMonitorStop", "FullyBooted", "Shutdown", "Reload", "ContactStatus",
    "UserEvent",
))  # fmt: skip
_VARIABLES = re.compile(r"_*CRM_.*|REC_FILE|VM_MESSAGEFILE|VMSTATUS|DIALSTATUS|QUEUESTATUS")


@cache
def frames(scenario: str) -> tuple[Frame, ...]:
    with (FOLDER / f"{scenario}.ami.gz").open("rb") as recording:
        return tuple(read_frames(recording))


@cache
def filtered(scenario: str) -> tuple[Frame, ...]:
    return tuple(frame for frame in frames(scenario) if passes_filter(frame))


def passes_filter(frame: Frame) -> bool:
    if frame.name == "VarSet":
        return _VARIABLES.fullmatch(frame.get("Variable", "")) is not None
    if frame.name == "Newexten":
        return frame.get("Application") == "Queue"
    return frame.name in _NAMES


@cache
def truth(scenario: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads((FOLDER / f"{scenario}.json").read_text())["calls"]
    return calls
