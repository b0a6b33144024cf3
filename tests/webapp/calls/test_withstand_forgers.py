"""A caller forges what the switch says. Nobody else's row is changed by it, his own is marked, and what he may have said
decides nothing for good before the switch's books, or its list of channels, confirm it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony import link, retry
from telephony.ami.frames import END
from telephony.ami.listening import connector
from telephony.ami.tracker import CallTracker
from telephony.bridge import Bridge
from telephony.events import CallEnded, CallEvent, CallsMerged, LinesForged, Result, Resynced
from telephony.fake.asterisk import FakeAsterisk
from telephony.journal import Journal
from tests.factories import make_callback
from tests.telephony.forgers import HIS_CHANNEL, HIS_UID, amid, his_call, numbers_against
from tests.telephony.recordings import filtered
from tests.telephony.wires import USERS, eventually
from tests.webapp.books.stories import booked, enter
from tests.webapp.calls.test_record import answered_call, at, facts, started, summary, tell, the_call
from webapp.accounts.models import User
from webapp.calls import capture, reasons
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.notices.models import Notice
from webapp.tasks.models import Callback, CallbackState

As = Callable[[User], FlaskClient]
DANA = "+306944000001"


@contextmanager
def followed(app: Flask, pbx: FakeAsterisk, folder: Path) -> Iterator[Bridge]:
    """By the product's own bridge, from the socket to the rows."""
    stop = threading.Event()

    def deliver(event: CallEvent | Resynced) -> None:
        with app.app_context():
            capture.record(event, switch="main")

    with closing(Journal(folder)) as journal:
        connect = connector(pbx.host, pbx.port, "crm", USERS["crm"].secret)
        bridge = Bridge(connect, CallTracker(), deliver, journal, stop)
        thread = threading.Thread(target=bridge.run)
        thread.start()
        try:
            eventually(lambda: bridge.status.connected)
            yield bridge
        finally:
            stop.set()
            thread.join(10)


def rows_after(app: Flask, folder: Path, frames: Sequence[bytes]) -> tuple[dict[str, dict[str, object]], Bridge]:
    """What stands in the books when all of it was delivered."""
    with FakeAsterisk(USERS) as pbx, followed(app, pbx, folder) as bridge:
        pbx.send_raw(b"".join(frames) + b"Event: Reload\r\nPrivilege: system,all\r\nModule: the end\r\n\r\n")
        journal = bridge._journal.directory
        eventually(lambda: any(b"the end" in path.read_bytes() for path in journal.glob("*.ami")))
        eventually(lambda: not bridge.status.behind and _has_read_all(bridge, journal))
        db.session.rollback()
        return {call.uid: facts(call) for call in db.session.scalars(sa.select(Call)).unique()}, bridge


def _has_read_all(bridge: Bridge, journal: Path) -> bool:
    """A frame lies in the file a moment before the journal counts it."""
    last = max(journal.glob("*.ami"))
    return bridge._delivery.position.offset >= last.stat().st_size


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "TICK", 0.02)
    monkeypatch.setattr(link, "LOOKS", 0)  # the switch of these stories has no channels to list


def test_from_the_socket_to_the_rows_nobody_elses_call_is_another(app: Flask, tmp_path: Path) -> None:
    """Every trick that is known here, one caller after the other, while a conversation goes on."""
    recording = filtered("in-queue-answered")
    dialled = next(frame for frame in recording if frame.name == "DialBegin")
    uid, phone, phone_uid = dialled["DestLinkedid"], dialled["DestChannel"], dialled["DestUniqueid"]
    began = float(dialled["Timestamp"])
    story = [frame.raw + END for frame in recording]
    alone, _ = rows_after(app, tmp_path / "alone", story)
    with app.app_context():
        db.session.execute(sa.delete(Call))
        db.session.commit()
    tricks: list[bytes] = []
    for number, words in enumerate(numbers_against(uid, phone, phone_uid, began).values()):
        for raw in (*his_call(words, began + 0.1), *his_call("69", began + 0.1, exten=words)):
            mine = raw.replace(HIS_CHANNEL.encode(), b"PJSIP/trunk-%08x" % (0x6660 + number))
            tricks.append(mine.replace(HIS_UID.encode(), b"1795426600.%d" % (6660 + number)))
    entered = max(place for place, frame in enumerate(recording) if frame.name == "BridgeEnter")
    for place in (3, entered + 1):
        told, bridge = rows_after(app, tmp_path / f"amid-{place}", [*story[:place], *tricks, *story[place:]])
        assert told[uid] == alone[uid], f"from frame {place} on"
        assert bridge.status.tainted > 100
        assert bridge.status.tainted_at is not None and bridge.status.tainted_call.startswith(
            ("1795426600.", "PJSIP/trunk")
        )
        row = the_call(uid)
        assert (row.doubtful, row.doubted_at) == (False, None)
        with app.app_context():
            db.session.execute(sa.delete(Call))
            db.session.commit()


def test_his_own_call_is_marked_on_its_page_and_in_the_chain_of_reasons(
    app: Flask, tmp_path: Path, as_: As, sofia: User
) -> None:
    told, _ = rows_after(app, tmp_path, amid([], 0, his_call("69\r\nEvent: Hangup\r\nX: y", 1_795_426_600.0)))
    call = the_call(HIS_UID)
    assert set(told) == {HIS_UID} and call.doubtful and call.result is Result.ABANDONED
    with app.test_request_context():
        assert sum("forges" in reason.text for reason in reasons.of(call)) == 1
    assert "The caller forges" in as_(sofia).get(f"/calls/{call.id}").text
    ledger = as_(sofia).get("/ledger").text
    assert "Somebody forges" in ledger and f"/calls/{call.id}" in ledger and "not confirmed yet" in ledger


# what is told of a doubtful call


def doubtful(events: list[CallEvent]) -> list[CallEvent]:
    return [replace(event, tainted=True) for event in events]


def callback() -> Callback:
    db.session.rollback()
    return db.session.scalars(sa.select(Callback)).unique().one()


@pytest.fixture
def owed(app: Flask) -> None:
    make_callback(DANA, first_missed_at=at(-300), last_missed_at=at(-300))


def test_his_conversation_closes_no_callback(owed: None, alice: User) -> None:
    tell(*doubtful(answered_call()))
    call = the_call()
    assert (call.state, call.result, call.doubtful) == (CallState.ENDED, Result.ANSWERED, True)
    assert callback().state is CallbackState.OPEN


def test_an_honest_conversation_closes_it(owed: None, alice: User) -> None:
    tell(*answered_call())
    assert callback().state is CallbackState.CLOSED


def test_what_the_books_confirm_closes_it(owed: None, alice: User) -> None:
    tell(*doubtful(answered_call()))
    enter(summary())
    assert (the_call().doubtful, callback().state) == (False, CallbackState.CLOSED)


def test_what_the_books_deny_does_not_and_is_a_callback_itself(app: Flask, alice: User) -> None:
    tell(*doubtful(answered_call()))
    enter(summary(result=Result.ABANDONED, answered_at=None, answered_by=(), talk=0.0, legs=()))
    call = the_call()
    assert (call.result, call.answered_at, call.doubtful) == (Result.ABANDONED, None, False)
    assert callback().state is CallbackState.OPEN


def test_where_no_books_are_the_list_of_channels_confirms_a_conversation(owed: None, alice: User) -> None:
    tell(*doubtful(answered_call()[:5]))
    tell(Resynced(at=at(6), open_uids=frozenset({"1.0"})))
    assert callback().state is CallbackState.OPEN
    tell(Resynced(at=at(7), open_uids=frozenset({"1.0"}), talking_uids=frozenset({"1.0"})))
    assert (the_call().doubtful, callback().state) == (False, CallbackState.CLOSED)
    tell(*doubtful(answered_call()[5:]))
    assert not the_call().doubtful  # told once, confirmed once


def test_a_doubtful_call_that_nobody_took_is_a_callback_at_once_and_confirmed_when_it_is_gone(app: Flask) -> None:
    given_up = summary(result=Result.ABANDONED, answered_at=None, answered_by=(), talk=0.0, legs=())
    tell(*doubtful([started(), CallEnded(uid="1.0", at=at(35), summary=given_up)]))
    assert callback().state is CallbackState.OPEN
    assert the_call().doubtful
    tell(Resynced(at=at(40)))
    assert not the_call().doubtful


def test_an_end_that_the_switch_does_not_know_of_is_none(owed: None, alice: User) -> None:
    """What cannot be told from the truth: the list of channels says that the call goes on."""
    tell(*answered_call())
    tell(Resynced(at=at(60), open_uids=frozenset({"1.0"}), talking_uids=frozenset({"1.0"})))
    call = the_call()
    assert (call.state, call.ended_at, call.result, call.doubtful) == (CallState.ANSWERED, None, None, True)
    assert [leg.ended_at for leg in call.legs if leg.answered_at] == [None]
    with db.session.no_autoflush:
        assert any(step.facts.get("event") == "Reopened" for step in reasons.why.steps_of(call))
    tell(CallEnded(uid="1.0", at=at(90), summary=summary(ended_at=at(90), talk=85.0)))
    call = the_call()
    assert (call.state, call.ended_at, call.talk_seconds) == (CallState.ENDED, at(90), 85.0)


def test_a_list_from_before_the_end_says_nothing_against_it(app: Flask, alice: User) -> None:
    tell(*answered_call())
    tell(Resynced(at=at(34), open_uids=frozenset({"1.0"})))
    assert the_call().state is CallState.ENDED


def test_what_the_books_have_said_no_list_changes(app: Flask, alice: User) -> None:
    tell(*answered_call())
    enter(summary())
    tell(Resynced(at=at(60), open_uids=frozenset({"1.0"})))
    assert the_call().state is CallState.ENDED


def test_who_answers_for_the_ledger_is_told_once_for_each_call(app: Flask, person: Callable[..., User]) -> None:
    sofia = person("sofia", "Sofia Head", role="supervisor")
    person("eve", "Eve New")
    tell(*doubtful([started(), LinesForged(uid="1.0", at=at(1)), LinesForged(uid="1.0", at=at(2))]))
    (notice,) = db.session.scalars(sa.select(Notice))
    assert (notice.user_id, notice.kind, notice.link) == (sofia.id, "call.forged", f"/calls/{the_call().id}")


def test_a_call_that_turns_out_to_be_part_of_his_is_doubtful_too(app: Flask, alice: User) -> None:
    tell(started("1.0"), *doubtful([started("2.0")]), CallsMerged(uid="1.0", at=at(3), merged="2.0"))
    assert the_call("1.0").doubtful


def test_of_a_doubtful_call_the_books_tell_as_of_any(app: Flask, alice: User) -> None:
    enter(booked("3.0", by="PJSIP/alice"))
    tell(*doubtful([started("3.0")]))
    assert not the_call("3.0").doubtful
