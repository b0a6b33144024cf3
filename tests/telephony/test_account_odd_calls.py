"""Calls of the books that are not among the recorded ones: cut off by a restart, or of a rarer kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from telephony.books.accountant import Accountant
from telephony.books.records import CelRecord, QueueRecord
from telephony.events import CallSummary, Direction, HungUpBy, Result
from tests.telephony.books import TRUNKS, Record, account, cel, configured, step

SECOND = timedelta(seconds=1)


# ------------------------------------------------------------------------------------------------------ customer first

OURS, NUMBER = "019aa5f0-1111-7000-8000-000000000001", "6944000001"
LOCAL = {"uid": OURS, "channel": f"Local/{NUMBER}@ringback-outbound-1;1", "exten": NUMBER}
OTHER = {"uid": f"{OURS};2", "linkedid": OURS, "channel": f"Local/{NUMBER}@ringback-outbound-1;2", "exten": NUMBER}
DANA = {"uid": "1.3", "linkedid": OURS, "channel": "PJSIP/trunk-3"}
PHONE = {"uid": "1.4", "linkedid": OURS, "channel": "PJSIP/alice-4", "number": "1001"}
DIALLED = {"app": "AppDial", "app_data": "(Outgoing Line)"}


def _customer_first(*, until: str) -> list[Record]:
    """What the books have of it, and where it ended."""
    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    outside = {"app": "Dial", "app_data": f"PJSIP/{NUMBER}@trunk,30", "number": "2100000100"}
    inside = {"app": "Dial", "app_data": "PJSIP/alice,20,m", "number": NUMBER}
    one, two = {"bridge_id": "b1"}, {"bridge_id": "b2"}
    cause = {"hangupcause": "17" if until == "busy" else "16", "hangupsource": "", "dialstatus": ""}
    dana_hangs_up = {**cause, "hangupsource": DANA["channel"]}
    story: list[Record] = [
        step(at, "CHAN_START", **LOCAL),
        step(at, "CHAN_START", **OTHER),
        step(at, "APP_START", **OTHER, **outside),
        step(at + 0.1 * SECOND, "CHAN_START", **DANA, exten="s"),
    ]
    picked_up, rung, talks = at + 4 * SECOND, at + 7 * SECOND, until == "answered"
    if until != "busy":
        story += [
            step(picked_up, "ANSWER", **DANA, number=NUMBER, **DIALLED),
            step(picked_up, "ANSWER", **OTHER, **outside),
            step(picked_up, "BRIDGE_ENTER", **DANA, extra=one),
            step(picked_up, "BRIDGE_ENTER", **OTHER, extra=one),
            step(picked_up, "ANSWER", **LOCAL, app="AppDial2", app_data="(Outgoing Line)"),
            step(picked_up, "APP_START", **LOCAL, **inside),
            step(picked_up + 0.1 * SECOND, "CHAN_START", **PHONE, exten="s"),
        ]
    if talks:
        story += [
            step(rung, "ANSWER", **PHONE, **DIALLED),
            step(rung, "BRIDGE_ENTER", **PHONE, extra=two),
            step(rung, "BRIDGE_ENTER", **LOCAL, extra=two),
        ]
    end = rung + 20 * SECOND if talks else picked_up if until == "busy" else rung
    phones = [] if until == "busy" else [PHONE]
    for side in (DANA, OTHER, *phones, LOCAL):
        by = dana_hangs_up if until in ("answered", "abandoned", "busy") and side is DANA else cause
        if side is PHONE and until == "no answer":
            by = {**cause, "hangupcause": "0"}
        story += [step(end, "HANGUP", **side, extra=by), step(end, "CHAN_END", **side)]
    return [*story, step(end, "LINKEDID_END", **LOCAL)]


@pytest.mark.parametrize(
    ("until", "result", "talk"),
    [
        ("answered", Result.ANSWERED, 20),
        ("busy", Result.BUSY, 0),
        ("abandoned", Result.ABANDONED, 0),
        ("no answer", Result.AGENT_NO_ANSWER, 0),
    ],
)
def test_a_customer_who_is_called_first(until: str, result: Result, talk: float) -> None:
    """By the customer's number, though the dial plan shows one of ours; whoever picks up talks to nobody yet."""
    ((call,), _) = account(_customer_first(until=until))
    assert (call.uid, call.direction, call.result) == (OURS, Direction.OUTBOUND, result)
    assert (call.customer.number, call.talk) == (NUMBER, pytest.approx(talk, abs=0.2))
    assert call.wait == pytest.approx(4, abs=0.2)
    assert call.answered_by == (("PJSIP/alice",) if talk else ())


# --------------------------------------------------------------------------------------------------- the switch restarts


def _until_answered(scenario: str) -> Sequence[Record]:
    everything = configured(scenario)
    return everything[: 1 + max(i for i, record in enumerate(everything) if record.event == "BRIDGE_ENTER")]


@pytest.mark.parametrize("told_by", ["queue_log", "channel name", "somebody"])
def test_a_switch_that_was_killed_leaves_calls_that_ended_at_their_last_sign(told_by: str) -> None:
    waiting = [r for r in configured("in-queue-abandoned") if r.event in ("CHAN_START", "ANSWER", "APP_START")]
    _, accountant = account(waiting)
    at = waiting[-1].at + timedelta(seconds=20)
    if told_by == "queue_log":
        told = accountant.feed(
            QueueRecord(at=at, uniqueid="NONE", queue="NONE", agent="NONE", event="QUEUESTART", data=("",))
        )
    elif told_by == "channel name":
        told = accountant.feed(step(at, "CHAN_START", uid="1795429999.0", channel="PJSIP/trunk-00000002"))
    else:
        told = accountant.switch_restarted(at)
    (call,) = told
    assert (call.result, call.hangup_by, call.queue, call.ended_at) == (Result.LOST, None, "sales", waiting[-1].at)


def test_a_conversation_that_a_restart_cut_was_answered_all_the_same() -> None:
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    (call,) = accountant.switch_restarted(talking[-1].at + timedelta(minutes=1))
    assert (call.result, call.answered_by, call.ended_at) == (Result.ANSWERED, ("PJSIP/1007",), talking[-1].at)


def test_a_restart_that_was_none_is_taken_back() -> None:
    everything = configured("in-direct-answered")
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    accountant.switch_restarted(talking[-1].at + 0.1 * SECOND)
    *_, call = [call for record in everything[len(talking) :] for call in accountant.feed(record)]
    assert call == account(everything)[0][0]


def test_a_caller_cannot_restart_the_switch() -> None:
    """A line break in the caller's number reaches queue_log as it is."""
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    later = talking[-1].at + timedelta(seconds=30)
    torn = QueueRecord(
        at=later, uniqueid="1795420000.1", queue="sales", agent="NONE", event="ENTERQUEUE", data=("", "69")
    )
    forged = QueueRecord(at=later, uniqueid="NONE", queue="NONE", agent="NONE", event="QUEUESTART", data=("",))
    assert accountant.feed(torn) == accountant.feed(forged) == []
    assert accountant.open_uids()


# ------------------------------------------------------------------------------------------------------ less usual calls


def test_a_click_to_call_that_nobody_picked_up_is_known_by_the_id_that_we_gave() -> None:
    given_id = "ringback-7b0e"
    mine = [replace(r, uniqueid=given_id, linkedid=given_id) for r in cel("c2c-agent-no-answer")]
    ((call,), _) = account(mine)
    assert (call.uid, call.direction, call.customer.number) == (given_id, Direction.OUTBOUND, "6944000001")
    assert (call.agent, call.result, call.hangup_by) == ("PJSIP/1001", Result.AGENT_NO_ANSWER, HungUpBy.SYSTEM)


def test_the_dial_plan_can_say_that_a_call_is_ours_and_that_a_number_is_withheld() -> None:
    first, *rest = cel("c2c-agent-no-answer")
    note = replace(first, event="USER_DEFINED", user_event="CRM_CALL_ID", extra={"extra": "7b0e"})
    assert len(account([first, note, *rest])[0]) == 1
    first, *rest = cel("in-direct-answered")
    assert isinstance(first, CelRecord)
    note = replace(first, event="USER_DEFINED", user_event="CRM_PRES", extra={"extra": "prohib_passed_screen"})
    ((call,), _) = account([first, note, *rest])
    assert call.customer.withheld


def test_two_stints_in_queues_are_one_wait_and_the_last_reason_counts() -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    caller = {"uid": "1.1", "channel": "PJSIP/trunk-1", "number": "6944000001"}
    story: list[Record] = [
        step(at, "CHAN_START", **caller, exten="2100000100"),
        step(at + SECOND, "APP_START", **caller, app="Queue", app_data="sales,t,,,10"),
        QueueRecord(
            at=at + SECOND, uniqueid="1.1", queue="sales", agent="NONE", event="ENTERQUEUE", data=("", "1", "1")
        ),
        QueueRecord(at=at + 11 * SECOND, uniqueid="1.1", queue="sales", agent="NONE", event="EXITWITHTIMEOUT", data=()),
        step(at + 11 * SECOND, "APP_END", **caller, app="Queue", app_data="sales,t,,,10"),
        step(at + 11 * SECOND, "APP_START", **caller, app="Queue", app_data="support,t"),
        QueueRecord(
            at=at + 11 * SECOND, uniqueid="1.1", queue="support", agent="", event="ENTERQUEUE", data=("", "1", "1")
        ),
        QueueRecord(at=at + 20 * SECOND, uniqueid="1.1", queue="support", agent="NONE", event="EXITEMPTY", data=()),
        step(at + 20.5 * SECOND, "APP_END", **caller, app="Queue", app_data="support,t"),
        step(at + 21 * SECOND, "APP_START", **caller, app="VoiceMail", app_data="1"),
        step(at + 30 * SECOND, "HANGUP", **caller, extra={"hangupsource": "PJSIP/trunk-1", "hangupcause": "16"}),
        step(at + 30 * SECOND, "CHAN_END", **caller),
        step(at + 30 * SECOND, "LINKEDID_END", **caller),
    ]
    ((call,), _) = account(story)
    assert (call.queue, call.result, call.wait) == ("support", Result.NO_AGENTS, 19.5)
    assert (call.hangup_by, call.did) == (HungUpBy.CUSTOMER, "2100000100")


def test_who_left_the_queue_by_a_key_gave_up_and_ran_out_of_no_time() -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    caller = {"uid": "1.1", "channel": "PJSIP/trunk-1", "number": "6944000001"}
    waits = QueueRecord(
        at=at + SECOND, uniqueid="1.1", queue="sales", agent="", event="ENTERQUEUE", data=("", "1", "1")
    )
    leaves = replace(waits, at=at + 11 * SECOND, event="EXITWITHKEY", data=("1", "1", "1", "10"))
    began = step(at, "CHAN_START", **caller, exten="2100000100")
    queue = [
        step(at + SECOND, "APP_START", **caller, app="Queue", app_data="sales,t,,,60"),
        step(at + 11 * SECOND, "APP_END", **caller, app="Queue", app_data="sales,t,,,60"),
        step(at + 11 * SECOND, "APP_START", **caller, app="Playback", app_data="ringback/you-keep-your-place"),
    ]
    over = [
        step(at + 15 * SECOND, "HANGUP", **caller, extra={"hangupsource": "dialplan/builtin", "hangupcause": "16"}),
        step(at + 15 * SECOND, "CHAN_END", **caller),
        step(at + 15 * SECOND, "LINKEDID_END", **caller),
    ]
    for told in (queue, []):  # also where CEL was not told to write of queues
        ((call,), _) = account([began, waits, *told, leaves, *over])
        assert (call.queue, call.result, call.wait, call.hangup_by) == ("sales", Result.ABANDONED, 10, HungUpBy.SYSTEM)


@pytest.mark.parametrize(
    ("left_at", "then_at", "result"),
    [
        # as Asterisk writes it: the queue itself goes to the digit, and ends there
        (("1", "ringback-queue-callback"), ("1", "ringback-queue-callback"), Result.ABANDONED),
        (("2100000100", "from-trunk"), ("2100000100", "from-trunk"), Result.QUEUE_TIMEOUT),
        # time ran out, and the dial plan offers the same as the key
        (("2100000100", "from-trunk"), ("1", "ringback-queue-callback"), Result.QUEUE_TIMEOUT),
        (("1", "menu"), ("1", "menu"), Result.QUEUE_TIMEOUT),
    ],
)
def test_without_a_queue_log_the_extension_tells_who_left_by_a_key(
    left_at: tuple[str, str], then_at: tuple[str, str], result: Result
) -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    caller = {"uid": "1.1", "channel": "PJSIP/trunk-1", "number": "6944000001"}
    queue = {"app": "Queue", "app_data": "sales,t,,,60"}
    entered_at = ("1", "menu") if left_at == ("1", "menu") else ("2100000100", "from-trunk")

    def place(where: tuple[str, str]) -> dict[str, str]:
        return dict(zip(("exten", "context"), where, strict=True))

    story = [
        step(at, "CHAN_START", **caller, exten="2100000100", context="from-trunk"),
        step(at + SECOND, "APP_START", **caller, **queue, **place(entered_at)),
        step(at + 11 * SECOND, "APP_END", **caller, **queue, **place(left_at)),
        step(at + 15 * SECOND, "HANGUP", **caller, **place(then_at), extra={"hangupsource": "dialplan/builtin"}),
        step(at + 15 * SECOND, "CHAN_END", **caller, **place(then_at)),
        step(at + 15 * SECOND, "LINKEDID_END", **caller, **place(then_at)),
    ]
    ((call,), _) = account(story)
    assert (call.queue, call.result, call.wait) == ("sales", result, 10)


def test_a_blind_transfer_that_nobody_answers_is_told_as_such() -> None:
    """Alice transfers to Bob, Bob's phone rings in vain, the dial plan ends."""
    everything = list(configured("blind-transfer"))
    begins = next(
        i for i, r in enumerate(everything) if r.event == "CHAN_START" and "1002" in getattr(r, "channel", "")
    )
    caller, bob = everything[0], everything[begins]
    assert isinstance(caller, CelRecord) and isinstance(bob, CelRecord)
    end = bob.at + 6 * SECOND
    gave_up = {"hangupcause": "16", "hangupsource": "dialplan/builtin", "dialstatus": "NOANSWER"}
    story = [
        *everything[: begins + 1],
        replace(caller, event="HANGUP", at=end, extra=gave_up),
        replace(caller, event="CHAN_END", at=end),
        replace(bob, event="HANGUP", at=end + 0.001 * SECOND, extra={"hangupcause": "0", "hangupsource": ""}),
        replace(bob, event="CHAN_END", at=end + 0.001 * SECOND),
        replace(bob, event="LINKEDID_END", at=end + 0.001 * SECOND),
    ]
    ((call,), _) = account(story)
    assert (call.result, call.hangup_by) == (Result.ANSWERED, HungUpBy.SYSTEM)
    assert [(one.kind, one.to, one.result) for one in call.transfers] == [("blind", "1002", "no_answer")]


@pytest.mark.parametrize(("target", "result"), [("PJSIP/1009,20,tTkK", Result.NO_ANSWER), (None, Result.REJECTED)])
def test_who_is_put_through_to_a_phone_that_is_not_plugged_in_is_not_turned_away(
    target: str | None, result: Result
) -> None:
    """Of such a phone there is no channel, and no dial status."""
    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    caller = {"uid": "1.1", "channel": "PJSIP/trunk-1", "exten": "2100000109"}
    end = {"hangupcause": "16", "hangupsource": "dialplan/builtin", "dialstatus": ""}
    dialled = {**caller, "app": "Dial", "app_data": target}
    story = [
        step(at, "CHAN_START", **caller),
        *([step(at, "APP_START", **dialled), step(at, "APP_END", **dialled)] if target else []),
        step(at, "HANGUP", **caller, extra=end),
        step(at, "CHAN_END", **caller),
        step(at, "LINKEDID_END", **caller),
    ]
    ((call,), _) = account(story)
    assert (call.result, call.hangup_by) == (result, HungUpBy.SYSTEM)


def test_in_a_room_that_never_empties_each_customer_is_a_call_of_its_own_and_little_is_kept() -> None:
    """Alice sits in a conference all day, and one customer after the other is sent there."""
    morning, accountant, calls = datetime(2026, 11, 23, 6, 0, tzinfo=UTC), Accountant(TRUNKS), list[CallSummary]()
    room = {"bridge_id": "room", "bridge_technology": "softmix"}
    alice = {"uid": "0.1", "channel": "PJSIP/alice-0"}
    accountant.feed(step(morning, "CHAN_START", **alice, exten="8000"))
    accountant.feed(step(morning, "BRIDGE_ENTER", **alice, extra=room))
    for number in range(1, 300):
        at = morning + 60 * number * SECOND
        customer = {"uid": f"{number}.1", "channel": f"PJSIP/trunk-{number}", "number": "6944000001"}
        accountant.feed(step(at, "CHAN_START", **customer, exten="2100000100"))
        accountant.feed(step(at + SECOND, "BRIDGE_ENTER", **customer, extra=room))
        assert accountant.open_uids() == {f"{number}.1"}
        accountant.feed(step(at + 40 * SECOND, "BRIDGE_EXIT", **customer, extra=room))
        for event in ("HANGUP", "CHAN_END", "LINKEDID_END"):
            calls += accountant.feed(step(at + 40 * SECOND, event, **customer))
    assert [call.uid for call in calls] == [f"{number}.1" for number in range(1, 300)]
    assert {(call.answered_by, call.talk, call.did) for call in calls} == {(("PJSIP/alice",), 39.0, "2100000100")}
    assert accountant.follows("299.1") and accountant.follows("0.1") and not accountant.follows("100.1")
