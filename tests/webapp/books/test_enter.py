"""What the switch wrote down is entered once, and our rows are brought in line with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from telephony.events import Caller, Direction, LegResult, Result, Resynced
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_party
from tests.webapp.books.stories import (
    DANA,
    DANA_E164,
    all_of,
    answered,
    at,
    booked,
    dump,
    ended,
    enter,
    only,
    rings,
    started,
    tell,
)
from webapp.accounts.models import User
from webapp.books import actions
from webapp.books.models import BookedCall, Recovery, RecoveryKind, Source
from webapp.calls import actions as calls
from webapp.calls import capture
from webapp.calls.models import Call, CallState, Leg
from webapp.calls.queries import in_bar
from webapp.db import db, now, transaction
from webapp.desk.cards import cards_of
from webapp.tasks.models import Callback, CallbackCall, ClosedAs
from webapp.timeline.models import Activity


def test_a_call_that_nobody_heard_of_is_created_and_says_so(app: Flask, alice: User) -> None:
    dana = make_party("Dana Reyes", DANA_E164)
    enter(booked(by="PJSIP/alice"))
    call, recovery = only(Call), only(Recovery)
    assert (call.uid, call.state, call.result, call.party_id) == ("1.0", CallState.ENDED, Result.ANSWERED, dana.id)
    assert (call.started_at, call.answered_at, call.ended_at) == (at(0), at(5), at(30))
    assert [(leg.user_id, leg.answered_at) for leg in call.legs] == [(alice.id, at(5))]
    assert (recovery.kind, recovery.call_id, recovery.before) == (RecoveryKind.CREATED, call.id, {})
    assert recovery.after["result"] == "answered" and recovery.happened_at == at(30)
    assert only(Activity).party_id == dana.id


def test_a_missed_call_that_nobody_heard_of_is_to_be_called_back_since_it_was_made(app: Flask) -> None:
    enter(booked())
    entry = only(Callback)
    assert entry.is_open and entry.number == DANA_E164
    assert (entry.first_missed_at, entry.last_missed_at) == (at(30), at(30))
    assert entry.due_at == at(30) + timedelta(minutes=30)


def test_who_was_reached_meanwhile_needs_no_call_any_more(app: Flask) -> None:
    tell(ended(booked("2.0", by="PJSIP/alice", start=600, end=660)))
    enter(booked("1.0"))
    entry = only(Callback)
    assert not entry.is_open and entry.closed_as is ClosedAs.RANG_IN and entry.closed_at == at(605)


def test_a_recovered_conversation_closes_what_was_open_before_it(app: Flask) -> None:
    tell(ended(booked("1.0")))
    assert only(Callback).is_open
    enter(booked("2.0", by="PJSIP/alice", start=600, end=660))
    assert not only(Callback).is_open


def test_a_call_that_is_told_late_does_not_pop(app: Flask, alice: User) -> None:
    rang = replace(booked(by="PJSIP/alice").legs[0], answered_at=None, result=LegResult.CANCELLED, talk=0.0)
    enter(booked(legs=(rang,)))
    assert only(Leg).user_id == alice.id
    assert list(in_bar(alice)) == []
    assert cards_of(alice) == []


def test_a_call_whose_end_was_not_seen_is_over(app: Flask, alice: User) -> None:
    tell(started(), rings(), answered())
    enter(booked(by="PJSIP/alice"))
    call, recovery = only(Call), only(Recovery)
    assert (call.state, call.result, call.ended_at) == (CallState.ENDED, Result.ANSWERED, at(30))
    assert recovery.kind is RecoveryKind.CLOSED
    assert recovery.before == {"result": None, "ended_at": None}
    assert recovery.after == {"result": "answered", "ended_at": at(30).isoformat()}


def test_a_call_that_was_lost_track_of_gets_its_true_end(app: Flask) -> None:
    tell(started(), Resynced(at=at(1800)))
    assert only(Call).result is Result.LOST
    assert only(Callback).first_missed_at == at(1800)
    enter(booked())
    call, entry = only(Call), only(Callback)
    assert (call.result, call.ended_at) == (Result.ABANDONED, at(30))
    assert (entry.first_missed_at, entry.last_missed_at) == (at(30), at(30))
    assert entry.due_at == at(30) + timedelta(minutes=30)
    assert only(Recovery).before["result"] == "lost"


def test_a_lost_call_that_was_answered_is_not_to_be_called_back(app: Flask, alice: User) -> None:
    tell(started(), Resynced(at=at(1800)))
    enter(booked(by="PJSIP/alice"))
    assert (only(Call).result, only(Callback).is_open) == (Result.ANSWERED, False)
    assert only(Leg).user_id == alice.id


def test_a_call_that_is_told_alike_is_only_noted(app: Flask, alice: User) -> None:
    tell(started(), rings(), answered(), ended(booked(by="PJSIP/alice")))
    version = only(Call).version
    assert enter(booked(by="PJSIP/alice", end=30.9)) == [None]
    call = only(Call)
    assert (call.version, call.ended_at) == (version, at(30))
    assert call.booked_at is not None
    assert all_of(Recovery) == [] and only(BookedCall).answered


def test_seconds_on_hold_which_the_books_do_not_know_stay(app: Flask, alice: User) -> None:
    tell(ended(replace(booked(by="PJSIP/alice"), talk=15.0, hold=10.0)))
    enter(booked(by="PJSIP/alice"))
    assert (only(Call).talk_seconds, only(Call).hold_seconds) == (15.0, 10.0)
    assert all_of(Recovery) == []


def test_a_forged_answer_is_taken_away_and_the_caller_is_called_back(app: Flask, alice: User) -> None:
    tell(started(), rings(), answered(seconds=3), ended(booked(by="PJSIP/alice")))
    assert all_of(Callback) == []
    enter(
        booked(
            legs=(replace(booked(by="PJSIP/alice").legs[0], answered_at=None, result=LegResult.CANCELLED, talk=0.0),)
        )
    )
    call, entry = only(Call), only(Callback)
    assert (call.result, call.answered_at, call.talk_seconds) == (Result.ABANDONED, None, 0.0)
    assert [(leg.answered_at, leg.result) for leg in call.legs] == [(None, LegResult.CANCELLED)]
    assert entry.is_open and entry.last_missed_at == at(30)
    assert only(Recovery).kind is RecoveryKind.REPAIRED


def test_what_a_forged_answer_closed_is_open_again(app: Flask, alice: User) -> None:
    tell(ended(booked("1.0")), started("2.0", start=100), answered("2.0", seconds=103))
    assert not only(Callback).is_open
    enter(booked("2.0", start=100, end=130))
    entry = only(Callback)
    assert entry.is_open and entry.closed_by_call_id is None and entry.missed == 2
    assert (entry.first_missed_at, entry.last_missed_at) == (at(30), at(130))


def test_a_forged_answer_does_not_open_what_a_true_one_closed(app: Flask, alice: User) -> None:
    tell(ended(booked("1.0")), started("2.0", start=100), answered("2.0", seconds=103))
    tell(ended(booked("3.0", by="PJSIP/alice", start=500, end=560)))
    enter(booked("2.0", start=100, end=130))
    assert [entry.is_open for entry in all_of(Callback)] == [False] * len(all_of(Callback))


def test_a_phone_that_only_a_forger_spoke_of_talked_to_nobody(app: Flask, alice: User) -> None:
    tell(started(), rings(line="PJSIP/alice"), answered(line="PJSIP/alice"), ended(booked(by="PJSIP/alice")))
    enter(booked())
    leg = only(Leg)
    assert (leg.line, leg.answered_at, leg.talk_seconds) == ("PJSIP/alice", None, 0.0)


def test_a_forged_call_of_ours_opens_nothing_that_a_true_one_closed(app: Flask, alice: User) -> None:
    ours = replace(started("2.0", start=100), direction=Direction.OUTBOUND)
    tell(ended(booked("1.0")), ours, answered("2.0", seconds=103))
    tell(ended(booked("3.0", by="PJSIP/alice", start=500, end=560)))
    true = next(call for call in all_of(Call) if call.uid == "3.0")
    enter(booked("2.0", start=100, end=130, direction=Direction.OUTBOUND, result=Result.NO_ANSWER))
    entry = only(Callback)
    assert (entry.is_open, entry.closed_by_call_id, entry.closed_at) == (False, true.id, at(505))


def test_a_forged_call_of_ours_leaves_the_caller_on_the_list(app: Flask, alice: User) -> None:
    ours = replace(started("2.0", start=100), direction=Direction.OUTBOUND)
    tell(ended(booked("1.0")), ours, answered("2.0", seconds=103))
    assert not only(Callback).is_open
    enter(booked("2.0", start=100, end=130, direction=Direction.OUTBOUND, result=Result.NO_ANSWER))
    entry = only(Callback)
    assert (entry.is_open, entry.open_key, entry.missed) == (True, f"tel:{DANA_E164}", 1)


def test_a_forged_end_does_not_stand(app: Flask, alice: User) -> None:
    tell(started(), ended(booked(end=2)), answered(), ended(booked(by="PJSIP/alice")))
    assert only(Call).ended_at == at(2)
    enter(booked(by="PJSIP/alice"))
    assert (only(Call).ended_at, only(Call).answered_at, only(Callback).is_open) == (at(30), at(5), False)


def test_what_the_books_settled_stays_whatever_is_told_afterwards(app: Flask, alice: User) -> None:
    enter(booked())
    before = dump()
    tell(started(), rings(), answered(), ended(booked(by="PJSIP/alice")), ended(booked(end=2)))
    assert dump() == before


def test_a_number_that_is_withheld_stays_so(app: Flask) -> None:
    hidden = booked(customer=Caller("", withheld=True))
    tell(ended(hidden))
    enter(booked(end=60))
    call, book = only(Call), only(BookedCall)
    assert (call.number, call.number_raw, call.name_raw, call.ended_at) == (None, "", "", at(60))
    assert book.number is None and DANA not in repr(book.summary)


def test_a_number_that_is_withheld_stays_so_whoever_settles_the_call(app: Flask) -> None:
    tell(replace(started(), customer=Caller("", withheld=True)))
    with transaction():
        capture.settle(booked(end=60), switch="main")
    assert (only(Call).number, only(Call).number_raw, only(Call).ended_at) == (None, "", at(60))


def test_a_number_that_turns_out_to_be_withheld_is_forgotten(app: Flask) -> None:
    enter(booked())
    tell(ended(booked(customer=Caller("", withheld=True))))
    assert (only(Call).number, only(Call).withheld) == (None, True)


def test_books_that_break_off_know_no_better(app: Flask, alice: User) -> None:
    tell(ended(booked(by="PJSIP/alice")))
    enter(booked(result=Result.LOST, end=12))
    assert (only(Call).result, only(Call).ended_at) == (Result.ANSWERED, at(30))
    assert all_of(Recovery) == []


def test_a_request_that_was_given_up_and_took_place(app: Flask, alice: User, switch: FakeSwitch) -> None:
    with transaction():
        call = calls.request_call(alice, DANA, str(uuid4()))
        call.started_at = at(-1)
    with transaction():
        calls.fail_call(db.session.get_one(Call, call.id), "unheard", at=at(60))
    enter(booked(call.uid, by="PJSIP/alice", direction=Direction.OUTBOUND, end=90))
    found = only(Call)
    assert (found.id, found.result, found.failure, found.ended_at) == (call.id, Result.ANSWERED, "", at(90))
    assert (found.started_at, only(Recovery).kind) == (at(-1), RecoveryKind.REPAIRED)


def test_two_entries_twice_change_nothing(app: Flask, alice: User) -> None:
    tell(started("3.0", start=200), Resynced(at=at(1800)), started("4.0", start=300), answered("4.0", seconds=310))
    story = [booked("1.0"), booked("2.0", by="PJSIP/alice", start=100, end=160), booked("3.0", start=200, end=220),
             booked("4.0", by="PJSIP/alice", start=300, end=320)]  # fmt: skip
    enter(*story)
    before = dump()
    assert enter(*story) == [None] * 4
    assert enter(*reversed(story)) == [None] * 4
    assert dump() == before
    assert len(all_of(Recovery)) == 4


def test_more_of_the_same_call_comes_later(app: Flask, alice: User) -> None:
    enter(booked(by="PJSIP/alice"), booked(by="PJSIP/alice", end=90))
    assert (only(Call).ended_at, only(BookedCall).ended_at) == (at(90), at(90))
    assert [each.kind for each in all_of(Recovery)] == [RecoveryKind.CREATED, RecoveryKind.REPAIRED]


def test_five_readers_of_the_same_books_leave_what_one_leaves(app: Flask, alice: User) -> None:
    make_callback("+306944000009")
    story = [
        booked(f"{n}.0", by="PJSIP/alice" if n % 3 == 0 else "", start=n * 100, end=n * 100 + 30) for n in range(6)
    ]
    together, troubles = Barrier(5), []

    def read() -> None:
        with app.app_context():
            together.wait()
            for call in story:
                _again(lambda call=call: enter(call))

    def _again(act: Callable[[], object]) -> None:
        for _ in range(20):
            try:
                act()
                return
            except OperationalError:  # SQLite: another one was writing for too long
                continue
            except Exception as error:
                troubles.append(error)
                return
        troubles.append(AssertionError("never got through"))

    db.session.remove()
    readers = [Thread(target=read) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert sorted(call.uid for call in all_of(Call)) == [call.uid for call in story]
    assert [each.kind for each in all_of(Recovery)] == [RecoveryKind.CREATED] * 6
    assert len(all_of(BookedCall)) == 6
    assert len(all_of(CallbackCall)) == 4
    assert {leg.line for leg in all_of(Leg)} == {"PJSIP/alice"}


@pytest.mark.parametrize("field", ["started_at", "ended_at"])
def test_a_call_without_a_beginning_or_an_end_is_no_entry(app: Flask, field: str) -> None:
    with pytest.raises(ValueError, match=r"1\.0"):
        enter(booked(**{field: None}))
    assert all_of(BookedCall) == []


def test_whatever_a_caller_wrote_can_be_kept(app: Flask) -> None:
    hostile = "\x00\ud800'; DROP TABLE call; --\r\nEvent: Hangup" + "x" * 20_000
    enter(booked(customer=Caller(hostile, hostile), did=hostile, queue=hostile))
    call = only(Call)
    assert call.number is None and "DROP TABLE" in call.number_raw
    assert only(Callback).is_open


def test_books_that_were_sent_say_so(app: Flask) -> None:
    enter(booked(), source=Source.SPOOLED)
    assert (only(BookedCall).source, only(Recovery).source) == (Source.SPOOLED, Source.SPOOLED)
    assert only(Recovery).recovered_at <= now()


def test_books_that_break_off_do_not_shorten_what_was_heard(app: Flask, alice: User) -> None:
    whole = booked(by="PJSIP/alice", end=30)
    tell(started(), rings(), answered(), ended(whole))
    enter(booked(by="PJSIP/alice", end=6, cut_off=True))
    call = only(Call)
    assert (call.ended_at, call.talk_seconds, call.booked_at is not None) == (at(30), 25.0, True)
    assert all_of(Recovery) == []


def test_a_demo_firms_past_is_nothing_that_the_switch_must_know(app: Flask) -> None:
    make_call(started_at=now() - timedelta(hours=5))
    with transaction():
        place = actions.open_books("main")
        assert now() - place.began_at < timedelta(minutes=1)
