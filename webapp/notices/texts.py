"""The words of each kind of notice. A feature that tells something adds its own when it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import LazyString, format_datetime
from flask_babel import gettext as _

_KINDS: dict[str, Words] = {}


@dataclass(frozen=True, slots=True)
class Words:
    """With places for facts, like %(who)s. A fact whose name ends in _at is a moment and is shown in the firm's time."""

    title: LazyString
    body: LazyString
    urgent: bool = False
    sounds: bool = False  # an open page plays a tone: it is for this reader to act
    unknown: Mapping[str, LazyString] = field(default_factory=dict)  # what is said instead of a fact that is not known


def define(kind: str, words: Words) -> None:
    _KINDS[kind] = words


def title(kind: str, facts: Mapping[str, Any]) -> str:
    return _filled(_KINDS[kind], _KINDS[kind].title, facts) if kind in _KINDS else str(_("Something happened"))


def body(kind: str, facts: Mapping[str, Any]) -> str:
    return _filled(_KINDS[kind], _KINDS[kind].body, facts) if kind in _KINDS else ""


def is_urgent(kind: str) -> bool:
    return kind in _KINDS and _KINDS[kind].urgent


def sounds(kind: str) -> bool:
    return kind in _KINDS and _KINDS[kind].sounds


def _filled(words: Words, text: LazyString, facts: Mapping[str, Any]) -> str:
    return str(text) % _Facts({name: _shown(name, value or words.unknown.get(name)) for name, value in facts.items()})


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "–"


def _shown(name: str, value: Any) -> Any:
    if not name.endswith("_at") or not value:
        return value if value not in (None, "") else "–"
    return format_datetime(datetime.fromisoformat(value), "EEE d MMM HH:mm")
