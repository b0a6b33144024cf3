"""Offered = answered + closed + open, and each call that the books know is told alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import Direction, Result
from tests.factories import make_call, make_callback
from tests.webapp.books.stories import DANA_E164, all_of, answered, at, booked, ended, enter, only, started, tell
from webapp.accounts.models import User
from webapp.books import actions, checking, days, ledger, queries
from webapp.books.models import Incomplete, LedgerCheck, Source
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.tasks import actions as tasks
from webapp.tasks.ledger import open_or_join
from webapp.tasks.models import Callback, CallbackCall, CallbackState, ClosedAs


def checked() -> ledger.Balance:
    db.session.rollback()
    db.session.expire_all()
    return ledger.balance(at(-3600), at(7200))


def faults() -> list[str]:
    return [each.fault.value for each in checked().offenders]


def read_up_to(seconds: float) -> None:
    with transaction():
        actions.open_books("main", at=at(-3600)).began_at = at(-3600)
        actions.keep_place("main", {}, last_record_at=at(seconds), unparseable=0)


def test_all_that_was_offered_is_somewhere(app: Flask, alice: User) -> None:
    enter(booked("1.0"), booked("2.0", by="PJSIP/alice", start=100, end=160))
    enter(booked("3.0", start=200, end=230, customer=booked().customer))
    with transaction():
        tasks.dismiss(db.session.scalars(sa.select(Callback).where(Callback.open_key.is_not(None))).one(), alice, "no")
    enter(booked("4.0", start=300, end=330))
    enter(booked("5.0", by="PJSIP/alice", start=400, end=460, direction=Direction.OUTBOUND))
    found = checked()
    assert found.offenders == []
    assert (found.offered, found.answered, found.difference) == (4, 1, 0)
    assert found.closed + found.open == 3
    assert found.balances


def test_who_hung_up_at_once_is_closed_by_policy_and_counts(app: Flask) -> None:
    enter(booked())
    with transaction():
        entry = db.session.scalars(sa.select(Callback)).one()
        entry.state, entry.open_key, entry.closed_as, entry.closed_at = (
            CallbackState.CLOSED, None, ClosedAs.SHORT, at(30),
        )  # fmt: skip
    found = checked()
    assert (found.offered, found.closed, found.balances) == (1, 1, True)


def test_a_call_that_we_have_not_is_missing_in_the_balance(app: Flask) -> None:
    enter(booked())
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
        db.session.execute(sa.delete(Call))
    found = checked()
    assert (found.offered, found.difference, found.balances) == (1, 1, False)
    assert [(each.fault, each.uid) for each in found.offenders] == [("no_call", "1.0")]


def test_a_missed_call_without_an_entry_is_missing_in_the_balance(app: Flask) -> None:
    enter(booked())
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    assert (faults(), checked().difference) == (["no_entry"], 1)


def test_a_call_that_goes_on_here_and_is_over_there(app: Flask) -> None:
    enter(booked())
    with transaction():
        only(Call)
        db.session.execute(sa.update(Call).values(state="answered"))
    assert faults() == ["not_over"]


@pytest.mark.parametrize("columns", [{"result": Result.BUSY}, {"result": Result.ANSWERED, "answered_at": at(3)}])
def test_a_call_that_is_told_otherwise(app: Flask, columns: dict[str, object]) -> None:
    enter(booked())
    with transaction():
        db.session.execute(sa.update(Call).values(**columns))
    (offender,) = checked().offenders
    assert offender.fault is ledger.Fault.RESULT and offender.said == f"abandoned / {columns['result']}"


def test_a_caller_who_was_talked_to_and_is_still_on_the_list(app: Flask, alice: User) -> None:
    enter(booked(by="PJSIP/alice"))
    make_callback(DANA_E164, last_missed_at=at(-60), first_missed_at=at(-60))
    assert faults() == ["listed"]


def test_a_caller_who_called_again_after_the_conversation_is_rightly_on_the_list(app: Flask, alice: User) -> None:
    enter(booked(by="PJSIP/alice"), booked("2.0", start=100, end=130))
    assert faults() == []


def test_one_caller_whom_two_are_to_call_back(app: Flask) -> None:
    enter(booked())
    make_callback(DANA_E164, open_key="tel:other", last_missed_at=at(30), first_missed_at=at(30))
    assert faults() == ["two_entries"]


def test_a_call_that_the_books_have_not(app: Flask, alice: User) -> None:
    tell(started(), answered(), ended(booked(by="PJSIP/alice")))
    assert faults() == []  # they were not read
    read_up_to(60)
    assert faults() == []  # they may yet tell
    read_up_to(600)
    (offender,) = checked().offenders
    assert (offender.fault, offender.call_id) == (ledger.Fault.NO_BOOK, only(Call).id)
    assert queries.is_unbooked(only(Call))
    enter(booked(by="PJSIP/alice"))
    assert faults() == [] and not queries.is_unbooked(only(Call))


def test_what_never_was_at_the_switch_is_not_looked_for_there(app: Flask, alice: User) -> None:
    read_up_to(600)
    make_call(direction=Direction.OUTBOUND, result=Result.FAILED, started_at=at(0))
    make_call(direction=Direction.OUTBOUND, result=Result.AGENT_DECLINED, started_at=at(0), linkedid="9.0")
    assert faults() == []


def test_a_balance_is_of_its_time_and_its_switch(app: Flask) -> None:
    enter(booked())
    assert ledger.balance(at(1), at(3600)).offered == 0
    assert ledger.balance(at(0), at(1)).offered == 1
    assert ledger.balance(at(0), at(1), switch="other").offered == 0


# the firm's nights


ATHENS = "Europe/Athens"


@pytest.fixture
def athens(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BABEL_DEFAULT_TIMEZONE", ATHENS)


def test_a_day_has_twenty_three_or_twenty_five_hours_when_clocks_are_changed() -> None:
    lengths = [(end - begin) // timedelta(hours=1) for begin, end in
               (days.bounds(day, ATHENS) for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 25)))]  # fmt: skip
    assert lengths == [23, 25, 24]


def test_days_that_are_due() -> None:
    today = date(2026, 11, 25)
    assert days.due(today, None, date(2026, 11, 25)) == []
    assert days.due(today, None, date(2026, 11, 23)) == [date(2026, 11, 23), date(2026, 11, 24)]
    assert days.due(today, date(2026, 11, 23), date(2026, 1, 1)) == [date(2026, 11, 24)]
    assert len(days.due(today, None, date(2026, 1, 1))) == days.CATCH_UP


NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # half past midnight of the 25th in Athens


def began(day: datetime) -> None:
    with transaction():
        actions.open_books("main", at=day).began_at = day
        actions.keep_place("main", {}, last_record_at=day, unparseable=0)
        actions.note_end("main", NIGHT + timedelta(days=1))


def test_each_night_the_day_before_is_checked_once(athens: None) -> None:
    began(NIGHT - timedelta(hours=20))
    checking.check_what_is_due(NIGHT - timedelta(minutes=29))
    assert all_of(LedgerCheck) == []
    checking.check_what_is_due(NIGHT)
    check = only(LedgerCheck)
    assert (check.day, check.offered, check.balances, check.at) == (date(2026, 11, 24), 0, True, NIGHT)
    checking.check_what_is_due(NIGHT + timedelta(hours=3))
    assert only(LedgerCheck).at == NIGHT


def test_books_that_were_not_read_prove_nothing(athens: None) -> None:
    with transaction():
        actions.open_books("main", at=NIGHT).began_at = NIGHT - timedelta(hours=20)
        actions.note_end("main", NIGHT - timedelta(hours=8))
    checking.check_what_is_due(NIGHT)
    check = only(LedgerCheck)
    assert (check.offered, check.balances, check.incomplete) == (0, False, Incomplete.UNREAD)
    assert queries.incomplete_now() is Incomplete.UNREAD
    with transaction():
        actions.note_end("main", NIGHT)
    checking.check_what_is_due(NIGHT + timedelta(minutes=10))  # nobody waits for the next night
    assert only(LedgerCheck).balances and queries.incomplete_now() is None


def test_a_day_of_which_something_was_lost_is_not_complete(athens: None) -> None:
    began(NIGHT - timedelta(days=3))
    with transaction():
        actions.open_books("main").read_up_to = NIGHT - timedelta(hours=14)
        actions.note_damage("main", NIGHT - timedelta(hours=13), gaps=1, unparseable=0, unwritten=0)
        actions.note_end("main", NIGHT)
    checking.check_what_is_due(NIGHT)
    found = {check.day.day: check.incomplete for check in all_of(LedgerCheck)}
    assert found == {22: None, 23: None, 24: Incomplete.DAMAGED}


def test_what_the_books_tell_after_the_check_is_checked_the_next_night(athens: None) -> None:
    began(NIGHT - timedelta(hours=20))
    checking.check_what_is_due(NIGHT)
    noon = NIGHT - timedelta(hours=12)
    with transaction():
        late = booked(started_at=noon, ended_at=noon + timedelta(seconds=30))
        actions.enter(late, switch="main", source=Source.FILE, at=NIGHT + timedelta(hours=1))
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    checking.check_what_is_due(NIGHT + timedelta(days=1))
    check = queries.check_of(date(2026, 11, 24), "main")
    assert check and (check.offered, check.difference) == (1, 1)


def test_a_switch_that_stopped_to_write_its_books_is_noticed(app: Flask, alice: User) -> None:
    tell(started(), answered(), ended(booked(by="PJSIP/alice")))
    with transaction():
        actions.open_books("main", at=at(-3600)).began_at = at(-3600)
        actions.note_end("main", at(600))
    assert faults() == ["no_book"] and queries.is_unbooked(only(Call))


def test_nights_on_which_nothing_ran_are_made_good(athens: None) -> None:
    began(NIGHT - timedelta(days=3))
    checking.check_what_is_due(NIGHT)
    assert sorted(check.day.day for check in all_of(LedgerCheck)) == [22, 23, 24]


def test_a_day_that_did_not_balance_is_checked_again_the_next_night(athens: None, alice: User) -> None:
    began(NIGHT - timedelta(hours=20))
    noon = NIGHT - timedelta(hours=12)
    enter(booked(started_at=noon, ended_at=noon + timedelta(seconds=30)))
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    checking.check_what_is_due(NIGHT)
    check = only(LedgerCheck)
    assert (check.difference, check.offences, check.balances) == (1, 1, False)
    assert check.offenders[0]["fault"] == "no_entry" and queries.alarm() == 1
    with transaction():
        open_or_join(db.session.get_one(Call, only(Call).id))
    checking.check_what_is_due(NIGHT + timedelta(days=1))
    assert [check.balances for check in all_of(LedgerCheck)] == [True, True] and queries.alarm() == 0


def test_a_check_in_the_course_of_a_day_does_not_take_its_nights_place(athens: None) -> None:
    began(NIGHT - timedelta(hours=20))
    checking.check_now(NIGHT - timedelta(hours=8))
    assert {check.day.day for check in all_of(LedgerCheck)} == {23, 24}
    checking.check_what_is_due(NIGHT)
    assert queries.check_of(date(2026, 11, 24), "main").at == NIGHT  # type: ignore[union-attr]


def test_books_that_are_connected_anew_tell_nothing_of_the_past(app: Flask) -> None:
    with transaction():
        assert actions.open_books("main", at=now()).began_at > now() - timedelta(minutes=1)


def test_what_the_audit_of_the_callbacks_finds_does_not_balance(athens: None) -> None:
    began(NIGHT - timedelta(hours=20))
    noon = NIGHT - timedelta(hours=12)
    enter(booked(started_at=noon, ended_at=noon + timedelta(seconds=30)))
    with transaction():
        db.session.execute(sa.update(Callback).values(missed=7))
    checking.check_what_is_due(NIGHT)
    (offender,) = only(LedgerCheck).offenders
    assert (offender["fault"], offender["said"]) == ("rule", "an entry counts its calls")
    assert offender["callback_id"] == str(only(Callback).id)
