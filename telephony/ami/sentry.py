"""Which frames are forged or torn by a caller, and which are to be believed.

Asterisk writes a decoded CR LF of the caller's number, or of the number that he dialled, as it is, into every event that
shows the channel: what he wrote adds lines, or ends the frame and begins others. What gives it away is the form of the
real thing. An event begins with `Event`, `Privilege`, `Timestamp`, and every channel that it shows is the same fourteen
lines (`SNAPSHOT`), the caller's words in the midst of them. So

- the lines before those words, with the channel's name, are Asterisk's own;
- a frame that ends within the fourteen lines was torn: what follows up to its rest is the caller's work, and so may be
  what the torn frame says after his words, even its `Uniqueid`;
- a frame that is all the caller's own needs those lines too. PJSIP carries 79 bytes of a number and 79 of an extension,
  less than the shortest forgery that passes here needs; other drivers' trunks carry digits.

What cannot be told from the truth: an event with every line in its place, from a driver that carries hundreds of bytes of
number (IAX2, the old chan_sip), for a `Uniqueid` that was guessed (they are epoch.counter). Against that stand what the
harmed channel does next, the switch's list of channels, and in the end the switch's books: see `CallTracker.resync` and
`webapp.calls.capture`. A caller who forges events of his own call harms nobody else, and is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from telephony.ami.channels import Channel
from telephony.ami.frames import Frame, looks_torn
from telephony.ami.untrusted import plain

Headers = Mapping[str, str]

SNAPSHOT = (
    "Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum",
    "ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid",
)  # fmt: skip
_BEFORE = SNAPSHOT.index("CallerIDNum")
_ROLES = (
    "", "Dest", "LocalOne", "LocalTwo", "Transferer", "Transferee", "OrigTransferer", "SecondTransferer",
    "TransferTarget", "Target", "Parkee", "Parker", "Retriever", "Spyer", "Spyee",
)  # fmt: skip
_SNAPSHOTS = {f"{role}CallerIDNum": tuple(role + name for name in SNAPSHOT) for role in _ROLES}
_REST = SNAPSHOT[_BEFORE + 1 :]
_BARE = "OriginateResponse"  # shows no channel, but has a CallerIDNum: ours
_IDS = frozenset({"Newchannel", "Newstate", "NewCallerid", "Hangup", "HangupRequest", "BridgeEnter", "BridgeLeave"})
_WARY = 8  # frames after one that was torn which, if they show no channel in full, are not believed


@dataclass(frozen=True, slots=True)
class Forgeries:
    """What callers forged or tore since the beginning: how many frames, when the last was and whose (the call's uid; the
    channel's name where no call of it is known)."""

    frames: int = 0
    last_at: datetime | None = None
    source: str = ""


class _Form(Enum):
    WHOLE = "whole"  # shows channels, each by all of its lines
    BARE = "bare"  # shows none
    BROKEN = "broken"


class Sentry:
    """Looks at each frame before it is believed.

    How much it demands it learns from the switch: once an event showed a channel in full, all have to.
    """

    def __init__(self, channel_named: Callable[[str], Channel | None]) -> None:
        self.frames = 0  # that were forged or torn
        self.caught = ""  # the channel of whoever did that to the frame that was read last
        self._channel_named = channel_named
        self._strict = self._stamped = False
        self._torn = 0  # frames to be wary of from now on
        self._forger = ""

    def reset(self) -> None:
        """What was torn does not go on: the connection is another."""
        self._torn = 0

    def read(self, frame: Frame) -> Headers | None:
        """What is to be believed of a frame; None: nothing."""
        self.caught = ""
        if not frame.raw.startswith(b"Event: "):
            self._rest(frame)
            return None
        if frame.tainted:
            return self._read_tainted(frame)
        found = _form(frame)
        if found is _Form.WHOLE:
            self._torn = 0
            if self._learn(frame):
                return frame
            self._forged(frame)
        elif self._torn:
            self._torn = 0 if _has(frame, _REST) else self._torn - 1
            self._forged(frame)
        elif self._may_be(frame):
            return frame
        else:
            self._tear(frame)
        return None

    def glance(self, frame: Frame) -> None:
        """At a frame of which nothing is needed."""
        self.caught = ""
        if not frame.raw.startswith(b"Event: "):
            self._rest(frame)
        elif self._torn:
            self._torn = 0 if _form(frame) is _Form.WHOLE or _has(frame, _REST) else self._torn - 1
        elif looks_torn(frame.raw):
            self._tear(frame)

    def entry(self, frame: Frame) -> Headers | None:
        """What is to be believed of an entry of a list of channels. Where a caller forged lines it is that the channel is
        there; not in which bridge, since that stands behind his words."""
        if not frame.tainted and not (self._strict and _form(frame) is _Form.BROKEN):
            return frame
        channel = self._channel_named(frame.get("Channel", ""))
        if channel is None:
            return None
        return {"Channel": channel.name, "Uniqueid": channel.uid, "Linkedid": channel.linkedid}

    def _learn(self, frame: Frame) -> bool:
        """Of a frame that shows channels in full: is its beginning right? (Some builds write a line before the time.)"""
        self._strict = True
        names = tuple(frame)[1:4]
        stamped = names[:1] == ("Privilege",) and "Timestamp" in names
        self._stamped = self._stamped or stamped
        return stamped or not self._stamped

    def _may_be(self, frame: Frame) -> bool:
        """Of a frame that shows no channel in full."""
        if frame.name == _BARE:
            return not self._stamped or tuple(frame)[1:3] == ("Privilege", "Timestamp")
        if frame.name == "VarSet" and frame.get("Uniqueid") == "none":
            return True  # of the whole switch
        return not self._strict and (frame.name not in _IDS or ("Uniqueid" in frame and "Linkedid" in frame))

    def _read_tainted(self, frame: Frame) -> Headers | None:
        if self._is_torn(frame):
            if self._torn:
                self._forged(frame)
            else:
                self._tear(frame)
            return None
        self._torn = 0
        name = frame.get("Channel", "")
        self._note(name)
        return self._own(frame, self._channel_named(name))

    def _is_torn(self, frame: Frame) -> bool:
        if self._strict:
            return any(not _has(frame, lines) for name, lines in _SNAPSHOTS.items() if name in frame)
        return bool(self._torn) or (frame.name in _IDS and not ("Uniqueid" in frame and "Linkedid" in frame))

    @staticmethod
    def _own(frame: Frame, channel: Channel | None) -> Headers | None:
        """The lines that are Asterisk's. Whose they are is told by the channel's name, which no caller can write."""
        headers = dict(plain(frame))
        if channel is not None:
            if headers.get("Uniqueid", channel.uid) != channel.uid:
                return None
            headers["Uniqueid"] = channel.uid
            headers.setdefault("Linkedid", channel.linkedid)
        elif frame.name == "Newchannel" and "Linkedid" in frame:  # there the caller's words come before them
            headers["Uniqueid"], headers["Linkedid"] = frame.getlist("Uniqueid")[-1], frame.getlist("Linkedid")[-1]
        return None if frame.name in _IDS and "Uniqueid" not in headers else headers

    def _rest(self, frame: Frame) -> None:
        """Of a torn frame; or what else a caller put between. (Answers, in a recording, are nobody's.)"""
        if frame.raw.startswith(b"Response: "):
            return
        self._torn = 0 if "Linkedid" in frame else max(0, self._torn - 1)
        self._forged(frame)

    def _tear(self, frame: Frame) -> None:
        self._torn, self._forger = _WARY, frame.get("Channel", "")
        self._note(self._forger)

    def _forged(self, frame: Frame) -> None:
        self._note(self._forger or frame.get("Channel", ""))

    def _note(self, forger: str) -> None:
        self.frames += 1
        self.caught = forger or "?"


def _form(frame: Frame) -> _Form:
    """Of an event without strange lines."""
    names, found = tuple(frame), _Form.BARE
    for place, name in enumerate(names):
        lines = _SNAPSHOTS.get(name)
        if lines is None or frame.name == _BARE:
            continue
        first = place - _BEFORE
        if first < 0 or names[first : first + len(lines)] != lines:
            return _Form.BROKEN
        found = _Form.WHOLE
    return found


def _has(frame: Frame, lines: tuple[str, ...]) -> bool:
    """These lines in this order, whatever stands between them."""
    rest = iter([line.partition(b":")[0].decode("latin-1") for line in frame.raw.split(b"\r\n")])
    return all(name in rest for name in lines)
