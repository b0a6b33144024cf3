from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from telephony.commands import Originate, PhoneState
from telephony.events import Direction
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_party
from webapp.accounts import actions as accounts
from webapp.accounts.models import User
from webapp.calls.clearance import is_busy
from webapp.calls.decision import Callee, Caller, Occasion, Reason, decide
from webapp.calls.models import Call, CallingRule, CallState
from webapp.clock import Calendar
from webapp.contacts.models import OwnNumber
from webapp.db import db, now, transaction
from webapp.tasks.models import Callback, CallbackKind

As = Callable[[User], FlaskClient]
NINE_TO_NINE = Calendar.of("UTC", {str(day): [["09:00", "21:00"]] for day in range(7)})
ATHENS, LISBON = "Europe/Athens", "Europe/Lisbon"  # two hours apart
NEVER = {str(day): [["00:00", "00:01"]] for day in range(7)}


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 3, hour, minute, tzinfo=UTC)


def reasons(
    caller: Caller | None = None,
    callee: Callee | None = None,
    occasion: Occasion | None = None,
    hours: Calendar | None = None,
    moment: datetime | None = None,
) -> list[Reason]:
    decision = decide(
        caller or Caller(), callee or Callee("+306944000001"), occasion or Occasion(), hours, moment or at(12)
    )
    return [refusal.reason for refusal in decision.refusals]


def test_who_has_a_phone_and_time_may_call_a_number() -> None:
    assert reasons() == []


def test_each_reason_is_said_and_not_only_the_first() -> None:
    everything = reasons(
        Caller(is_logged_out=True, is_busy=True),
        Callee("+306944000001", do_not_call_at=at(1), zones=(ATHENS,)),
        hours=NINE_TO_NINE,
        moment=at(20),
    )
    assert everything == [Reason.LOGGED_OUT, Reason.DO_NOT_CALL, Reason.HOURS, Reason.BUSY]


def test_who_has_no_phone_needs_not_hear_that_they_are_logged_out() -> None:
    assert reasons(Caller(has_line=False, is_logged_out=True)) == [Reason.NO_LINE]


def test_hours_are_those_of_the_callees_clock() -> None:
    athens, lisbon = Callee("+302100000001", zones=(ATHENS,)), Callee("+351210000001", zones=(LISBON,))
    assert reasons(callee=athens, hours=NINE_TO_NINE, moment=at(7, 30)) == []
    assert reasons(callee=lisbon, hours=NINE_TO_NINE, moment=at(7, 30)) == [Reason.HOURS]
    assert reasons(callee=athens, hours=NINE_TO_NINE, moment=at(20)) == [Reason.HOURS]
    assert reasons(callee=lisbon, hours=NINE_TO_NINE, moment=at(20)) == []


def test_a_number_that_may_be_in_two_zones_is_called_when_it_is_day_in_both() -> None:
    both = Callee("+1", zones=(ATHENS, LISBON))
    early = decide(Caller(), both, Occasion(), NINE_TO_NINE, at(5))
    assert early.changes_at == at(9)  # nine in Lisbon
    open_now = decide(Caller(), both, Occasion(), NINE_TO_NINE, at(12))
    assert (open_now.is_allowed, open_now.changes_at) == (True, at(19))  # nine in the evening in Athens


def test_zones_that_are_never_awake_together_have_no_next_moment() -> None:
    morning = Calendar.of("UTC", {str(day): [["09:00", "10:00"]] for day in range(7)})
    decision = decide(Caller(), Callee("+1", zones=(ATHENS, LISBON)), Occasion(), morning, at(5))
    assert (decision.is_allowed, decision.changes_at) == (False, None)


def test_who_called_us_after_they_asked_not_to_be_called_is_called_back() -> None:
    dana = Callee("+306944000001", do_not_call_at=at(9))
    assert reasons(callee=dana, occasion=Occasion(called_us_at=at(8))) == [Reason.DO_NOT_CALL]
    assert reasons(callee=dana, occasion=Occasion(called_us_at=at(10))) == []


def test_an_hour_that_was_agreed_on_is_nobodys_night() -> None:
    assert reasons(occasion=Occasion(is_agreed=True), hours=NINE_TO_NINE, moment=at(23)) == []


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
    st.sampled_from([(ATHENS,), (LISBON,), (ATHENS, LISBON)]),
)
def test_what_a_decision_says_of_its_next_moment_is_true(naive: datetime, zones: tuple[str, ...]) -> None:
    moment = naive.replace(tzinfo=UTC)
    first = decide(Caller(), Callee("+1", zones=zones), Occasion(), NINE_TO_NINE, moment)
    assert first.changes_at is not None
    just_after = first.changes_at + timedelta(seconds=1)
    assert decide(Caller(), Callee("+1", zones=zones), Occasion(), NINE_TO_NINE, just_after).is_allowed is (
        not first.is_allowed
    )


# the same, asked for a page and by whoever presses the button all the same


def ask(browser: FlaskClient, *numbers: dict[str, str]) -> list[str | None]:
    answer = browser.post("/calling", json={"numbers": list(numbers)})
    assert answer.status_code == 200 and answer.json is not None
    refusals: list[str | None] = answer.json["refusals"]
    return refusals


def dial(browser: FlaskClient, number: str, **more: str) -> tuple[int, str]:
    answer = browser.post("/calls", json={"number": number, "key": str(uuid4())} | more)
    return answer.status_code, answer.json["error"]["message"] if answer.json and "error" in answer.json else ""


def test_a_contact_that_asked_not_to_be_called_is_not_called_under_any_number(
    alice: User, as_: As, switch: FakeSwitch
) -> None:
    browser = as_(alice)
    dana = make_party("Dana Reyes", "+306944000001", "+306944000002")
    form = {"name": "Dana Reyes", "numbers-0-number": "+306944000001", "numbers-1-number": "+306944000002"}
    browser.post(f"/contacts/{dana.id}/edit", data=form | {"asks_do_not_call": "1", "do_not_call": "y"})
    first, second, other = ask(browser, *({"number": f"69440000{n:02}"} for n in (1, 2, 3)))
    assert first and "not to be called" in first
    assert second == first and other is None
    assert dial(browser, "6944000001") == (409, first)
    assert switch.commands == []
    assert "Do not call" in browser.get(f"/contacts/{dana.id}").text
    browser.post(f"/contacts/{dana.id}/edit", data=form)  # a form that does not ask takes nothing back
    assert ask(browser, {"number": "6944000001"}) == [first]
    browser.post(f"/contacts/{dana.id}/edit", data=form | {"asks_do_not_call": "1"})
    assert ask(browser, {"number": "6944000001"}) == [None]


def test_a_number_that_is_not_to_be_called_is_so_for_whoever_shares_it(
    alice: User, as_: As, switch: FakeSwitch
) -> None:
    browser, dana = as_(alice), make_party("Dana Reyes", "+306944000001", "+306944000002")
    eli = make_party("Eli Reyes", "+306944000001")
    form = {"name": "Dana Reyes", "numbers-0-number": "+306944000001", "numbers-1-number": "+306944000002"}
    browser.post(f"/contacts/{dana.id}/edit", data=form | {"asks_do_not_call": "1", "numbers-0-do_not_call": "y"})
    first, second = ask(browser, {"number": "6944000001", "party": str(eli.id)}, {"number": "6944000002"})
    assert first and second is None


def test_of_those_who_share_a_number_only_who_asked_is_not_called(alice: User, as_: As, switch: FakeSwitch) -> None:
    dana, eli = make_party("Dana Reyes", "+306944000001"), make_party("Eli Reyes", "+306944000001")
    with transaction():
        db.session.merge(dana).do_not_call_at = now()
    number = {"number": "+306944000001"}
    for_dana, for_eli, for_either = ask(
        as_(alice), number | {"party": str(dana.id)}, number | {"party": str(eli.id)}, number
    )
    assert for_dana and for_either and for_eli is None


@pytest.mark.usefixtures("switch")
def test_outside_the_hours_only_what_was_agreed_is_called(alice: User, as_: As) -> None:
    with transaction():
        db.session.add(CallingRule(queue="", hours=NEVER))
        db.session.add(CallingRule(queue="support", hours={}))
    missed = make_callback("+306944000001", queue="sales")
    promised = make_callback("+306944000002", queue="sales", kind=CallbackKind.PROMISE, promised_for=now())
    support = make_callback("+306944000003", queue="support")
    browser = as_(alice)
    asked = [{"number": str(each.number), "callback": str(each.id)} for each in (missed, promised, support)]
    of_missed, of_promised, of_support = ask(browser, *asked)
    assert of_missed and "Athens" in of_missed
    assert of_promised is None and of_support is None
    answers = [
        browser.post(f"/callbacks/{each.id}/call", json={"key": str(uuid4())}).status_code
        for each in (missed, promised)
    ]
    assert answers == [409, 201]
    db.session.rollback()
    assert db.session.get_one(type(missed), missed.id).claimed_by is None  # nobody is on what was refused


def test_a_busy_agent_sees_it_at_every_number(alice: User, as_: As, switch: FakeSwitch) -> None:
    make_call(state=CallState.ANSWERED, answered_by=alice)
    assert ask(as_(alice), {"number": "6944000002"}) == ["You are in a call."]


def test_who_logged_out_at_the_phone_says_first_that_they_are_there(alice: User, as_: As, switch: FakeSwitch) -> None:
    with transaction():
        accounts.logged_in(db.session.get_one(User, alice.id))
    browser = as_(alice)
    assert ask(browser, {"number": "6944000002"}) == [None]
    with transaction():
        accounts.logged_out(db.session.get_one(User, alice.id))
    [why] = ask(browser, {"number": "6944000002"})
    assert why and "logged out" in why


def test_who_has_no_phone_is_told_at_the_button(sofia: User, as_: As) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    page = as_(sofia).get(f"/contacts/{dana.id}").text
    assert 'aria-disabled="true" data-refused="No phone is assigned to you.' in page


@pytest.mark.parametrize("numbers", [None, "x", [1], [{"number": 1}], [{"number": "1", "party": "x"}], [{}] * 301])
def test_what_is_no_list_of_numbers_is_refused(alice: User, as_: As, numbers: object) -> None:
    assert as_(alice).post("/calling", json={"numbers": numbers}).status_code == 422


def test_many_numbers_are_one_question(
    alice: User, as_: As, switch: FakeSwitch, questions: Callable[[Callable[[], object]], int]
) -> None:
    browser, few, many = as_(alice), [{"number": "6944000001"}], [{"number": f"69440001{n:02}"} for n in range(90)]
    ask(browser, *few)
    assert questions(lambda: ask(browser, *many)) == questions(lambda: ask(browser, *few))


# which of our numbers the customer sees


@pytest.fixture
def numbers(app: object) -> None:
    with transaction():
        db.session.add_all(
            [
                OwnNumber(value="+302100000100", label="Sales", switch="main", shown=True),
                OwnNumber(value="+302100000200", label="Support", switch="", shown=True),
                OwnNumber(value="+302100000300", label="Boss", switch="main", shown=False),
                OwnNumber(value="+302100000400", label="Athens", switch="other", shown=True),
            ]
        )


def test_a_phone_that_is_not_there_is_said_before_anything_rings(alice: User, as_: As, switch: FakeSwitch) -> None:
    callback = make_callback("+306944000003")
    browser = as_(alice)
    switch.phones["PJSIP/alice"] = PhoneState.AWAY
    status, said = dial(browser, "6944000001")
    assert status == 409 and "cannot be reached" in said
    answer = browser.post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    assert answer.status_code == 409 and "cannot be reached" in answer.json["error"]["message"]  # type: ignore[index]
    db.session.rollback()
    assert switch.commands == [] and not db.session.scalars(sa.select(Call)).unique().all()
    assert db.session.get_one(Callback, callback.id).claimed_by_id is None  # the claim went with the call
    del switch.phones["PJSIP/alice"]
    assert dial(browser, "6944000001")[0] == 201


@pytest.mark.parametrize("state", [PhoneState.UNKNOWN, PhoneState.RINGING, PhoneState.IN_CALL])
def test_what_nobody_knows_of_a_phone_keeps_nobody_from_calling(
    alice: User, as_: As, switch: FakeSwitch, state: PhoneState
) -> None:
    switch.phones["PJSIP/alice"] = state
    assert dial(as_(alice), "6944000001")[0] == 201


def test_a_switch_that_does_not_say_where_phones_are_is_asked_for_the_call(
    alice: User, as_: As, switch: FakeSwitch
) -> None:
    switch.tells_of_phones = False
    assert dial(as_(alice), "6944000001")[0] == 201
    assert len(switch.commands) == 1


@pytest.mark.usefixtures("numbers")
def test_the_number_that_was_chosen_for_a_call_is_asked_for(alice: User, as_: As, switch: FakeSwitch) -> None:
    assert dial(as_(alice), "6944000001", shown_number="+302100000200") == (201, "")
    db.session.rollback()
    call = db.session.scalars(sa.select(Call)).unique().one()
    assert switch.commands == [
        Originate(uid=str(call.id), line="PJSIP/alice", number="+306944000001", shown="+302100000200")
    ]


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("wanted", ["+302100000300", "+302100000400", "+306944000009", "x\r\ny"])
def test_nobody_is_shown_a_number_that_is_not_for_showing(
    alice: User, as_: As, switch: FakeSwitch, wanted: str
) -> None:
    assert dial(as_(alice), "6944000001", shown_number=wanted)[0] == 422
    assert switch.commands == []


@pytest.mark.usefixtures("numbers")
def test_else_the_queues_number_is_shown_else_the_agents_own_else_that_of_all(
    alice: User, as_: As, switch: FakeSwitch
) -> None:
    with transaction():
        db.session.add(CallingRule(queue="support", hours={}, shown_number="+302100000200"))
        db.session.get_one(User, alice.id).shown_number = "+302100000100"
    callback = make_callback("+306944000003", queue="support")
    browser = as_(alice)
    browser.post(f"/callbacks/{callback.id}/call", json={"key": str(uuid4())})
    with transaction():
        db.session.execute(sa.update(Call).values(state=CallState.ENDED, ended_at=now()))
    dial(browser, "6944000001")
    assert [command.shown for command in switch.commands if isinstance(command, Originate)] == [
        "+302100000200",
        "+302100000100",
    ]


def test_more_calls_at_once_are_a_setting(
    app: Flask, alice: User, switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["ringback.settings"]
    make_call(state=CallState.ANSWERED, answered_by=alice)
    assert is_busy(alice)
    monkeypatch.setitem(app.extensions, "ringback.settings", replace(settings, calls_at_once=2))
    assert not is_busy(alice)
    make_call(state=CallState.REQUESTED, direction=Direction.OUTBOUND, requested_by_id=alice.id)
    assert is_busy(alice)
