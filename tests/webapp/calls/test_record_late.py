"""The truth comes late sometimes: what was concluded too early is taken back, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallEvent,
    CallsMerged,
    CallStarted,
    CallSummary,
    Direction,
    LegEnded,
    LegResult,
    LegRinging,
    Result,
    Resynced,
)
from telephony.fake.switch import FakeSwitch
from tests.factories import make_disposition
from webapp.accounts.models import User
from webapp.calls import actions, capture
from webapp.calls.jobs import end_unheard_requests
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.desk.cards import cards_of
from webapp.tasks.models import Callback

As = Callable[[User], FlaskClient]
T = TypeVar("T")
BEGAN = now() - timedelta(minutes=2)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def tell(*events: CallEvent | Resynced) -> None:
    for event in events:
        capture.record(event, switch="main")


def only(model: type[T]) -> T:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(model)).unique().one()


def started(uid: str = "1.0", direction: Direction = Direction.INBOUND) -> CallStarted:
    return CallStarted(
        uid=uid, at=BEGAN, direction=direction, customer=Caller("6944000001", "Dana"), did="210", linkedid=uid
    )


def rings(uid: str = "1.0", leg: str = "1.1", line: str = "PJSIP/alice", seconds: float = 1) -> LegRinging:
    return LegRinging(uid=uid, at=at(seconds), leg=leg, line=line, channel=f"{line}-01")


def answered(uid: str = "1.0", leg: str = "1.1", line: str = "PJSIP/alice", seconds: float = 5) -> CallAnswered:
    return CallAnswered(uid=uid, at=at(seconds), leg=leg, line=line, channel=f"{line}-01")


def ended(uid: str = "1.0", *, was_answered: bool, seconds: float = 30) -> CallEnded:
    summary = CallSummary(
        uid=uid, linkedid=uid, direction=Direction.INBOUND, customer=Caller("6944000001", "Dana"), did="210",
        result=Result.ANSWERED if was_answered else Result.ABANDONED, started_at=BEGAN,
        answered_at=at(5) if was_answered else None, ended_at=at(seconds), talk=25.0 if was_answered else 0.0,
    )  # fmt: skip
    return CallEnded(uid=uid, at=at(seconds), summary=summary)


def test_a_call_that_was_answered_after_all_needs_no_callback(app: Flask) -> None:
    tell(ended(was_answered=False))
    assert only(Callback).is_open
    tell(ended(was_answered=True))
    assert only(Call).result is Result.ANSWERED
    assert not only(Callback).is_open


def test_a_call_that_an_outage_lost_and_the_books_know_needs_none_either(app: Flask) -> None:
    tell(started(), Resynced(at=at(10)))
    assert only(Callback).is_open
    tell(ended(was_answered=True))
    assert not only(Callback).is_open


def test_a_withheld_caller_who_was_answered_after_all_is_taken_back_too(app: Flask) -> None:
    tell(started(), Resynced(at=at(10)))
    with transaction():
        only(Callback).open_key = "call:anonymous"
    tell(answered())
    assert not only(Callback).is_open


def test_a_request_given_up_too_early_comes_back_with_its_card(app: Flask, alice: User, switch: FakeSwitch) -> None:
    with transaction():
        call = actions.request_call(alice, "6944000001", str(uuid4()))
        call.started_at = now() - timedelta(seconds=70)
    end_unheard_requests.run()
    assert only(Call).result is Result.FAILED
    uid = call.uid
    tell(started(uid, Direction.OUTBOUND), rings(uid, leg=uid), answered(uid, leg=uid))
    assert [card.call.state for card in cards_of(alice)] == ["answered"]


def test_an_agent_with_two_phones_ends_and_wraps_up_the_one_that_was_answered(
    person: Callable[..., User], as_: As, switch: FakeSwitch
) -> None:
    alice = person("alice", "Alice Martin", lines=("PJSIP/alice", "PJSIP/mobile"))
    make_disposition()
    tell(started(), rings(), rings(leg="1.2", line="PJSIP/mobile", seconds=1.1), answered())
    tell(LegEnded(uid="1.0", at=at(5), leg="1.2", line="PJSIP/mobile", result=LegResult.ANSWERED_ELSEWHERE))
    browser, call_id = as_(alice), only(Call).id
    assert browser.post(f"/calls/{call_id}/hangup", json={}).status_code == 204
    assert [command.channel for command in switch.commands] == ["PJSIP/alice-01"]  # type: ignore[union-attr]
    tell(LegEnded(uid="1.0", at=at(35), leg="1.1", line="PJSIP/alice", result=LegResult.ANSWERED))
    assert browser.post(f"/calls/{call_id}/wrap-up", json={"disposition": "sale"}).status_code == 204
    db.session.rollback()
    assert cards_of(alice) == []


def test_the_same_click_twice_rings_once(as_: As, alice: User, switch: FakeSwitch) -> None:
    browser, click = as_(alice), {"number": "6944000001", "key": str(uuid4())}
    ids = {browser.post("/calls", json=click).json["id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(switch.commands) == 1


def test_two_rows_of_one_conversation_keep_what_was_written_and_said_on_either(app: Flask, alice: User) -> None:
    for uid in ("1.0", "2.0"):
        tell(started(uid), rings(uid, leg=f"{uid}.1"), answered(uid, leg=f"{uid}.1"))
    with transaction():
        for call in db.session.scalars(sa.select(Call)).unique().all():
            actions.write_note(call, alice, f"on {call.uid}")
    tell(CallsMerged(uid="1.0", at=at(6), merged="2.0"))
    assert [note.text for note in only(Call).notes] == ["on 1.0\non 2.0"]


def test_the_conversation_that_closed_a_callback_is_still_named_after_a_merge(app: Flask, alice: User) -> None:
    missed = CallSummary(
        uid="0.5", linkedid="0.5", direction=Direction.INBOUND, customer=Caller("6944000001"), result=Result.ABANDONED,
        started_at=at(-40), ended_at=at(-30),
    )  # fmt: skip
    tell(CallEnded(uid="0.5", at=at(-30), summary=missed))
    tell(started("2.0"), rings("2.0"), answered("2.0"), started("1.0"))
    tell(CallsMerged(uid="1.0", at=at(6), merged="2.0"))
    db.session.rollback()
    kept = db.session.scalars(sa.select(Call).where(Call.uid == "1.0")).unique().one()
    assert kept.answered_at == at(5)
    assert only(Callback).closed_by_call_id == kept.id


@pytest.mark.parametrize("late", [LegEnded(uid="1.0", at=at(50), leg="1.1", line="PJSIP/alice", result=LegResult.BUSY)])
def test_a_call_that_the_switch_ended_is_not_brought_back(app: Flask, alice: User, late: CallEvent) -> None:
    tell(started(), rings(), answered(), ended(was_answered=True), rings(seconds=60), late)
    assert only(Call).is_over
