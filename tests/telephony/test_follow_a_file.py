"""A file that another program writes is followed by whole records, whatever becomes of the file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.books.records import COLUMNS, cel_record
from telephony.books.tail import MOST_RECORD, Place, Tail

CHUNK = 1 << 16


def row(number: int, name: str = "Maria") -> bytes:
    """A record of CEL, as Asterisk writes it."""
    fields = ["CHAN_START", f"1795426813.{number:06d}", f"1.{number}", f"1.{number}", "PJSIP/trunk-1", "69", name]
    fields += [""] * (len(COLUMNS) - len(fields))
    return (",".join('"' + field.replace('"', '""') + '"' for field in fields) + "\n").encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ringback.csv"


def append(file: Path, *texts: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(b"".join(texts))


def records(tail: Tail) -> list[bytes]:
    found = []
    while read := tail.read(CHUNK):
        found += [raw for raw, _ in read]
    return found


def test_a_file_that_does_not_exist_yet_is_read_once_it_does(file: Path) -> None:
    tail = Tail(file, None)
    assert tail.read(CHUNK) == [] and tail.place is None and tail.behind == 0
    append(file, row(1))
    assert records(tail) == [row(1)]


def test_a_record_is_read_when_it_is_whole(file: Path) -> None:
    tail, text = Tail(file, None), row(1, 'two\r\nlines of "text"')
    for i in range(len(text)):
        assert tail.read(CHUNK) == [], i
        append(file, text[i : i + 1])
    assert records(tail) == [text]
    assert tail.read(CHUNK) == []


def test_a_place_is_right_behind_its_record(file: Path) -> None:
    append(file, row(1), row(2, "a\nb"), row(3))
    inode = file.stat().st_ino
    first, second, third = Tail(file, None).read(CHUNK)
    assert first[1] == Place(inode, len(row(1)))
    assert records(Tail(file, first[1])) == [second[0], third[0]] == [row(2, "a\nb"), row(3)]
    assert records(Tail(file, third[1])) == []


def test_text_of_a_caller_cannot_end_a_record_or_begin_one(file: Path) -> None:
    forged = 'x\n"HANGUP","1795426813.1","1.1"\r\n","",\n"""\nHANGUP,1.1\n'
    append(file, row(1, forged), row(2))
    read = records(Tail(file, None))
    assert read == [row(1, forged), row(2)]
    told = cel_record(read[0])
    assert told and (told.name, told.event) == (forged, "CHAN_START")


def test_of_a_torn_record_nothing_spills_into_the_next_ones(file: Path) -> None:
    """The disk was full for a moment, or the power went."""
    append(file, row(1), row(2)[:60] + b"\n", row(3), row(4)[:-1] + b'"x\n', row(5), b"\0\0\0\n", row(6))
    read = [cel_record(raw) for raw in records(Tail(file, None))]
    assert [one.uniqueid for one in read if one] == ["1.1", "1.3", "1.5", "1.6"]
    assert read.count(None) == 3


def test_torn_without_a_line_break_it_takes_one_record_with_it_and_no_more(file: Path) -> None:
    append(file, row(1), row(2)[:60], row(3), row(4), row(5))
    read = [cel_record(raw) for raw in records(Tail(file, None))]
    assert [one.uniqueid for one in read if one] == ["1.1", "1.4", "1.5"]


def test_renamed_and_created_anew_both_are_read(file: Path) -> None:
    append(file, row(1))
    tail = Tail(file, None)
    assert records(tail) == [row(1)]
    append(file, row(2))
    file.rename(file.with_name("ringback.csv.1"))
    append(file.with_name("ringback.csv.1"), row(3))  # the writer has it open still
    file.touch()
    assert records(tail) == [row(2), row(3)]
    append(file.with_name("ringback.csv.1"), row(4))
    assert records(tail) == [row(4)]
    append(file, row(5))
    assert records(tail) == [row(5)]
    assert tail.gaps == 0


def test_rotated_several_times_while_nobody_read(file: Path) -> None:
    append(file, row(1), row(2))
    place = Tail(file, None).read(CHUNK)[0][1]
    for number in (3, 4):
        for old in (2, 1):
            if (older := file.with_name(f"ringback.csv.{old}")).exists():
                older.rename(file.with_name(f"ringback.csv.{old + 1}"))
        file.rename(file.with_name("ringback.csv.1"))
        append(file, row(number))
    file.with_name("ringback.csv.9.gz").write_bytes(b"\x1f\x8b")
    tail = Tail(file, place)
    assert tail.behind == 3 * len(row(2))
    assert records(tail) == [row(2), row(3), row(4)]
    assert (tail.behind, tail.gaps) == (0, 0)


def test_the_torn_end_of_a_rotated_file_is_told_and_the_next_file_is_whole(file: Path) -> None:
    tail = Tail(file, None)
    append(file, row(1), row(2)[:50])
    assert records(tail) == [row(1)]
    file.rename(file.with_name("ringback.csv-20261125"))
    append(file, row(3))
    assert records(tail) == [row(2)[:50], row(3)]


def test_rotated_away_and_compressed_is_a_gap_that_is_counted(file: Path) -> None:
    append(file, row(1))
    (_, place), *_ = Tail(file, None).read(CHUNK)
    file.rename(file.with_name("kept"))
    append(file, row(2))
    tail = Tail(file, place)
    assert records(tail) == [row(2)]
    assert tail.gaps == 1


def test_copied_and_truncated_the_copy_is_read_to_its_end(file: Path) -> None:
    append(file, row(1))
    tail = Tail(file, None)
    records(tail)
    append(file, row(2))
    file.with_name("ringback.csv.1").write_bytes(file.read_bytes())
    os.truncate(file, 0)
    append(file, row(3))
    assert records(tail) == [row(2), row(3)]
    assert tail.gaps == 0


@pytest.mark.parametrize("grown", [False, True])
def test_truncated_without_a_copy_it_begins_anew(file: Path, grown: bool) -> None:
    append(file, row(1), row(2))
    tail = Tail(file, None)
    records(tail)
    os.truncate(file, 0)
    fresh = [row(number) for number in range(3, 8 if grown else 4)]
    append(file, *fresh)
    assert records(tail) == fresh
    assert tail.gaps == 1


def test_truncated_while_nobody_read(file: Path) -> None:
    append(file, row(1), row(2))
    place = Tail(file, None).read(CHUNK)[-1][1]
    os.truncate(file, 0)
    append(file, row(3))
    assert records(Tail(file, place)) == [row(3)]


def test_little_of_a_huge_file_is_in_memory_at_once(file: Path) -> None:
    with file.open("wb") as opened:
        for number in range(20_000):
            opened.write(row(number))
    tail = Tail(file, None)
    count = 0
    while read := tail.read(CHUNK):
        assert sum(len(raw) for raw, _ in read) <= MOST_RECORD + 1
        count += len(read)
    assert count == 20_000


def test_what_never_ends_is_passed_over(file: Path) -> None:
    append(file, row(1), b'"', b"x" * (3 * MOST_RECORD))
    tail = Tail(file, None)
    read = records(tail)
    assert read[0] == row(1) and all(cel_record(raw) is None for raw in read[1:])
    append(file, b"\n", row(2))
    assert records(tail)[-1] == row(2)


def test_lines_are_records_where_nothing_is_quoted(file: Path) -> None:
    append(
        file, b'1795426671|1.1|sales|NONE|ENTERQUEUE||"69|1\n', b"1795426674|1.1|sales|NONE|ABANDON|1|1|3\n", b"17954"
    )
    assert len(records(Tail(file, None, quoted=False))) == 2


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.sampled_from(
    ['"', '""', '"\n"', '\n"HANGUP","1', '","', "\r\n", '\\"']
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_TEXT, max_size=8), st.lists(st.integers(1, 200), max_size=30), st.integers(0, 10))
def test_however_it_is_written_and_read_the_same_records_come_once(
    names: list[str], pieces: list[int], restart_after: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "ringback.csv"
        rows = [row(number, name) for number, name in enumerate(names)]
        text, tail, read = b"".join(rows), Tail(file, None), list[bytes]()
        for i, size in enumerate([*pieces, len(text) + 1]):
            append(file, text[:size])
            text = text[size:]
            read += records(tail)
            if i == restart_after:
                tail = Tail(file, tail.place)
        assert read == rows
        told = [cel_record(raw) for raw in read]
        assert [one.name for one in told if one] == names
