"""The keys are one table, assets/src/keymap.ts. What pages say of keys has to be in it, and what is in it has to be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import webapp

ROOT = Path(webapp.__file__).parent
TABLE = (ROOT / "assets" / "src" / "keymap.ts").read_text(encoding="utf-8")
ROWS = re.findall(r'\{ group: "(\w+)", word: "(\w+)", keys: \[(.+?)\], act: (.+?) \},', TABLE)
COMBOS = {combo for *_, keys, _act in ROWS for combo in re.findall(r'"([^"]+)"', keys)}
ALTS = {match for *_, act in ROWS for match in re.findall(r'alt: "(\w+)"', act)}
CONTROLS = (ROOT / "templates" / "phones" / "_controls.html").read_text(encoding="utf-8")  # one macro for several
TEMPLATES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")}


def test_the_table_was_read_whole() -> None:
    assert len(ROWS) == TABLE.count("  { group: ")
    assert len(ROWS) > 20


def test_every_key_has_words() -> None:
    strings = TEMPLATES[ROOT / "templates" / "_strings.html"]
    words = {word for _group, word, *_ in ROWS}
    assert [word for word in sorted(words) if f'"{word}":' not in strings] == []


def test_every_button_that_has_a_key_is_in_the_table_and_the_other_way_round() -> None:
    told = {alt for page in TEMPLATES.values() for alt in re.findall(r'data-alt="(\w+)"', page)}
    told |= {f"Key{key}" for key in re.findall(r'toggle\(.+"([A-Z])"\)', CONTROLS)}
    assert told == ALTS


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_page_names_no_key_that_does_nothing(path: Path) -> None:
    said = re.findall(r'aria-keyshortcuts="([^"{]+)"', TEMPLATES[path])
    assert [keys for keys in said if keys.replace("Control", "Ctrl") not in COMBOS] == []


def test_no_key_means_two_things_in_one_place() -> None:
    seen: dict[tuple[str, str], str] = {}
    for group, word, keys, _act in ROWS:
        for combo in re.findall(r'"([^"]+)"', keys):
            assert seen.setdefault((group, combo), word) == word
    alt = [combo for *_, keys, _act in ROWS for combo in re.findall(r'"(Alt\+\w)"', keys)]
    assert len(alt) == len(set(alt))
