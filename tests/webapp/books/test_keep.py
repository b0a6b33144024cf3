"""The books are read all the time, and nothing of them is lost whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from config.settings import Settings, SwitchSettings
from telephony.events import CallSummary, Transfer
from telephony.replay import as_truth, from_truth
from tests.webapp.books.stories import all_of, at, booked, ended, enter, only, started, tell
from webapp.books import actions, ledger
from webapp.books.jobs import try_again
from webapp.books.keeper import Bookkeeper, Told
from webapp.books.models import BookedCall, BooksDamage, BooksPlace, Incomplete, Recovery, RecoveryKind
from webapp.books.patience import Bridge, is_due
from webapp.books.reading import open_reader
from webapp.calls.models import Call
from webapp.db import now, transaction
from webapp.tasks.models import Callback

FIXTURES = Path(__file__).parents[2] / "fixtures" / "books"
AWAY, UP_TO_DATE, BEHIND = Bridge(False, False), Bridge(True, False), Bridge(True, True)


class Pages:
    """Books that are written while the story goes on; a page is what one look finds."""

    def __init__(self) -> None:
        self.pages: list[list[CallSummary]] = []
        self.turned = 0
        self.opened_at: list[dict[str, Any]] = []

    def open(self, cel: Path, queue_log: Path, trunks: Sequence[str], cursor: dict[str, Any]) -> Pages:
        self.opened_at.append(cursor)
        self.turned = cursor.get("page", 0)
        return self

    def read(self) -> list[CallSummary]:
        if self.turned == len(self.pages):
            return []
        self.turned += 1
        return self.pages[self.turned - 1]

    def place(self) -> dict[str, Any]:
        return {"page": self.turned}

    def told(self) -> Told:
        return Told(records=self.turned, last_record_at=at(self.turned))


class Stage:
    def __init__(self, app: Flask, folder: Path) -> None:
        self.app, self.pages, self.bridge = app, Pages(), AWAY
        (folder / "cel-custom").mkdir()
        (folder / "cel-custom" / "ringback.csv").touch()
        settings: Settings = app.extensions["ringback.settings"]
        self.switch = replace(settings.switch("main"), books=str(folder))
        self.keeper = self.another()

    def another(self) -> Bookkeeper:
        """As after a restart."""
        return Bookkeeper(self.app, self.switch, lambda: self.bridge, self.pages.open)

    def write(self, *calls: CallSummary) -> None:
        self.pages.pages.append(list(calls))


@pytest.fixture
def stage(app: Flask, tmp_path: Path) -> Stage:
    with transaction():
        actions.open_books("main", at=at(-60)).began_at = at(-60)
    return Stage(app, tmp_path)


def test_what_the_books_tell_is_entered(stage: Stage) -> None:
    stage.write(booked())
    stage.keeper.turn(at(31))
    assert only(Recovery).kind is RecoveryKind.CREATED
    assert only(Callback).last_missed_at == at(30)
    assert stage.keeper.health()["recovered"] == 1


def test_a_call_that_events_are_about_to_end_is_left_to_them(stage: Stage) -> None:
    stage.bridge = UP_TO_DATE
    tell(started())
    stage.write(booked())
    stage.keeper.turn(at(31))
    assert all_of(BookedCall) == [] and stage.keeper.health()["waiting"] == 1
    tell(ended(booked()))
    stage.keeper.turn(at(36))
    assert only(BookedCall).uid == "1.0"
    assert all_of(Recovery) == []


def test_an_end_that_events_did_not_tell_is_made_good_after_a_grace(stage: Stage) -> None:
    stage.bridge = UP_TO_DATE
    tell(started())
    stage.write(booked())
    stage.keeper.turn(at(31))
    stage.keeper.turn(at(35.1))
    assert only(Recovery).kind is RecoveryKind.CLOSED


@pytest.mark.parametrize(
    ("bridge", "ended_ago", "told_ago", "due"),
    [
        (AWAY, 0, 0, True),
        (UP_TO_DATE, 4, 0, False),
        (UP_TO_DATE, 5, 0, True),
        (UP_TO_DATE, -3600, 1, False),  # the switch's clock is ahead
        (UP_TO_DATE, -3600, 30, True),
        (BEHIND, 3600, 29, False),
        (BEHIND, 3600, 30, True),
        (Bridge(connected=False, behind=True), 3600, 1, False),
    ],
)
def test_who_is_waited_for(bridge: Bridge, ended_ago: float, told_ago: float, due: bool) -> None:
    moment = at(0)
    ended_at, told_at = (moment - timedelta(seconds=ago) for ago in (ended_ago, told_ago))
    assert is_due(ended_at, told_at, moment, bridge) is due


def test_the_place_is_kept_only_when_all_before_it_is_entered(stage: Stage) -> None:
    stage.bridge = UP_TO_DATE
    stage.write(booked())
    stage.keeper.turn(at(31))
    assert only(BooksPlace).cursor == {}
    stage.keeper.turn(at(36))
    assert (only(BooksPlace).cursor, only(BooksPlace).last_record_at) == ({"page": 1}, at(1))


def test_books_that_say_nothing_are_read_to_the_end_all_the_same(stage: Stage) -> None:
    stage.keeper.turn(at(10))
    assert only(BooksPlace).read_up_to == at(10)
    stage.keeper.turn(at(80))
    assert only(BooksPlace).read_up_to == at(80)


def test_what_waits_is_not_read_to_the_end(stage: Stage) -> None:
    stage.bridge = UP_TO_DATE
    stage.write(booked())
    stage.keeper.turn(at(31))
    assert only(BooksPlace).read_up_to is None
    stage.keeper.turn(at(36))
    assert only(BooksPlace).read_up_to == at(36)


def test_what_could_not_be_read_is_noted_with_the_time_in_which_it_was_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.keeper.turn(at(10))
    monkeypatch.setattr(Pages, "told", lambda self: Told(gaps=1, unparseable=2))
    for seconds in (90, 91):
        stage.keeper.turn(at(seconds))
    damage = only(BooksDamage)
    assert (damage.since, damage.at, damage.gaps, damage.unparseable) == (at(10), at(90), 1, 2)


def test_after_a_restart_reading_goes_on_where_it_was(stage: Stage) -> None:
    stage.write(booked())
    stage.keeper.turn(at(31))
    stage.write(booked("2.0", start=100, end=130))
    stage.another().turn(at(131))
    assert stage.pages.opened_at == [{}, {"page": 1}]
    assert sorted(call.uid for call in all_of(Call)) == ["1.0", "2.0"]


def test_a_reader_that_dies_before_it_notes_its_place_reads_again_and_changes_nothing(stage: Stage) -> None:
    stage.bridge = UP_TO_DATE
    stage.write(booked())
    stage.keeper.turn(at(31))
    enter(booked())
    stage.another().turn(at(36))
    assert len(all_of(Recovery)) == len(all_of(Call)) == 1


def test_a_database_that_is_away_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.write(booked(), booked("2.0", start=100, end=130))
    stage.keeper.turn(at(0))  # it is open
    stage.pages.turned = 0

    def away(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("away"))

    stage.write(booked("3.0", start=200, end=230))
    with monkeypatch.context() as outage:
        outage.setattr(actions, "enter", away)
        for _ in range(8):
            with pytest.raises(sa.exc.OperationalError):
                stage.keeper.turn(at(300))
    assert stage.keeper.health()["set_aside"] == 0
    for _ in range(3):
        stage.keeper.turn(at(300))
    assert sorted(call.uid for call in all_of(Call)) == ["1.0", "2.0", "3.0"]


def test_one_call_that_cannot_be_entered_does_not_hold_up_the_others(stage: Stage) -> None:
    stage.write(booked("x" * 200), booked("2.0", start=100, end=130))
    stage.keeper.turn(at(131))
    assert only(Call).uid == "2.0"
    assert stage.keeper.health()["set_aside"] == 1


def test_a_call_that_cannot_be_entered_is_named_and_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("poison")

    call = booked(by="PJSIP/alice")
    stage.write(call)
    with monkeypatch.context() as poison:
        poison.setattr(actions.capture, "settle", fails)
        for _ in range(4):
            with pytest.raises(RuntimeError):
                stage.keeper.turn(at(31))
        stage.keeper.turn(at(31))
        try_again(now())
    assert all_of(Call) == [] and only(BookedCall).set_aside_at is not None
    assert [each.fault.value for each in ledger.balance(at(-60), at(60)).offenders] == ["no_call"]
    stage.keeper.turn(at(600))
    assert ledger.incomplete(at(-60), at(60), switch="main", at=at(600)) is Incomplete.DAMAGED
    try_again(now())
    assert only(BookedCall).set_aside_at is None and only(Recovery).kind is RecoveryKind.CREATED
    assert (only(Call).result, [leg.line for leg in only(Call).legs]) == ("answered", ["PJSIP/alice"])
    assert ledger.incomplete(at(-60), at(60), switch="main", at=at(600)) is None


def test_a_call_is_the_same_after_it_was_written_down() -> None:
    call = booked(by="PJSIP/alice", agent="PJSIP/alice", transfers=(Transfer("blind", "PJSIP/alice", "200", "ok"),))
    assert from_truth(as_truth(call)) == call


def test_what_was_before_the_books_were_connected_is_not_ours(stage: Stage) -> None:
    stage.write(booked("old", start=-7200, end=-7100), booked())
    stage.keeper.turn(at(31))
    assert only(Call).uid == "1.0"


def test_a_folder_that_is_not_there_is_told_and_a_file_that_will_be_made_is_not(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "cel-custom" / "ringback.csv").unlink()
    stage.keeper.turn(at(0))
    assert stage.keeper.health()["problem"] == ""
    stage.switch = replace(stage.switch, books="/nowhere")
    keeper = stage.another()
    keeper.turn(at(0))
    assert keeper.health()["problem"] == "/nowhere is not there"


def test_books_as_asterisk_writes_them(app: Flask, tmp_path: Path) -> None:
    with transaction():
        place = actions.open_books("main")
        place.began_at = datetime.fromisoformat("2020-01-01T00:00:00Z")
    settings: Settings = app.extensions["ringback.settings"]
    switch: SwitchSettings = replace(settings.switch("main"), books=str(tmp_path))
    (tmp_path / "cel-custom").mkdir()
    cel, queue_log = tmp_path / "cel-custom" / "ringback.csv", tmp_path / "queue_log"
    whole = (FIXTURES / "in-queue-abandoned.cel.csv").read_bytes()
    queue_log.write_bytes((FIXTURES / "in-queue-abandoned.queue_log").read_bytes())
    cel.write_bytes(whole[: len(whole) // 2])
    keeper = Bookkeeper(app, switch, lambda: AWAY, open_reader)
    keeper.turn(at(0))
    assert all_of(Call) == []
    cel.write_bytes(whole)
    another = Bookkeeper(app, switch, lambda: AWAY, open_reader)
    another.turn(at(1))
    assert [(call.result, call.queue) for call in all_of(Call)] == [("abandoned", "sales")]
    told = another.health()
    assert (told["behind"], told["unparseable"], told["problem"]) == (0, 0, "") and told["last_record_at"]
