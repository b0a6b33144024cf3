"""Both files of the books together: read as they grow, and again after a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from telephony.books.reader import Books, BooksReader, Cursor
from telephony.books.records import cel_record, queue_record, suspects
from telephony.books.tail import Place
from telephony.events import CallSummary, Result
from tests.telephony.books import FOLDER, TRUNKS, account, cel, records
from tests.telephony.recordings import SCENARIOS

RECORDED = [scenario for scenario in SCENARIOS if cel(scenario)]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books.of(tmp_path)
    books.cel.parent.mkdir()
    return books


def lines(scenario: str, kind: str) -> list[bytes]:
    path = FOLDER / f"{scenario}.{kind}"
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def append(path: Path, *texts: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(texts))


def reading(books: Books, cursor: Cursor | None = None) -> BooksReader:
    return BooksReader(books, TRUNKS, cursor)


def told(reader: BooksReader) -> dict[str, CallSummary]:
    return {call.uid: call for call in reader.read()}


def test_no_books_no_calls(tmp_path: Path) -> None:
    reader = reading(Books.of(tmp_path / "nowhere"))
    assert reader.read() == []
    assert reader.cursor == Cursor()
    assert reader.statistics.behind == 0


def test_all_recordings_one_after_the_other_are_one_pbx_s_books(books: Books) -> None:
    expected: dict[str, CallSummary] = {}
    # the lab's PBX was restarted once, so that its channel names begin again
    for scenario in sorted(RECORDED, key=lambda scenario: records(scenario)[0].at):
        append(books.cel, *lines(scenario, "cel.csv"))
        append(books.queue_log, *lines(scenario, "queue_log"))
        expected |= {call.uid: call for call in account(records(scenario))[0]}
    reader = reading(books)
    assert told(reader) == expected
    assert (reader.statistics.unparseable, reader.statistics.gaps, reader.statistics.behind) == (0, 0, 0)
    assert reader.statistics.last_at == max(record.at for scenario in RECORDED for record in records(scenario))
    assert not reader.open_uids()


@pytest.mark.parametrize("scenario", RECORDED)
def test_restarted_after_every_record_no_call_is_lost(books: Books, scenario: str) -> None:
    """The program is killed again and again, and each time begins where its cursor says."""
    append(books.queue_log, *lines(scenario, "queue_log"))
    text = (FOLDER / f"{scenario}.cel.csv").read_bytes()
    cursor, calls = Cursor(), dict[str, CallSummary]()
    for start in range(0, len(text), 97):  # in the middle of records too
        append(books.cel, text[start : start + 97])
        reader = reading(books, Cursor.from_json(cursor.to_json()))
        calls |= told(reader)
        cursor = reader.cursor
    assert calls == {call.uid: call for call in account(records(scenario))[0]}


def test_the_cursor_waits_for_calls_that_are_open_and_goes_on_after_them(books: Books) -> None:
    first, rest = lines("in-direct-answered", "cel.csv")[:3], lines("in-direct-answered", "cel.csv")[3:]
    append(books.cel, *lines("in-queue-answered", "cel.csv"), *first)
    reader = reading(books)
    reader.read()
    before = sum(map(len, lines("in-queue-answered", "cel.csv")))
    assert reader.open_uids() == {cel("in-direct-answered")[0].uniqueid}
    assert reader.cursor.cel == Place(books.cel.stat().st_ino, before)
    append(books.cel, *rest, *lines("internal-call", "cel.csv"))
    (call,) = reading(books, reader.cursor).read()
    assert call == account(records("in-direct-answered"))[0][0]


def test_an_open_call_is_derived_again_through_a_rotation(books: Books) -> None:
    text = lines("blind-transfer", "cel.csv")
    append(books.cel, *text[:8])
    append(books.queue_log, *lines("blind-transfer", "queue_log")[:2])
    reader = reading(books)
    reader.read()
    cursor = reader.cursor
    for path in (books.cel, books.queue_log):
        path.rename(path.with_name(path.name + ".1"))
    append(books.cel, *text[8:])
    append(books.queue_log, *lines("blind-transfer", "queue_log")[2:])
    (expected,) = account(records("blind-transfer"))[0]
    assert told(reader) == told(reading(books, cursor)) == {expected.uid: expected}


def test_a_broken_record_is_counted_and_says_whom_to_look_at(books: Books) -> None:
    text = lines("in-direct-answered", "cel.csv")
    append(books.cel, *text[:5], text[5][:150] + b"\n", *text[6:], b"nonsense\n")
    append(books.queue_log, b"nonsense\n", b"1|2\n")
    reader = reading(books)
    (call,) = reader.read()
    assert call.customer.number == account(records("in-direct-answered"))[0][0].customer.number
    assert reader.statistics.unparseable == 4
    assert reader.statistics.suspects == (call.uid,)


def test_a_pbx_that_was_killed_and_started_again(books: Books) -> None:
    text = lines("in-queue-answered", "cel.csv")
    append(books.cel, *text[:4])
    append(books.queue_log, lines("in-queue-answered", "queue_log")[0])
    reader = reading(books)
    assert reader.read() == []
    last = cel("in-queue-answered")[3].at
    append(books.queue_log, b"%d|NONE|NONE|NONE|QUEUESTART|\n" % (last + timedelta(seconds=30)).timestamp())
    (call,) = reader.read()
    assert (call.result, call.ended_at) == (Result.LOST, last)


def test_killed_and_started_again_within_one_second(books: Books) -> None:
    """queue_log tells whole seconds: what CEL wrote in that second was before."""
    text = lines("in-queue-answered", "cel.csv")
    entered = max(i for i, record in enumerate(cel("in-queue-answered")) if record.event == "BRIDGE_ENTER")
    append(books.cel, *text[: entered + 1])
    append(books.queue_log, b"%d|NONE|NONE|NONE|QUEUESTART|\n" % cel("in-queue-answered")[entered].at.timestamp())
    reader = reading(books)
    (call,) = reader.read()
    assert (call.result, call.answered_by) == (Result.ANSWERED, ("PJSIP/1001",))
    assert not reader.open_uids()


def test_a_long_backlog_is_read_in_pieces_and_lost_is_nothing(books: Books) -> None:
    text = (FOLDER / "in-direct-answered.cel.csv").read_bytes()
    customer, agent = {record.uniqueid: None for record in cel("in-direct-answered")}
    bridge = next(r.extra["bridge_id"] for r in cel("in-direct-answered") if r.event == "BRIDGE_ENTER")
    with books.cel.open("wb") as file:
        for number in range(4_000):
            fresh = {
                customer: f"{number}.1",
                agent: f"{number}.2",
                bridge: f"b{number}",
                "PJSIP/trunk-": f"PJSIP/trunk-{number}",
            }
            copy = text
            for old, new in fresh.items():
                copy = copy.replace(old.encode(), new.encode())
            file.write(copy)
    reader, calls, reads = reading(books), dict[str, CallSummary](), 0
    while not reads or reader.statistics.behind:
        calls |= told(reader)
        reads += 1
    assert reads > 1
    assert len(calls) == 4_000


@pytest.mark.parametrize(
    "text", ["", "[]", '{"cel": [1], "queue_log": null}', '{"cel": [1, -1]}', '{"cel": ["1", 2]}', "{"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Cursor.from_json(text)


def test_a_record_says_what_asterisk_wrote() -> None:
    told = cel_record(
        b'"HANGUP","1795593165.160874","a.0","b.0","PJSIP/trunk-0","+30","Maria \\""M\\""\r\nx","s","c","","","",'
        b'"{""hangupcause"":16,""hangupsource"":""PJSIP/trunk-0""}",""\n'
    )
    assert told is not None
    assert (told.at.isoformat(), told.name) == ("2026-11-25T07:52:45.160874+00:00", 'Maria \\"M\\"\r\nx')
    assert told.extra == {"hangupcause": "16", "hangupsource": "PJSIP/trunk-0"}
    entry = queue_record(b"1795426721|1795426710.20|support|NONE|EXITEMPTY|1|1|11\n")
    assert entry is not None
    assert (entry.event, entry.data, entry.at.microsecond) == ("EXITEMPTY", ("1", "1", "11"), 0)


def test_a_note_of_the_dial_plan_is_no_event_of_asterisk_whatever_its_name() -> None:
    for name in (b"CRM_PRES", b"HANGUP", b"my event"):
        told = cel_record(b'"%s","1.0","1","1"' % name + b',""' * 8 + b',"{""extra"":""prohib""}","%s"\n' % name)
        assert told is not None
        assert (told.event, told.user_event, told.extra) == ("USER_DEFINED", name.decode(), {"extra": "prohib"})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b'"HANGUP"\n',
        b'"HANGUP","not a time","1","1"' + b',""' * 10 + b"\n",
        b'"HANGUP","99999999999","1","1"' + b',""' * 10 + b"\n",
        b'"HANGUP","1.0","","1"' + b',""' * 10 + b"\n",
        b'"HANGUP","1.0","1","1"' + b',""' * 9 + b',"x"y\n',
        b'"HAN\nGUP","1.0","1","1"' + b',""' * 10 + b"\n",
        b"\xff\xfe\0" * 100,
    ],
)
def test_what_is_no_record_is_none(raw: bytes) -> None:
    assert cel_record(raw) is None
    assert queue_record(raw) is None
    assert suspects(raw) in ((), ("1",))


def test_extra_that_is_no_object_is_no_extra() -> None:
    row = b'"HANGUP","1.0","1","1"' + b',""' * 8
    for extra in (b"[1]", b"{", b"7", b"[" * 5000):
        told = cel_record(row + b',"' + extra + b'",""\n')
        assert told is not None and told.extra == {}
