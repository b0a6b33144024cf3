from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from telephony.events import Direction
from tests.factories import make_call, make_callback, make_party
from webapp.accounts.models import User
from webapp.agents import targets
from webapp.agents.models import Measure, Target
from webapp.db import db, now, transaction
from webapp.desk.mine import day_of, missed_by, progress_of
from webapp.tasks import promises
from webapp.tasks.models import Callback, CallbackState, ClosedAs

As = Callable[[User], FlaskClient]
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
pytestmark = pytest.mark.req("R72")


def mine(user: User, number: str, due_at: datetime, **more: object) -> Callback:
    return make_callback(number, assigned_to_id=user.id, due_at=due_at, **more)


def numbers(items: list) -> list[str | None]:  # type: ignore[type-arg]
    return [item.callback.number_e164 for item in items]


def test_what_is_mine_stands_in_the_order_of_its_moments_and_nobody_elses_does(
    app: object, alice: User, bob: User
) -> None:
    at = now()
    mine(alice, "+306944000003", at + timedelta(minutes=50))
    mine(alice, "+306944000001", at - timedelta(minutes=5))
    mine(
        alice,
        "+306944000002",
        at + timedelta(minutes=40),
        state=CallbackState.WAITING,
        retry_at=at + timedelta(minutes=1),
    )
    mine(alice, "+306944000004", at + timedelta(days=2))
    mine(bob, "+306944000005", at)
    make_callback("+306944000006")
    day = day_of(alice, at)
    assert numbers(day.overdue) == ["+306944000001"]
    assert numbers(day.all) == [f"+30694400000{n}" for n in (1, 2, 3, 4)]
    assert numbers(day.later)[-1] == "+306944000004"


def test_what_i_promised_comes_at_the_moment_that_i_promised(app: object, alice: User) -> None:
    at = now()
    promised = at + timedelta(hours=1)
    with transaction():
        promises.promise("+306944000001", promised, by=db.session.get_one(User, alice.id), note="the red ones")
    [item] = day_of(alice, at).all
    assert item.at == promised and item.callback.note == "the red ones"


def test_the_page_and_the_desk_show_it_and_say_when_there_is_nothing(alice: User, as_: As) -> None:
    browser = as_(alice)
    assert "Nothing is yours to do" in browser.get("/day").text
    dana = make_party("Dana Reyes", "+306944000001")
    mine(alice, "+306944000001", now() - timedelta(minutes=1), party_id=dana.id)
    assert "Overdue" in browser.get("/day").text
    for page in ("/day", "/desk"):
        assert "Dana Reyes" in browser.get(page).text


def test_a_target_is_ones_own_else_the_teams(app: object, alice: User, bob: User, charlie: User) -> None:
    with transaction():
        db.session.add(Target(team_id=alice.team_id, measure=Measure.CONVERSATIONS, amount=40))
        db.session.add(Target(team_id=alice.team_id, measure=Measure.CALLBACKS, amount=5))
        db.session.add(Target(user_id=alice.id, measure=Measure.CONVERSATIONS, amount=30))
    assert targets.targets_of(alice) == {Measure.CONVERSATIONS: 30, Measure.CALLBACKS: 5}
    assert targets.targets_of(bob) == {Measure.CONVERSATIONS: 40, Measure.CALLBACKS: 5}
    assert targets.targets_of(charlie) == {}


def test_the_day_counts_talks_calls_minutes_and_callbacks_of_today_alone(app: object, alice: User, bob: User) -> None:
    at = now()
    talked = make_call(answered_by=alice, started_at=at - timedelta(seconds=100))
    make_call(answered_by=alice, direction=Direction.OUTBOUND, requested_by_id=alice.id, started_at=at)
    make_call(answered_by=bob, ringing=(alice,), started_at=at)
    make_call(answered_by=alice, started_at=at - timedelta(days=2))
    for leg in talked.legs:
        with transaction():
            db.session.merge(leg).talk_seconds = 150
    closed = {"open_key": None, "state": CallbackState.CLOSED, "closed_by_call_id": talked.id, "closed_at": at}
    make_callback("+306944000001", closed_as=ClosedAs.CALLED_BACK, **closed)
    make_callback("+306944000002", closed_as=ClosedAs.DISMISSED, **closed)
    done = {each.measure: each.done for each in progress_of(alice, at + timedelta(seconds=1))}
    assert done == {
        Measure.CONVERSATIONS: 2,
        Measure.CALLS_PLACED: 1,
        Measure.TALK_MINUTES: 2,
        Measure.CALLBACKS: 1,
    }


def test_progress_says_how_far_one_is() -> None:
    done, wanted = {Measure.CONVERSATIONS: 45, Measure.CALLBACKS: 1}, {Measure.CONVERSATIONS: 40, Measure.CALLBACKS: 4}
    by_measure = {each.measure: each for each in targets.progress(done, wanted)}
    assert by_measure[Measure.CONVERSATIONS].reached and by_measure[Measure.CONVERSATIONS].percent == 100
    assert not by_measure[Measure.CALLBACKS].reached and by_measure[Measure.CALLBACKS].percent == 25
    assert by_measure[Measure.TALK_MINUTES].target is None


# setting them


def test_a_supervisor_sets_them_for_the_team_and_for_one_of_it(alice: User, sofia: User, as_: As) -> None:
    browser = as_(sofia)
    sent = {f"team-{alice.team_id}-conversations": "40", f"user-{alice.id}-callbacks": "7"}
    assert browser.post("/settings/targets", data=sent).status_code == 303
    db.session.rollback()
    assert targets.targets_of(alice) == {Measure.CONVERSATIONS: 40, Measure.CALLBACKS: 7}
    page = browser.get("/settings/targets").text
    assert 'value="40"' in page and 'placeholder="40"' in page
    browser.post("/settings/targets", data={f"user-{alice.id}-callbacks": ""})
    db.session.rollback()
    assert targets.targets_of(alice) == {Measure.CONVERSATIONS: 40}
    assert "/ 40" in as_(alice).get("/desk").text


def test_another_team_is_none_of_a_supervisors_business(charlie: User, sofia: User, as_: As) -> None:
    browser = as_(sofia)
    assert "Charlie Dupont" not in browser.get("/settings/targets").text
    browser.post("/settings/targets", data={f"user-{charlie.id}-conversations": "1"})
    db.session.rollback()
    assert targets.targets_of(charlie) == {}


@pytest.mark.parametrize("typed", ["0", "-1", "many", "10001", "1.5", "٣", "9" * 40])
def test_what_is_no_number_is_named_and_nothing_is_lost(alice: User, sofia: User, as_: As, typed: str) -> None:
    sent = {f"team-{alice.team_id}-conversations": "40", f"user-{alice.id}-callbacks": typed}
    answer = as_(sofia).post("/settings/targets", data=sent)
    assert answer.status_code == 422
    assert f'id="user-{alice.id}-callbacks-error"' in answer.text and 'value="40"' in answer.text
    db.session.rollback()
    assert targets.targets_of(alice) == {}


def test_an_agent_sets_none(alice: User, as_: As) -> None:
    assert as_(alice).post("/settings/targets", data={}).status_code == 403


def test_a_call_that_rang_here_and_was_answered_by_nobody_is_missed_today(app: object, alice: User, bob: User) -> None:
    at = now()
    make_call(ringing=(alice,), started_at=at)
    make_call(ringing=(alice,), started_at=at - timedelta(days=2))
    make_call(answered_by=bob, ringing=(alice,), started_at=at)
    make_call(answered_by=alice, started_at=at)
    assert missed_by(alice, at - timedelta(seconds=1)) == 1


@pytest.mark.parametrize("page", ["/desk", "/day"])
def test_each_figure_of_the_day_stands_once_and_a_target_makes_a_meter_of_it(as_: As, alice: User, page: str) -> None:
    words = ("Conversations", "Calls placed", "Minutes talked", "Callbacks done", "Missed calls")
    html = as_(alice).get(page).get_data(as_text=True)
    assert all(html.count(f"<dt>{word}</dt>") == 1 for word in words)
    assert "<meter" not in html and "Talk time" not in html
    with transaction():
        db.session.add(Target(user_id=alice.id, measure=Measure.CONVERSATIONS, amount=40))
    html = as_(alice).get(page).get_data(as_text=True)
    assert all(html.count(f"<dt>{word}</dt>") == 1 for word in words)
    assert html.count("<meter") == 1 and 'aria-label="Conversations: 0 of 40"' in html
