"""Text from forms and JSON is hostile: what no field may hold is refused, by name, before it reaches a row."""

from __future__ import annotations

import unicodedata

from flask_babel import gettext as _

from webapp.errors import Invalid

# Cc: control characters (PostgreSQL cannot keep NUL at all), Cs: halves of surrogate pairs
# Zl and Zp: line breaks in disguise
_NEVER = frozenset({"Cc", "Cs"})
_IN_A_LINE = _NEVER | {"Zl", "Zp"}


def line(text: str, field: str, *, most: int, required: bool = False) -> str:
    """One trimmed line of at most `most` characters. Raises `Invalid` naming `field`."""
    return _checked(text.strip(), field, _IN_A_LINE, most, required)


def lines(text: str, field: str, *, most: int, required: bool = False) -> str:
    """Several lines: tabs and line breaks are text here. Raises `Invalid` naming `field`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _checked(text, field, _NEVER, most, required, allowed="\n\t")


def _checked(text: str, field: str, refused: frozenset[str], most: int, required: bool, allowed: str = "") -> str:
    if required and not text.strip():
        raise Invalid(_("This is missing."), fields={field: _("This is missing.")})
    if any(unicodedata.category(mark) in refused and mark not in allowed for mark in text):
        problem = _("Control characters are not allowed here.")
        raise Invalid(problem, fields={field: problem})
    if len(text) > most:
        problem = _("At most %(most)s characters.", most=most)
        raise Invalid(problem, fields={field: problem})
    return unicodedata.normalize("NFC", text)
