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

from telephony.ami.channels import Switchboard, is_given
from telephony.ami.frames import Frame, looks_torn
from telephony.ami.members import is_whole
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
_WARY = 64  # frames after one that was torn which, if they show no channel in full, are not believed
_REMEMBERED = 1_000  # forgers' channels


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

    How much it demands it learns from the switch: once an event showed a channel as Asterisk does, all have to.
    """

    def __init__(self, board: Callable[[], Switchboard]) -> None:
        self.frames = 0  # that were forged or torn
        self.caught = ""  # the channel of whoever did that to the frame that was read last
        self._board = board
        self._forgers: dict[str, None] = {}  # names of channels, oldest first
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
        if is_whole(frame):
            return frame
        self._strict = self._strict or _begins_as_asterisk_does(frame)
        found = _Form.BROKEN if frame.tainted else _form(frame)
        if found is _Form.BROKEN and (frame.tainted or self._strict):
            return self._read_broken(frame)
        if found is _Form.WHOLE:
            self._torn = 0
            if self._head_is_right(frame):
                return self._with_its_own_id(frame, frame) if "Uniqueid" in frame else frame
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
        if not frame.tainted and not (_begins_as_asterisk_does(frame) and _form(frame) is _Form.BROKEN):
            return frame
        channel = self._board().named(frame.get("Channel", ""))
        if channel is None:
            return None
        return {"Channel": channel.name, "Uniqueid": channel.uid, "Linkedid": channel.linkedid}

    def _head_is_right(self, frame: Frame) -> bool:
        """Of a frame that shows channels in full. (Some builds write a line before the time.)"""
        names = tuple(frame)[1:4]
        stamped = names[:1] == ("Privilege",) and "Timestamp" in names
        self._stamped = self._stamped or stamped
        return stamped or not self._stamped

    def _with_its_own_id(self, frame: Frame, headers: Headers) -> Headers | None:
        """A dialled number can break off all lines but the three that stand last, and put others' ids there. Names do not
        change hands: by his channel's he is known."""
        name, uid = frame.get("Channel", ""), headers.get("Uniqueid", "")
        known, named = self._board().channels.get(uid), self._board().named(name)
        if known is named and uid:
            return headers
        if known is None:
            suspect = not uid or (named is not None and name in self._forgers)
        else:
            alias = bool(name) and (known.name in name or name in known.name)  # Surrogate/... and ...<ZOMBIE>
            suspect = not alias and (named is not None or name in self._forgers or frame.name == "Newchannel")
        if not suspect:
            return headers
        if not self.caught:
            self._note(name)
        return {**headers, "Uniqueid": named.uid, "Linkedid": named.linkedid} if named else None

    def _may_be(self, frame: Frame) -> bool:
        """Of a frame that shows no channel in full."""
        if frame.name == _BARE:
            return not self._stamped or tuple(frame)[1:3] == ("Privilege", "Timestamp")
        if frame.name == "VarSet" and frame.get("Uniqueid") == "none":
            return True  # of the whole switch
        return not self._strict and (frame.name not in _IDS or ("Uniqueid" in frame and "Linkedid" in frame))

    def _read_broken(self, frame: Frame) -> Headers | None:
        if self._is_torn(frame):
            if self._torn:
                self._forged(frame)
            else:
                self._tear(frame)
            return None
        self._torn = 0
        self._note(frame.get("Channel", ""))
        return self._own(frame)

    def _is_torn(self, frame: Frame) -> bool:
        if self._strict:
            return any(not _has(frame, lines) for name, lines in _SNAPSHOTS.items() if name in frame)
        return bool(self._torn) or (frame.name in _IDS and not ("Uniqueid" in frame and "Linkedid" in frame))

    def _own(self, frame: Frame) -> Headers | None:
        """The lines that are Asterisk's. Nobody is introduced by them but the caller himself, when he calls."""
        headers = dict(plain(frame))
        if frame.name == "Newchannel" and "Uniqueid" in frame and "Linkedid" in frame:  # they stand behind his words
            headers["Uniqueid"], headers["Linkedid"] = frame.getlist("Uniqueid")[-1], frame.getlist("Linkedid")[-1]
        own = {headers.get("Uniqueid")} if frame.name == "Newchannel" else set()
        known = self._board().ids() | {uid for uid in own if uid and not is_given(uid)}
        headers = {name: value for name, value in headers.items() if not _is_channels(name) or value in known}
        if "Channel" in frame:
            return self._with_its_own_id(frame, headers)
        return None if frame.name in _IDS else headers

    def _rest(self, frame: Frame) -> None:
        """Of a torn frame; or what else a caller put between. (Answers, in a recording, are nobody's.)"""
        if frame.raw.startswith(b"Response: "):
            return
        if not self._torn:  # its head was of an event that nobody wants, or had the last lines; here are its own
            uid = (frame.getlist("Uniqueid") or [""])[-1]
            channel = self._board().channels.get(uid)
            self._forger = channel.name if channel and channel.name in self._forgers else ""
        self._torn = 0 if "Linkedid" in frame else max(0, self._torn - 1)
        self._forged(frame)

    def _tear(self, frame: Frame) -> None:
        self._torn, self._forger = _WARY, frame.get("Channel") or self._forger
        self._note(self._forger)

    def _forged(self, frame: Frame) -> None:
        self._note(self._forger or frame.get("Channel", ""))

    def _note(self, forger: str) -> None:
        self.frames += 1
        self.caught = forger or "?"
        if forger:
            self._forgers[forger] = None
        if len(self._forgers) > _REMEMBERED:
            del self._forgers[next(iter(self._forgers))]


def _is_channels(name: str) -> bool:
    return name.endswith(("Uniqueid", "Linkedid")) and not name.endswith("BridgeUniqueid")


def _begins_as_asterisk_does(frame: Frame) -> bool:
    names = tuple(frame)
    place = names.index("CallerIDNum") if "CallerIDNum" in names else 0
    return place >= _BEFORE and names[place - _BEFORE : place] == SNAPSHOT[:_BEFORE]


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
