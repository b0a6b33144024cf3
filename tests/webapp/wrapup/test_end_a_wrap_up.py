"""The time after a call: how it begins, is extended and ends, and that nothing rings meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

import pytest
from flask.testing import FlaskClient

from telephony.commands import Pause
from telephony.events import (
    CallAnswered,
    CallEnded,
    Caller,
    CallStarted,
    CallSummary,
    Direction,
    LegEnded,
    LegResult,
    LegRinging,
    LegSummary,
    Member,
    MemberPaused,
    MembersListed,
    QueueJoined,
    Result,
)
from telephony.fake.switch import FakeSwitch
from tests.conftest import PASSWORD
from tests.factories import make_disposition
from webapp.accounts import capture as accounts
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.models import AgentStatus, User
from webapp.agents.queries import AgentState, state_of
from webapp.calls import capture
from webapp.calls.models import Call
from webapp.db import db, now, transaction
from webapp.wrapup import form_rows
from webapp.wrapup.jobs import end_wrap_ups

SECOND = timedelta(seconds=1)
OUT, IN = Pause("PJSIP/alice", True, "wrap-up"), Pause("PJSIP/alice", False)
uids = count(1)


@pytest.fixture
def at_work(alice: User, client: FlaskClient, switch: FakeSwitch) -> FlaskClient:
    make_disposition("sale", "Sale")
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    follows(alice)
    switch.commands.clear()
    return client


@pytest.fixture
def limit(app: object) -> None:
    """A minute in the queue of sales, and half a minute more for who asks."""
    with transaction():
        form_rows.save_form("sales", {"limit_seconds": "60", "more_seconds": "30"})


def talked(queue: str = "sales", at: datetime | None = None) -> Call:
    uid, at = f"{next(uids)}.1", at or now()
    leg = {"leg": f"{uid}2", "line": "PJSIP/alice"}
    summary = CallSummary(
        uid=uid, direction=Direction.INBOUND, customer=Caller("6944000001"), result=Result.ANSWERED, queue=queue,
        linkedid=uid, answered_at=at - 9 * SECOND, started_at=at - 10 * SECOND, ended_at=at,
        legs=(LegSummary(uid=leg["leg"], line=leg["line"], rang_at=at, answered_at=at - 9 * SECOND, ended_at=at,
                         result=LegResult.ANSWERED),),
    )  # fmt: skip
    for event in (
        CallStarted(uid=uid, at=at - 10 * SECOND, direction=Direction.INBOUND, customer=Caller("6944000001")),
        QueueJoined(uid=uid, at=at - 10 * SECOND, queue=queue, position=1),
        LegRinging(uid=uid, at=at - 10 * SECOND, **leg),
        CallAnswered(uid=uid, at=at - 9 * SECOND, **leg),
        CallEnded(uid=uid, at=at, summary=summary),
    ):
        capture.record(event, switch="main")
    return db.session.query(Call).filter_by(uid=uid).one()


def follows(user: User | None = None, at: datetime | None = None) -> None:
    """The switch is told what there is to tell."""
    db.session.rollback()
    keep_in_step(str(user.id) if user else "", at=at)


def state(alice: User, at: datetime | None = None) -> AgentState:
    db.session.rollback()
    db.session.refresh(alice)
    return state_of(alice, at).state


def echo(paused: bool, reason: str = "") -> None:
    """What the switch says of what it was told."""
    heard = Member(queue="sales", line="PJSIP/alice", paused=paused, reason=reason)
    accounts.record(MemberPaused(at=now() + SECOND, member=heard), switch="main")


@pytest.mark.usefixtures("limit")
def test_after_a_call_nothing_rings_until_alice_has_saved(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    call = talked()
    follows(alice)
    echo(True, "wrap-up")
    assert (switch.commands, state(alice), alice.status) == ([OUT], AgentState.WRAP_UP, AgentStatus.AVAILABLE)
    bar = at_work.get("/desk/callbar").text
    assert "Save and ready" in bar
    assert "More time" in bar
    at_work.post(f"/calls/{call.id}/wrap-up", json={"disposition": "sale"})
    follows(alice)
    assert (switch.commands, state(alice)) == ([OUT, IN], AgentState.IDLE)


@pytest.mark.usefixtures("limit")
def test_a_minute_later_she_is_ready_whatever_she_wrote(at_work: FlaskClient, alice: User, switch: FakeSwitch) -> None:
    call = talked()
    follows(alice)
    at_work.put(f"/calls/{call.id}/notes", json={"text": "Wants the red"})
    end_wrap_ups(now() + 59 * SECOND)
    assert state(alice) is AgentState.WRAP_UP
    assert state(alice, now() + 61 * SECOND) is AgentState.IDLE  # also before anybody swept
    end_wrap_ups(now() + 61 * SECOND)
    follows(alice)
    assert (switch.commands, state(alice)) == ([OUT, IN], AgentState.IDLE)
    assert call.notes[0].text == "Wants the red"
    page = at_work.get(f"/calls/{call.id}").text
    assert 'value="sale"' in page  # how it ended can be said there
    end_wrap_ups(now() + 99 * SECOND)
    follows(at=now() + 99 * SECOND)
    assert len(switch.commands) == 2


@pytest.mark.usefixtures("limit")
def test_she_asks_for_more_time_as_often_as_she_needs_it(at_work: FlaskClient, alice: User) -> None:
    call = talked()
    for _ in range(2):
        assert at_work.post(f"/calls/{call.id}/more-time", json={}).status_code == 204
    end_wrap_ups(now() + 118 * SECOND)
    assert state(alice) is AgentState.WRAP_UP
    end_wrap_ups(now() + 121 * SECOND)
    assert state(alice) is AgentState.IDLE
    assert at_work.post(f"/calls/{call.id}/more-time", json={}).status_code == 409


def test_where_there_is_no_limit_calls_come_meanwhile_and_no_time_runs_out(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    call = talked("support")
    follows(at=now() + 30 * SECOND)
    end_wrap_ups(now() + timedelta(hours=2))
    assert (switch.commands, state(alice)) == ([], AgentState.WRAP_UP)
    bar = at_work.get("/desk/callbar").text
    assert "Save and finish" in bar
    assert "More time" not in bar
    assert at_work.post(f"/calls/{call.id}/more-time", json={}).status_code == 409


def test_a_queue_without_an_own_limit_has_the_one_of_all_others(at_work: FlaskClient) -> None:
    with transaction():
        form_rows.save_form("", {"limit_seconds": "90"})
        form_rows.save_form("sales", {"limit_seconds": "0"})
    for queue, seconds in (("support", 90), ("sales", None)):
        (leg,) = talked(queue).legs
        assert (leg.wrap_up_until and leg.ended_at and (leg.wrap_up_until - leg.ended_at).total_seconds()) == seconds


@pytest.mark.usefixtures("limit")
def test_who_hands_the_call_on_has_their_own_wrap_up_while_it_lasts(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    uid, at = f"{next(uids)}.1", now()
    leg = {"leg": f"{uid}2", "line": "PJSIP/alice"}
    for event in (
        CallStarted(uid=uid, at=at, direction=Direction.INBOUND, customer=Caller("6944000001")),
        QueueJoined(uid=uid, at=at, queue="sales", position=1),
        CallAnswered(uid=uid, at=at, **leg),
        LegEnded(uid=uid, at=at, result=LegResult.ANSWERED, **leg),
    ):
        capture.record(event, switch="main")
    follows(alice)
    assert (switch.commands, state(alice)) == ([OUT], AgentState.WRAP_UP)


@pytest.mark.usefixtures("limit")
def test_a_break_during_it_is_a_break_and_afterwards_the_rest_of_it_is_left(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    call = talked()
    follows(alice)
    at_work.post("/me/status", json={"status": "on_break"})
    echo(True, "break")
    at_work.post(f"/calls/{call.id}/wrap-up", json={"disposition": "sale"})
    follows(alice)
    assert switch.commands[:2] == [OUT, Pause("PJSIP/alice", True, "break")]
    assert IN not in switch.commands
    assert state(alice) is AgentState.IDLE
    at_work.post("/me/status", json={"status": "available"})
    assert switch.commands[-1] == IN


@pytest.mark.usefixtures("limit")
def test_what_the_switch_lists_of_it_is_no_break(at_work: FlaskClient, alice: User, switch: FakeSwitch) -> None:
    call = talked()
    follows(alice)
    out = Member(queue="sales", line="PJSIP/alice", paused=True, reason="wrap-up", since=now() + SECOND)
    accounts.record(MembersListed(at=now() + 2 * SECOND, members=(out,)), switch="main")
    assert (state(alice), alice.status) == (AgentState.WRAP_UP, AgentStatus.AVAILABLE)
    at_work.post(f"/calls/{call.id}/wrap-up", json={"disposition": "sale"})
    follows(alice)
    accounts.record(MembersListed(at=now() + 3 * SECOND, members=(out,)), switch="main")  # a word of ours got lost
    follows(alice)
    assert (switch.commands, alice.status) == ([OUT, IN, IN], AgentStatus.AVAILABLE)


@pytest.mark.usefixtures("limit")
def test_whom_somebody_took_out_of_one_queue_is_left_there(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    here = Member(queue="sales", line="PJSIP/alice", paused=False)
    out = Member(queue="support", line="PJSIP/alice", paused=True, reason="not trained")
    accounts.record(MembersListed(at=now(), members=(here, out)), switch="main")
    call = talked()
    at_work.post(f"/calls/{call.id}/wrap-up", json={"disposition": "sale"})
    follows(at=now() + 30 * SECOND)
    assert switch.commands == []


@pytest.mark.usefixtures("limit")
def test_a_call_that_her_phone_answered_before_she_was_here_holds_nobody_back(alice: User, switch: FakeSwitch) -> None:
    (leg,) = talked().legs
    assert (leg.wrap_up_until, switch.commands) == (None, [])


@pytest.mark.usefixtures("limit")
def test_a_call_that_was_heard_of_too_late_holds_nobody_back(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    with transaction():
        db.session.get_one(User, alice.id).logged_in_at = now() - timedelta(hours=1)
    talked(at=now() - 5 * timedelta(minutes=1))
    follows(alice)
    end_wrap_ups()
    assert (switch.commands, state(alice)) == ([], AgentState.IDLE)


@pytest.mark.usefixtures("limit")
def test_nobody_is_held_back_for_a_call_that_is_not_there_any_more(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    call = talked()
    follows(alice)
    with transaction():
        db.session.delete(db.session.get_one(Call, call.id))
    end_wrap_ups(now() + 61 * SECOND)
    follows(alice)
    assert switch.commands == [OUT, IN]
