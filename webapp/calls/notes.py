"""A note as it was typed or pasted."""

from __future__ import annotations

import re
import unicodedata

from webapp import text
from webapp.calls.actions import LONGEST_NOTE

# how word processors break lines; their text is pasted into notes
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


def read(written: str, field: str) -> str:
    """What cannot be kept is left out: a note that an agent typed in a call is not refused for a mark that nobody sees.

    Raises `Invalid` for one that is too long."""
    written = _LINE_BREAKS.sub("\n", written)
    seen = (mark for mark in written if mark in "\n\t" or unicodedata.category(mark) not in ("Cc", "Cs"))
    return text.lines("".join(seen), field, most=LONGEST_NOTE)
