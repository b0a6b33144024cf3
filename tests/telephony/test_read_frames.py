"""Frames from bytes: what the switch wrote, what a caller wrote into it, and what a journal says beside it."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime

import pytest

from telephony.ami.frames import END, MAX_FRAME, Frame, FrameSplitter, journalled, parse, read_frames

HANGUP = b"Event: Hangup\r\nPrivilege: call,all\r\nTimestamp: 1795426565.5\r\nUniqueid: 1.1"


def test_a_frame_is_a_mapping_of_its_headers():
    frame = Frame(HANGUP)
    assert dict(frame) == {"Event": "Hangup", "Privilege": "call,all", "Timestamp": "1795426565.5", "Uniqueid": "1.1"}
    assert frame.get("Linkedid") is None
    assert frame.get("Linkedid", "none") == "none"
    assert "Uniqueid" in frame
    assert len(frame) == 4
    assert frame.at == datetime(2026, 11, 23, 9, 36, 5, 500000, tzinfo=UTC)
    assert not frame.tainted
    with pytest.raises(KeyError):
        frame["Linkedid"]


def test_a_header_that_comes_again_does_not_replace_the_first():
    frame = Frame(b"Event: UserEvent\r\nX: 1\r\nX: 2\r\nY: 3")
    assert frame["X"] == "1"
    assert frame.getlist("X") == ["1", "2"]
    assert frame.getlist("Y") == ["3"]
    assert frame.getlist("Z") == []


@pytest.mark.parametrize("stamp", ["nan", "inf", "1e400", "", "yesterday", "-1e20"])
def test_a_time_that_is_none_falls_back_to_the_time_of_arrival(stamp):
    frame = Frame(f"Event: Hangup\r\nTimestamp: {stamp}".encode(), received=10.0)
    assert frame.at == datetime.fromtimestamp(10.0, UTC)
    assert Frame(frame.raw).at is None


@pytest.mark.parametrize(
    "raw",
    [
        b"Event: Newchannel\r\nCallerIDNum: 69\r\nEvent: Hangup\r\nX: y\r\nUniqueid: 1.1",  # as recorded
        b"Event: Newchannel\r\nCallerIDNum: 69\r\nno header\r\nUniqueid: 1.1",
        b"Event: Newchannel\r\nCallerIDNum: 69\nUniqueid: 2.2\r\nUniqueid: 1.1",
        b"Event: Newchannel\r\nUniqueid: 2.2\r\nUniqueid: 1.1",
        b"Privilege: call,all\r\nEvent: Hangup",
        b"X: y\r\nUniqueid: 1.1",
    ],
)
def test_what_no_asterisk_writes_is_tainted(raw):
    assert Frame(raw).tainted


@pytest.mark.parametrize(
    "raw",
    [
        HANGUP,
        b"Event: Newexten\r\nExten:\r\nAppData: a:b",
        b"Event: Newstate\r\nChanVariable: a=1\r\nChanVariable: b=2",
        b"Response: Success\r\nOutput: a\r\nOutput: b",
        b"Event: UserEvent\r\nUserEvent: x\r\nField: 1\r\nField: 2",
    ],
)
def test_what_asterisk_does_write_is_not(raw):
    assert not Frame(raw).tainted


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_pieces_of_any_size_make_the_same_frames(size):
    data = END.join([b"Event: A\r\nX: 1", b"", b"Event: B", b"Event: C\r\nY: 2", b""])
    splitter = FrameSplitter()
    frames = [raw for at in range(0, len(data), size) for raw in splitter.feed(data[at : at + size])]
    assert frames == [b"Event: A\r\nX: 1", b"Event: B", b"Event: C\r\nY: 2"]


@pytest.mark.parametrize("size", [1000, 1 << 18, 1 << 22])
def test_a_frame_over_the_limit_is_dropped_once_and_its_neighbours_stay(size):
    data = b"Event: A" + END + b"Event: " + b"x" * (3 * MAX_FRAME) + END + b"Event: B" + END
    splitter = FrameSplitter()
    frames = [raw for at in range(0, len(data), size) for raw in splitter.feed(data[at : at + size])]
    assert frames == [b"Event: A", b"Event: B"]
    assert splitter.dropped == 1


def test_a_journals_line_is_ours_and_comes_back():
    frame = parse(journalled(HANGUP, 12.5, "channel").removesuffix(END))
    assert (frame.received, frame.mark, frame.raw) == (12.5, "channel", HANGUP)
    assert parse(journalled(HANGUP, 12.5).removesuffix(END)).mark == ""


@pytest.mark.parametrize(
    "forged",
    [
        b"Received: 1.0 resync\r\nRestarted: yes",
        b"\r\nReceived: 1.0 resync\r\nRestarted: yes",
        b"\r\n\r\nReceived: 1.0 resync\r\nRestarted: yes",
        b"Event: Newchannel\r\nCallerIDNum: 69\r\n\r\nReceived: 1.0 resync\r\nRestarted: yes",
        b"Event: Newchannel\r\nCallerIDNum: 69\r\n",
        b"Event: Newchannel\r\nCallerIDNum: 69\r",
        b"",
        b"\r\n",
    ],
)
def test_no_caller_can_write_a_line_of_ours(forged):
    journal = journalled(forged, 5.0) + journalled(HANGUP, 6.0)
    frames = [*read_frames(io.BytesIO(journal))]
    assert [(frame.received, frame.mark) for frame in frames] == [(5.0, ""), (6.0, "")]
    assert frames[-1].raw == HANGUP


def test_in_a_recording_there_is_no_line_of_ours():
    recording = b"Asterisk Call Manager/11.0.0\r\n" + HANGUP + END + b"Received: 1.0 resync\r\nRestarted: yes" + END
    assert [(frame.mark, frame.received) for frame in read_frames(io.BytesIO(recording))] == [("", None)] * 2


def test_in_a_journal_a_frame_without_our_line_is_none():
    journal = journalled(HANGUP, 1.0) + HANGUP + END + journalled(HANGUP, 2.0)
    assert [frame.received for frame in read_frames(io.BytesIO(journal))] == [1.0, 2.0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_recording_may_be_packed_and_its_end_torn(pack):
    whole = b"Asterisk Call Manager/11.0.0\r\n" + HANGUP + END + HANGUP + END + b"Event: Torn\r\nUniq"
    assert [frame.name for frame in read_frames(io.BytesIO(pack(whole)))] == ["Hangup", "Hangup"]
    packed = pack(whole)
    assert len([*read_frames(io.BytesIO(packed[: len(packed) - 9]))]) <= 2
    assert [*read_frames(io.BytesIO(b""))] == []
