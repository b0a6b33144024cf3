"""Values of a switches file, checked one by one: what is wrong is named by its table and key, and no secret is repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phonenumbers import SUPPORTED_REGIONS

Keys = Mapping[str, tuple[type, str, str]]  # key: its type, its form, and how to say what is wanted

REGION = (str, r"[A-Z]{2}", "a country of two capital letters")
NUMBERS = (list, r"[+0-9 ()./-]{3,40}", 'a list of numbers like ["+302100000100"]')
LABELS = (dict, r".{1,200}", 'a table like { "2100000100" = "Sales" }')


def check(name: str, table: Mapping[str, Any], keys: Keys, *, secret: tuple[str, ...] = ()) -> None:
    """Raises ValueError for the first value that would silently do nothing."""
    for key, (kind, form, wanted) in keys.items():
        if key not in table:
            continue
        value = table[key]
        parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        shown = "what is there" if key in secret else repr(value)
        if type(value) is not kind or not all(re.fullmatch(form, str(part)) for part in parts):
            raise ValueError(f"[{name}] {key}: {shown} is not {wanted}")
    if table.get("region", "GR") not in SUPPORTED_REGIONS:
        raise ValueError(f"[{name}] region: {table['region']!r} is not a country whose numbers are known")


def take_secret(name: str, table: dict[str, Any], key: str, base: Path, keys: Keys) -> str | None:
    """The value of `key`, or what is in the file that `key`_file names beside the table; out of the table either way."""
    if path := table.pop(f"{key}_file", None):
        table[key] = (base / path).read_text(encoding="utf-8").strip()
        try:
            check(name, {key: table[key]}, keys, secret=(key,))
        except ValueError:
            raise ValueError(f"[{name}] {key}_file: not {keys[key][2]}") from None
    secret: str | None = table.pop(key, None)
    return secret


def refuse_rest(name: str, table: Mapping[str, Any]) -> None:
    if table:
        raise ValueError(f"[{name}] has unknown keys: {', '.join(sorted(table))}")
