"""What can still be believed of a frame into which a caller forged line breaks.

Asterisk writes a decoded CR LF of the caller's number, name or dialled number as it is. The first line is Asterisk's
own, and so is every header that is always there and stands there once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from telephony.ami.frames import Frame

_OPTIONAL = frozenset({"SwapUniqueid"})  # absent from most frames, so that a lone one may be the forger's


def plain(frame: Frame) -> Mapping[str, str]:
    """The headers that have one value; what is told twice in two ways is not told at all."""
    headers = {name: frame[name] for name in frame if len(set(frame.getlist(name))) == 1 and name not in _OPTIONAL}
    headers["Event"] = frame.name
    for name in ("CallerIDNum", "CallerIDName"):
        if name in headers:
            headers[name] = verbatim(frame.raw, name) or headers[name]
    return headers


_NEXT = {"CallerIDNum": b"\r\nCallerIDName: ", "CallerIDName": b"\r\nConnectedLineNum: "}


def verbatim(raw: bytes, name: str) -> str | None:
    """A value with the line breaks that its sender put into it: all up to the header that Asterisk writes after it."""
    _, found, rest = raw.partition(b"\r\n%s: " % name.encode())
    value, end, _ = rest.partition(_NEXT[name])
    return value.decode("utf-8", "replace") if found and end else None


_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def party_name(value: str | None) -> str:
    """As the caller sent it: Asterisk writes names into frames as C would, O\\'Brien for O'Brien (numbers it does not)."""
    if value is None or value == "<unknown>":
        return ""
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), value) if "\\" in value else value


def is_id(text: str | None) -> TypeGuard[str]:
    """No id has a space in it; a line that lost its beginning or its end may."""
    return bool(text) and " " not in (text or "")


def text_of(value: str | None) -> str:
    return "" if value is None or value == "<unknown>" else value
