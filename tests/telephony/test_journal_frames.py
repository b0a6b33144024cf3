"""The journal: what is in it is never lost, never forged, and read in order across segments, crashes and full disks."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from telephony import journal as journal_module
from telephony.ami.frames import read_frames
from telephony.journal import Cursor, Journal, JournalBusy, JournalReader, Mark, Position
from tests.telephony.wires import eventually


def hold(number):
    return f"Event: Hold\r\nChannel: PJSIP/alice-{number:08x}".encode()


def numbers(entries):
    return [int(entry.frame["Channel"][-8:], 16) for entry in entries]


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "pbx")
    yield journal
    journal.close()


def everything(journal, position=None):
    reader = JournalReader(journal, position or journal.start())
    entries = []
    while batch := reader.read(0):
        entries += batch
    reader.close()
    return entries, reader.position


def test_frames_come_back_in_order_with_their_time_and_place(journal):
    journal.append([hold(1), hold(2)], at=10.0)
    journal.append([hold(3)], at=11.5)
    entries, position = everything(journal)
    assert numbers(entries) == [1, 2, 3]
    assert [entry.frame.received for entry in entries] == [10.0, 10.0, 11.5]
    assert position == journal.end
    again, _ = everything(journal, entries[1].position)
    assert numbers(again) == [2, 3]


def test_marks_are_ours_and_are_told_from_what_the_switch_sent(journal):
    journal.append([b"Event: Newchannel\r\nCallerIDNum: 69\r\nReceived: 1.0 resync"])
    journal.record([(Mark.GAP, b"Reason: cut"), (Mark.RESYNC, b"At: 1")])
    assert [entry.frame.mark for entry in everything(journal)[0]] == ["", "gap", "resync"]


def test_segments_are_closed_by_size_and_read_through(tmp_path):
    journal = Journal(tmp_path, segment_bytes=500)
    for number in range(100):
        journal.append([hold(number)])
    assert len(journal.segments()) > 5
    entries, position = everything(journal)
    assert numbers(entries) == [*range(100)]
    assert position == journal.end
    assert journal.behind(journal.start()) == sum(path.stat().st_size for path in tmp_path.glob("*.ami"))
    assert journal.behind(position) == 0
    journal.close()


def test_a_reader_waits_for_what_comes_next(journal):
    reader = JournalReader(journal, journal.end)
    seen = []

    def follow():
        while len(seen) < 300:
            seen.extend(numbers(reader.read(5)))

    alice = threading.Thread(target=follow)
    alice.start()
    for number in range(300):
        journal.append([hold(number)])
    alice.join(10)
    assert seen == [*range(300)]


def test_a_reader_that_races_the_end_of_segments_misses_nothing(tmp_path):
    journal = Journal(tmp_path, segment_bytes=200)
    reader, seen = JournalReader(journal, journal.start()), []

    def follow():
        while len(seen) < 2000:
            seen.extend(numbers(reader.read(5)))

    bob = threading.Thread(target=follow)
    bob.start()
    for number in range(2000):
        journal.append([hold(number)])
    bob.join(20)
    journal.close()
    assert seen == [*range(2000)]


def test_what_is_written_just_before_a_segment_is_closed_is_not_passed_over(tmp_path):
    journal = Journal(tmp_path, segment_bytes=200)
    reader = JournalReader(journal, journal.start())
    look = reader._next_entries

    def look_too_early():
        entries = look()
        if not entries and journal.end.segment == 1:  # now the writer is quicker than the reader
            for number in range(1, 6):
                journal.append([hold(number)])
        return entries

    reader._next_entries = look_too_early
    assert numbers(reader.read(5))[0] == 1
    assert len(journal.segments()) > 1
    reader.close()
    journal.close()


def test_nothing_to_read_is_an_empty_answer_in_time(journal):
    assert JournalReader(journal, journal.end).read(0.01) == []


def test_a_torn_end_is_passed_over_after_a_restart(tmp_path):
    journal = Journal(tmp_path)
    journal.append([hold(1), hold(2)])
    journal.close()
    with journal.path(1).open("ab") as segment:
        segment.write(b"Received: 12.0\r\nEvent: Hold\r\nChann")
    again = Journal(tmp_path)
    again.append([hold(3)])
    assert numbers(everything(again)[0]) == [1, 2, 3]
    again.close()


def test_a_place_beyond_the_end_of_what_the_disk_kept_goes_on_with_the_next_segment(tmp_path):
    Journal(tmp_path).close()
    again = Journal(tmp_path)
    again.append([hold(1)])
    assert numbers(everything(again, Position(1, 99_999))[0]) == [1]
    again.close()


def test_a_full_disk_is_told_and_what_was_half_written_does_not_count(journal, monkeypatch):
    journal.append([hold(1)])
    real = os.write

    def full(file, data):
        real(file, bytes(data)[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.append([hold(2)])
    monkeypatch.undo()
    journal.append([hold(3)])
    assert numbers(everything(journal)[0]) == [1, 3]


def test_long_batches_and_long_frames_are_read_whole(journal):
    long = b"Event: VarSet\r\nValue: " + b"x" * 900_000
    journal.append([hold(1), long, *map(hold, range(2, 10_000))])
    entries, _ = everything(journal)
    assert entries[1].frame.raw == long
    assert numbers([entries[0], *entries[2:]]) == [*range(1, 10_000)]


def test_where_to_go_on_is_kept_and_a_broken_note_of_it_means_from_the_beginning(journal):
    beginning = Cursor(journal.start(), journal.start())
    assert journal.load_cursor() == beginning
    cursor = Cursor(Position(1, 10), Position(2, 20))
    journal.save_cursor(cursor)
    assert journal.load_cursor() == cursor
    for broken in ("", "{", '{"origin": 1}', '{"origin": [1], "delivered": [1, 2]}', "[]"):
        (journal.directory / "cursor").write_text(broken)
        assert journal.load_cursor() == beginning


def test_old_segments_go_but_never_one_that_is_still_needed(tmp_path):
    journal = Journal(tmp_path, segment_bytes=100)
    for number in range(10):
        journal.append([hold(number), hold(number)])
    segments = journal.segments()
    for segment in segments:
        os.utime(journal.path(segment), (0, 0))
    needed = Position(segments[4], 0)
    assert journal.prune(time.time() - 60, Cursor(needed, journal.end)) == 4
    assert journal.segments() == segments[4:]
    assert journal.prune(time.time() - 60, Cursor(journal.end, journal.end)) == len(segments) - 5
    assert journal.segments() == segments[-1:]
    assert numbers(everything(journal, Position(1, 0))[0]) == [9, 9]
    journal.close()


def test_young_segments_stay(tmp_path):
    journal = Journal(tmp_path, segment_bytes=100)
    for number in range(10):
        journal.append([hold(number), hold(number)])
    assert journal.prune(time.time() - 60, Cursor(journal.end, journal.end)) == 0
    journal.close()


def test_one_bridge_at_a_time(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(JournalBusy):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_nobody_else_on_the_machine_may_read_the_numbers(journal):
    journal.append([hold(1)])
    journal.save_cursor(Cursor(journal.end, journal.end))
    journal.note("poison.jsonl", "{}")
    assert journal.directory.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in journal.directory.iterdir())


def test_a_segment_is_a_file_that_replays(journal):
    journal.append([hold(1)], at=3.0)
    journal.record([(Mark.CHANNEL, b"Event: CoreShowChannel\r\nChannel: a")], at=4.0)
    with journal.path(journal.end.segment).open("rb") as file:
        assert [(frame.received, frame.mark) for frame in read_frames(file)] == [(3.0, ""), (4.0, "channel")]


def test_many_writers_do_not_mix_their_lines(journal):
    def write(first):
        for number in range(first, first + 200):
            journal.append([hold(number)])

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1000, 2000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    entries, _ = everything(journal)
    assert sorted(numbers(entries)) == [*range(200), *range(1000, 1200), *range(2000, 2200)]
    assert eventually(lambda: journal.behind(entries[0].position)) > 0
