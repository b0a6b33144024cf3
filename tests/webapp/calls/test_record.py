"""What the switch tells becomes one true row a conversation, however often and in whatever order it is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallEvent,
    CallHeld,
    CallResumed,
    CallsMerged,
    CallStarted,
    CallSummary,
    Direction,
    HungUpBy,
    LegEnded,
    LegResult,
    LegRinging,
    LegSummary,
    QueueJoined,
    Result,
    Resynced,
)
from tests.factories import make_party
from webapp import live
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call, CallState
from webapp.contacts.models import OwnNumber
from webapp.db import db, transaction

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBER = "6944000001"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tell(*events: CallEvent | Resynced) -> None:
    for event in events:
        capture.record(event, switch="main")


def the_call(uid: str = "1.0") -> Call:
    db.session.rollback()
    return db.session.scalars(sa.select(Call).where(Call.uid == uid)).unique().one()


def count() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Call)) or 0


def started(uid: str = "1.0", number: str = NUMBER, name: str = "Dana", withheld: bool = False) -> CallStarted:
    return CallStarted(
        uid=uid, at=START, direction=Direction.INBOUND, customer=Caller(number, name, withheld), did="2100000100",
        linkedid=uid,
    )  # fmt: skip


def summary(uid: str = "1.0", **facts: object) -> CallSummary:
    values: dict[str, object] = {
        "uid": uid, "linkedid": uid, "direction": Direction.INBOUND, "customer": Caller(NUMBER, "Dana"),
        "did": "2100000100", "queue": "sales", "result": Result.ANSWERED, "hangup_by": HungUpBy.CUSTOMER, "cause": 16,
        "started_at": START, "answered_at": at(5), "ended_at": at(35), "answered_by": ("PJSIP/alice",),
        "rang": ("PJSIP/alice", "PJSIP/bob"), "wait": 5.0, "talk": 30.0,
        "legs": (
            LegSummary("1.1", "PJSIP/alice", "PJSIP/alice-01", at(1), at(5), at(35), LegResult.ANSWERED, 30.0),
            LegSummary("1.2", "PJSIP/bob", "PJSIP/bob-02", at(1), None, at(5), LegResult.ANSWERED_ELSEWHERE),
        ),
    }  # fmt: skip
    return CallSummary(**(values | facts))  # type: ignore[arg-type]


def answered_call() -> list[CallEvent]:
    return [
        started(),
        QueueJoined(uid="1.0", at=at(0.5), queue="sales", position=1),
        LegRinging(uid="1.0", at=at(1), leg="1.1", line="PJSIP/alice", channel="PJSIP/alice-01", queue="sales"),
        LegRinging(uid="1.0", at=at(1), leg="1.2", line="PJSIP/bob", channel="PJSIP/bob-02", queue="sales"),
        CallAnswered(uid="1.0", at=at(5), leg="1.1", line="PJSIP/alice", channel="PJSIP/alice-01"),
        LegEnded(uid="1.0", at=at(5), leg="1.2", line="PJSIP/bob", result=LegResult.ANSWERED_ELSEWHERE),
        CallHeld(uid="1.0", at=at(10), leg="1.1", line="PJSIP/alice"),
        CallResumed(uid="1.0", at=at(15), leg="1.1", line="PJSIP/alice"),
        LegEnded(uid="1.0", at=at(35), leg="1.1", line="PJSIP/alice", result=LegResult.ANSWERED),
        CallEnded(uid="1.0", at=at(35), summary=summary()),
    ]


def facts(call: Call) -> dict[str, object]:
    return {
        "state": call.state, "result": call.result, "number": call.number, "queue": call.queue, "did": call.did,
        "answered_at": call.answered_at, "ended_at": call.ended_at, "wait": call.wait_seconds, "talk": call.talk_seconds,
        "hangup_by": call.hangup_by, "cause": call.cause,
        "legs": sorted((leg.uid, leg.line, leg.answered_at, leg.ended_at, leg.result, leg.talk_seconds) for leg in call.legs),
    }  # fmt: skip


def test_a_conversation_is_one_row_with_its_legs_inside(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call())
    call = the_call()
    assert (call.state, call.result, call.number) == (CallState.ENDED, Result.ANSWERED, "+306944000001")
    assert (call.wait_seconds, call.talk_seconds, call.hangup_by, call.cause) == (5.0, 30.0, HungUpBy.CUSTOMER, 16)
    legs = {leg.line: leg for leg in call.legs}
    assert legs["PJSIP/alice"].user_id == alice.id
    assert legs["PJSIP/alice"].answered_at == at(5)
    assert legs["PJSIP/bob"].user_id == bob.id
    assert legs["PJSIP/bob"].result is LegResult.ANSWERED_ELSEWHERE


def test_it_follows_the_call_from_ringing_to_its_end(app: Flask, alice: User, bob: User) -> None:
    states = []
    for event in answered_call():
        tell(event)
        states.append(the_call().state.value)
    assert states == [*["ringing"] * 4, "answered", "answered", "held", "answered", "answered", "ended"]


def test_telling_everything_twice_changes_nothing(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call())
    once, version = facts(the_call()), the_call().version
    tell(*answered_call())
    assert facts(the_call()) == once
    assert the_call().version == version
    assert count() == 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_order_and_however_often_the_row_is_the_same(app: Flask, alice: User, bob: User, seed: int) -> None:
    tell(*answered_call())
    expected = facts(the_call())
    with transaction():
        db.session.delete(the_call())
    dice = random.Random(seed)
    rest = answered_call()[1:] * 2
    dice.shuffle(rest)
    tell(started(), *rest)
    assert facts(the_call()) == expected


def test_the_end_alone_is_enough_for_a_true_row(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call())
    expected = facts(the_call())
    with transaction():
        db.session.delete(the_call())
    tell(CallEnded(uid="1.0", at=at(35), summary=summary()))
    assert facts(the_call()) == expected


def test_a_late_ring_does_not_open_a_call_that_is_over(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call())
    tell(LegRinging(uid="1.0", at=at(40), leg="1.9", line="PJSIP/bob"))
    assert the_call().state is CallState.ENDED
    assert all(leg.ended_at for leg in the_call().legs)


def test_an_answer_is_never_taken_away(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call())
    poorer = summary(result=Result.ABANDONED, answered_at=None, answered_by=(), legs=(), talk=0.0)
    tell(CallEnded(uid="1.0", at=at(36), summary=poorer))
    assert (the_call().result, the_call().talk_seconds) == (Result.ANSWERED, 30.0)


def test_only_those_whose_phones_take_part_are_told(app: Flask, alice: User, bob: User, charlie: User) -> None:
    tell(*answered_call())
    assert live.version_of(alice.id) > 0
    assert live.version_of(bob.id) > 0
    assert live.version_of(charlie.id) == 0


def test_a_known_number_is_matched_to_its_contact(app: Flask, alice: User) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    tell(started())
    assert the_call().party_id == dana.id


def test_a_shared_number_is_matched_to_nobody_until_somebody_chooses(app: Flask, alice: User) -> None:
    make_party("Dana Reyes", "+306944000001")
    make_party("Daniel Reyes", "+306944000001")
    tell(started())
    assert the_call().party_id is None


def test_the_firms_own_number_never_matches(app: Flask, alice: User) -> None:
    make_party("Somebody", "+306944000001")
    with transaction():
        db.session.add(OwnNumber(value="+306944000001"))
    tell(started())
    assert the_call().party_id is None


def test_a_withheld_number_is_not_kept_even_when_the_switch_knows_it(app: Flask) -> None:
    tell(started(withheld=True))
    call = the_call()
    assert (call.withheld, call.number, call.number_raw, call.name_raw) == (True, None, "", "")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "Bob\r\nEvent: Hangup", "\u202egnp", "a'\"b", "Ω" * 10_000]
)
def test_a_hostile_name_is_kept_verbatim(app: Flask, name: str) -> None:
    tell(started(name=name))
    assert the_call().name_raw == name


def test_a_nul_which_no_database_keeps_is_replaced(app: Flask) -> None:
    tell(started(name="a\x00b", number="69\x00"))
    assert (the_call().name_raw, the_call().number_raw) == ("a\ufffdb", "69\ufffd")


def test_what_is_no_number_is_kept_as_it_came(app: Flask) -> None:
    tell(started(number="sales.bot"))
    assert (the_call().number, the_call().number_raw, the_call().withheld) == (None, "sales.bot", False)


def test_two_linkedids_of_one_conversation_become_one_row(app: Flask, alice: User, bob: User) -> None:
    tell(started("1.0"), LegRinging(uid="1.0", at=at(1), leg="1.1", line="PJSIP/alice"))
    tell(started("2.0"), LegRinging(uid="2.0", at=at(2), leg="2.1", line="PJSIP/bob"))
    tell(CallsMerged(uid="1.0", at=at(3), merged="2.0"))
    assert count() == 1
    assert {leg.uid for leg in the_call("1.0").legs} == {"1.1", "2.1"}


def test_an_event_of_an_unknown_call_makes_no_ghost(app: Flask) -> None:
    tell(LegEnded(uid="9.9", at=at(1), leg="9.1", line="PJSIP/alice", result=LegResult.NO_ANSWER))
    assert count() == 0


def test_after_an_outage_what_the_switch_no_longer_knows_is_lost(app: Flask, alice: User) -> None:
    tell(started("1.0"), started("2.0"))
    tell(LegRinging(uid="2.0", at=at(1), leg="2.1", line="PJSIP/alice"))
    tell(Resynced(at=at(60), open_uids=frozenset({"2.0"})))
    assert (the_call("1.0").result, the_call("1.0").ended_at) == (Result.LOST, at(60))
    assert the_call("2.0").state is CallState.RINGING


def test_after_an_outage_a_call_that_had_been_answered_stays_answered(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call()[:5])
    tell(Resynced(at=at(60)))
    assert (the_call().result, the_call().state) == (Result.ANSWERED, CallState.ENDED)


def test_a_call_that_was_lost_can_still_get_its_true_end(app: Flask, alice: User, bob: User) -> None:
    tell(*answered_call()[:4])
    tell(Resynced(at=at(60)))
    tell(CallEnded(uid="1.0", at=at(35), summary=summary()))
    assert (the_call().result, the_call().ended_at) == (Result.ANSWERED, at(35))


def test_the_phones_part_is_the_one_whose_line_it_was(app: Flask, alice: User, person: Callable[..., User]) -> None:
    tell(started(), LegRinging(uid="1.0", at=at(1), leg="1.1", line="PJSIP/nobody"))
    assert the_call().legs[0].user_id is None


def test_an_agents_talk_is_without_the_time_on_hold(app: Flask, alice: User) -> None:
    """When Alice's part ends only its length is known; how much of it the customer was on hold, the summary tells."""
    leg = LegSummary(
        uid="1.1",
        line="PJSIP/alice",
        rang_at=at(0),
        answered_at=at(2),
        ended_at=at(12),
        result=LegResult.ANSWERED,
        talk=4.0,
    )
    tell(
        started(),
        LegRinging(uid="1.0", at=at(0), leg="1.1", line="PJSIP/alice"),
        CallAnswered(uid="1.0", at=at(2), leg="1.1", line="PJSIP/alice"),
        LegEnded(uid="1.0", at=at(12), leg="1.1", line="PJSIP/alice", result=LegResult.ANSWERED),
        CallEnded(uid="1.0", at=at(12), summary=summary(answered_at=at(2), talk=4.0, hold=6.0, legs=(leg,))),
    )
    assert [each.talk_seconds for each in the_call().legs] == [4.0]
