"""What agents declare, what their telephone system says of it, and which of the two holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from telephony.commands import Pause
from telephony.errors import SwitchUnavailable
from telephony.events import Member, MemberJoined, MemberLeft, MemberPaused, MembersListed
from telephony.fake.switch import FakeSwitch
from tests.conftest import PASSWORD
from webapp.accounts import breaks, capture
from webapp.accounts.actions import deactivate
from webapp.accounts.jobs import keep_in_step
from webapp.accounts.models import AgentStatus, ChangedBy, StatusPeriod, User
from webapp.db import db, now, transaction

As = Callable[[User], FlaskClient]
LATER = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _reasons(app: object) -> None:
    with transaction():
        breaks.plant()


@pytest.fixture
def at_work(alice: User, as_: As, client: FlaskClient, switch: FakeSwitch) -> FlaskClient:
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    keep_in_step(str(alice.id))
    switch.commands.clear()
    return client


def seen(user: User) -> tuple[AgentStatus, str]:
    db.session.rollback()
    db.session.refresh(user)
    return user.status, user.status_reason


def history(user: User) -> list[tuple[AgentStatus, str, ChangedBy]]:
    rows = db.session.scalars(sa.select(StatusPeriod).where(StatusPeriod.user_id == user.id).order_by(StatusPeriod.id))
    return [(row.status, row.reason, row.by) for row in rows]


def member(paused: bool, reason: str = "", queue: str = "sales", since: datetime | None = None) -> Member:
    return Member(queue=queue, line="PJSIP/alice", paused=paused, reason=reason, since=since)


def hears(paused: bool, reason: str = "", queue: str = "sales", at: datetime | None = None) -> None:
    capture.record(MemberPaused(at=at or now() + LATER, member=member(paused, reason, queue)), switch="main")


def joins(joined: Member) -> None:
    capture.record(MemberJoined(at=now() + LATER, member=joined), switch="main")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """For whom the bell of `keep_in_step` rang."""
    ids: list[UUID] = []
    monkeypatch.setattr(keep_in_step, "apply_async", lambda args, **_: ids.extend(map(UUID, args)))
    return ids


def lists(*members: Member, at: datetime | None = None, restarted: bool = False) -> None:
    capture.record(MembersListed(at=at or now() + LATER, members=members, restarted=restarted), switch="main")


def test_alice_goes_to_lunch_and_comes_back(at_work: FlaskClient, alice: User, switch: FakeSwitch) -> None:
    assert at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"}).status_code == 204
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    at_work.post("/me/status", json={"status": "available"})
    assert seen(alice) == (AgentStatus.AVAILABLE, "")
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch"), Pause("PJSIP/alice", False)]


def test_history_has_each_period_and_they_lie_end_to_end(at_work: FlaskClient, alice: User) -> None:
    for sent in ({"status": "on_break", "break_reason": "lunch"}, {"status": "on_break", "break_reason": "meeting"}):
        at_work.post("/me/status", json=sent)
        at_work.post("/me/status", json=sent)  # twice is once
    at_work.post("/logout")
    assert [row[:2] for row in history(alice)] == [
        (AgentStatus.AVAILABLE, ""),
        (AgentStatus.ON_BREAK, "lunch"),
        (AgentStatus.ON_BREAK, "meeting"),
        (AgentStatus.LOGGED_OUT, ""),
    ]
    rows = db.session.scalars(sa.select(StatusPeriod).order_by(StatusPeriod.id)).all()
    assert [row.ended_at for row in rows] == [*(row.began_at for row in rows[1:]), None]


@pytest.mark.parametrize("reason", ["siesta", "no-answer", "x\r\nAction: Originate", "9" * 90])
def test_a_reason_that_is_not_to_be_chosen_is_refused_by_name(at_work: FlaskClient, alice: User, reason: str) -> None:
    answer = at_work.post("/me/status", json={"status": "on_break", "break_reason": reason})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {"break_reason"})
    assert seen(alice)[0] is AgentStatus.AVAILABLE


def test_a_reason_that_was_put_away_cannot_be_chosen_any_more(at_work: FlaskClient, alice: User) -> None:
    with transaction():
        reason = breaks.reason_of("lunch")
        assert reason
        reason.active = False
    assert at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"}).status_code == 422


def test_logging_out_takes_the_phone_out_and_logging_in_puts_it_back(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    at_work.post("/logout")
    keep_in_step(str(alice.id))
    at_work.post("/login", data={"username": "alice", "password": PASSWORD})
    keep_in_step(str(alice.id))
    assert switch.commands == [Pause("PJSIP/alice", True, "logged-out"), Pause("PJSIP/alice", False)]


def test_whoever_does_not_work_here_any_more_is_out_of_all_queues(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    with transaction():
        deactivate(db.session.get_one(User, alice.id), at=now())
    keep_in_step(at=now() + LATER)
    assert switch.commands == [Pause("PJSIP/alice", True, "logged-out")]


def test_a_switch_that_was_away_is_told_when_it_is_back_and_once(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchUnavailable("it is off")
    assert at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"}).status_code == 503
    keep_in_step(at=now() + LATER)
    switch.refuse_with = None
    keep_in_step(at=now() + LATER)
    keep_in_step(at=now() + LATER)
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch")]


def test_nobody_who_never_declared_anything_is_touched(alice: User, switch: FakeSwitch) -> None:
    keep_in_step(at=now() + LATER)
    assert switch.commands == []


def test_a_feature_code_sends_alice_on_a_break_and_back(at_work: FlaskClient, alice: User, switch: FakeSwitch) -> None:
    hears(True, "Lunch")
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    hears(False, at=now() + 2 * LATER)
    assert seen(alice) == (AgentStatus.AVAILABLE, "")
    assert [row[2] for row in history(alice)] == [ChangedBy.AGENT, ChangedBy.SWITCH, ChangedBy.SWITCH]
    keep_in_step(at=now() + 9 * LATER)
    assert switch.commands == []  # it knows already


def test_a_reason_of_the_switchs_own_is_shown_as_it_says_it(at_work: FlaskClient, alice: User) -> None:
    hears(True, "<b>coffee</b>")
    assert seen(alice) == (AgentStatus.ON_BREAK, "<b>coffee</b>")
    page = at_work.get("/desk").text
    assert "&lt;b&gt;coffee" in page
    assert "<b>coffee" not in page


def test_only_who_is_out_of_every_queue_is_on_a_break(at_work: FlaskClient, alice: User) -> None:
    lists(member(False), member(False, queue="support"))
    hears(True, "lunch")
    assert seen(alice)[0] is AgentStatus.AVAILABLE
    hears(True, "lunch", queue="support")
    assert seen(alice)[0] is AgentStatus.ON_BREAK
    hears(False, queue="support", at=now() + 2 * LATER)
    assert seen(alice)[0] is AgentStatus.AVAILABLE


def test_the_echo_of_ones_own_command_changes_nothing(at_work: FlaskClient, alice: User) -> None:
    lists(member(False), member(False, queue="support"))
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    for queue in ("sales", "support"):
        hears(True, "lunch", queue=queue)
    at_work.post("/me/status", json={"status": "on_break"})
    hears(True, "break")
    assert len(history(alice)) == 3


def test_what_was_said_before_the_latest_declaration_is_past(at_work: FlaskClient, alice: User) -> None:
    before = now() - timedelta(minutes=1)
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    hears(False, at=before)
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")


def test_whoever_is_logged_out_stays_so(alice: User) -> None:
    hears(True, "lunch")
    hears(False, at=now() + 2 * LATER)
    lists(member(True, "lunch", since=now() + LATER))
    assert seen(alice)[0] is AgentStatus.LOGGED_OUT


def test_a_phone_of_nobodys_is_only_noted(alice: User) -> None:
    stranger = Member(queue="sales", line="PJSIP/999", paused=True)
    capture.record(MemberPaused(at=now(), member=stranger), switch="main")
    assert seen(alice)[0] is AgentStatus.LOGGED_OUT


# nobody listened for a while; then the switch lists who is in and who is out


def test_out_since_later_than_what_she_declared_is_a_break_since_then(at_work: FlaskClient, alice: User) -> None:
    since = (now() + LATER).replace(microsecond=0)
    lists(member(True, "lunch", since=since), at=now() + 2 * LATER)
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    assert alice.status_since == since


def test_out_since_earlier_is_corrected_on_the_switch(at_work: FlaskClient, alice: User, switch: FakeSwitch) -> None:
    for since in (datetime(2026, 1, 1, tzinfo=UTC), None):
        lists(member(True, "lunch", since=since))
        assert seen(alice)[0] is AgentStatus.AVAILABLE
        keep_in_step(at=now() + LATER)
    assert switch.commands == 2 * [Pause("PJSIP/alice", False)]


def test_back_in_though_the_switch_took_her_break_is_the_end_of_it(at_work: FlaskClient, alice: User) -> None:
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    lists(member(False))
    assert seen(alice) == (AgentStatus.AVAILABLE, "")


def test_in_because_the_switch_was_never_told_is_corrected(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    switch.refuse_with = SwitchUnavailable("it is off")
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    switch.refuse_with = None
    lists(member(False))
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    keep_in_step(at=now() + LATER)
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch")]


def test_a_switch_that_was_restarted_has_forgotten_and_is_told_again(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    switch.commands.clear()
    lists(member(False), restarted=True)
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    keep_in_step(at=now() + LATER)
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch")]


def test_a_list_that_was_made_before_the_switch_was_told_says_nothing(at_work: FlaskClient, alice: User) -> None:
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    lists(member(False), at=now())
    assert seen(alice)[0] is AgentStatus.ON_BREAK


def test_a_queue_that_she_joined_during_her_break_is_told_of_it(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    switch.commands.clear()
    lists(member(True, "lunch", since=now()), member(False, queue="new"))
    assert seen(alice)[0] is AgentStatus.ON_BREAK
    keep_in_step(at=now() + LATER)
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch")]


def test_a_queue_tells_by_itself_that_she_joined_and_hears_of_her_break_at_once(
    at_work: FlaskClient, alice: User, switch: FakeSwitch, rung: list[UUID]
) -> None:
    joins(member(False))
    assert (rung, switch.commands) == ([], [])
    at_work.post("/me/status", json={"status": "on_break", "break_reason": "lunch"})
    switch.commands.clear()
    joins(member(False, queue="new"))
    assert rung == [alice.id]
    keep_in_step(str(alice.id))
    assert seen(alice) == (AgentStatus.ON_BREAK, "lunch")
    assert switch.commands == [Pause("PJSIP/alice", True, "lunch")]
    joins(member(True, "lunch", queue="newer"))  # nothing to say
    keep_in_step(at=now() + LATER)
    assert len(switch.commands) == 1


def test_who_joins_a_queue_after_logging_out_is_left_there(
    at_work: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    at_work.post("/logout")
    keep_in_step(str(alice.id))
    switch.commands.clear()
    joins(member(False))
    keep_in_step(at=now() + LATER)
    assert (seen(alice)[0], switch.commands) == (AgentStatus.LOGGED_OUT, [])


def test_a_queue_that_she_left_has_no_say(at_work: FlaskClient, alice: User) -> None:
    lists(member(False), member(False, queue="support"))
    capture.record(MemberLeft(at=now(), member=member(False, queue="support")), switch="main")
    hears(True, "lunch")
    assert seen(alice)[0] is AgentStatus.ON_BREAK


def test_who_comes_for_the_first_time_stays_out_of_the_queue_that_somebody_took_her_out_of(
    client: FlaskClient, alice: User, switch: FakeSwitch
) -> None:
    lists(member(True), member(False, queue="support"))
    client.post("/login", data={"username": "alice", "password": PASSWORD})
    keep_in_step(str(alice.id))
    assert switch.commands == []
