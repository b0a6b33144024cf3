"""What the tracker tells while calls are going on: which events, in which order, for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from telephony.ami.frames import Frame
from telephony.ami.tracker import CallTracker
from telephony.events import (
    CallAnswered,
    CallEnded,
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
    QueueJoined,
    Result,
)
from tests.telephony.pbx import Pbx
from tests.telephony.recordings import SCENARIOS, filtered

ALICE, BOB, CHARLIE = "PJSIP/alice", "PJSIP/bob", "PJSIP/charlie"


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


def told(frames: Iterable[Frame], tracker: CallTracker | None = None) -> list[CallEvent]:
    tracker = tracker or CallTracker()
    return [event for frame in frames for event in tracker.feed(frame)]


def of(kind: type[Any], events: Iterable[CallEvent]) -> list[Any]:
    return [event for event in events if type(event) is kind]


def outline(events: Iterable[CallEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def ended(events: Iterable[CallEvent]) -> CallSummary:
    summary: CallSummary = of(CallEnded, events)[-1].summary
    return summary


def leg_results(events: Iterable[CallEvent]) -> dict[str, LegResult]:
    results = {event.line: event.result for event in of(LegEnded, events)}
    assert len(results) == len(of(LegEnded, events)), "a leg ends once"
    return results


def test_a_call_that_alice_takes_from_the_queue(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.hangs_up("1.1", "1.2")
    events = told(pbx.said)
    assert outline(events) == ["CallStarted", "QueueJoined", "LegRinging", "CallAnswered", "LegEnded", "CallEnded"]
    started, queued, ringing, answered = events[:4]
    assert isinstance(started, CallStarted)
    assert started.did == "2100000100"
    assert started.customer.name == "Dana"
    assert isinstance(queued, QueueJoined)
    assert (queued.queue, queued.position) == ("sales", 1)
    assert isinstance(ringing, LegRinging)
    assert (ringing.line, ringing.leg, ringing.queue) == (ALICE, "1.2", "sales")
    assert isinstance(answered, CallAnswered)
    assert answered.channel == "PJSIP/alice-1.2"
    assert {event.uid for event in events} == {"1.1"}


def test_the_customers_hangup_ends_the_call_at_once(pbx: Pbx) -> None:
    """The phone that rings is still to be told so; whoever waits for missed calls need not wait for that."""
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    tracker = CallTracker()
    told(pbx.said, tracker)
    pbx.about("HangupRequest", "1.1")
    gone = pbx.about("Hangup", "1.1", Cause="127")
    told(pbx.said[-2:-1], tracker)
    events = tracker.feed(gone)
    assert outline(events) == ["LegEnded", "CallEnded"]
    assert ended(events).result is Result.ABANDONED
    assert leg_results(events) == {ALICE: LegResult.CANCELLED}
    assert not tracker.open_uids()
    assert not tracker.feed(pbx.to("DialEnd", "1.1", "1.2", DialStatus="CANCEL"))
    assert not tracker.feed(pbx.about("Hangup", "1.2", Cause="0"))


def test_when_bob_answers_the_others_phones_stop_for_that_reason(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    for uid, line in (("1.2", ALICE), ("1.3", BOB), ("1.4", CHARLIE)):
        pbx.rings("1.1", uid, line)
    pbx.about("HangupRequest", "1.4", Cause="21")
    pbx.stops_ringing("1.1", "1.4", "BUSY", "21")
    pbx.about("Newstate", "1.3", ChannelStateDesc="Up")
    pbx.stops_ringing("1.1", "1.2", "CANCEL", "26")
    pbx.to("DialEnd", "1.1", "1.3", DialStatus="ANSWER")
    pbx.bridges("1.3", "1.1")
    pbx.hangs_up("1.3", "1.1")
    events = told(pbx.said)
    assert leg_results(events) == {
        ALICE: LegResult.ANSWERED_ELSEWHERE,
        BOB: LegResult.ANSWERED,
        CHARLIE: LegResult.DECLINED,
    }
    assert ended(events).hangup_by is HungUpBy.AGENT


def test_a_loser_that_is_told_before_the_winner_is_known_waits_for_its_reason(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.rings("1.1", "1.3", BOB)
    pbx.stops_ringing("1.1", "1.2", "CANCEL", "26")
    pbx.picks_up("1.1", "1.3")
    assert leg_results(told(pbx.said)) == {ALICE: LegResult.ANSWERED_ELSEWHERE}


@pytest.mark.parametrize(
    ("status", "cause", "alive", "result"),
    [
        ("NOANSWER", "0", True, LegResult.NO_ANSWER),
        ("NOANSWER", "0", False, LegResult.FAILED),
        ("BUSY", "17", True, LegResult.BUSY),
        ("CONGESTION", "34", True, LegResult.FAILED),
    ],
)
def test_why_a_phone_was_not_answered(pbx: Pbx, status: str, cause: str, alive: bool, result: LegResult) -> None:
    pbx.customer_calls("1.1")
    pbx.appears("1.2", "PJSIP/alice-00000002", "1.1")
    pbx.to("DialBegin", "1.1", "1.2", DialString="alice")
    if alive:
        pbx.about("Newstate", "1.2", ChannelStateDesc="Ringing")
    pbx.stops_ringing("1.1", "1.2", status, cause)
    assert leg_results(told(pbx.said)) == {ALICE: result}


@pytest.mark.parametrize(
    ("variable", "result"),
    [
        ("TIMEOUT", Result.QUEUE_TIMEOUT),
        ("LEAVEEMPTY", Result.NO_AGENTS),
        ("JOINEMPTY", Result.NO_AGENTS),
        ("FULL", Result.BUSY),
    ],
)
def test_a_caller_whom_the_queue_lets_go_is_missed_for_the_queues_reason(
    pbx: Pbx, variable: str, result: Result
) -> None:
    pbx.customer_calls("1.1")
    if variable != "JOINEMPTY":
        pbx.queues("1.1")
        pbx.wait(20)
        pbx.about("QueueCallerAbandon", "1.1", Queue="sales")
        pbx.about("QueueCallerLeave", "1.1", Queue="sales")
    pbx.about("VarSet", "1.1", Variable="QUEUESTATUS", Value=variable)
    pbx.wait(5)  # in the voicemail
    pbx.hangs_up("1.1")
    call = ended(told(pbx.said))
    assert call.result is result
    assert call.wait == pytest.approx(0 if variable == "JOINEMPTY" else 20, abs=0.1)
    assert call.hangup_by is HungUpBy.CUSTOMER


def test_the_caller_of_the_menu_who_hangs_up_abandoned(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.about("Newstate", "1.1", ChannelStateDesc="Up")
    pbx.wait(4)
    pbx.hangs_up("1.1")
    call = ended(told(pbx.said))
    assert (call.result, call.wait) == (Result.ABANDONED, pytest.approx(4, abs=0.1))


def test_voicemail_is_no_answer_though_the_channel_is_up(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.wait(6)
    pbx.stops_ringing("1.1", "1.2", "NOANSWER")
    pbx.about("Newstate", "1.1", ChannelStateDesc="Up")
    pbx.wait(9)
    pbx.hangs_up("1.1")
    call = ended(told(pbx.said))
    assert (call.result, call.answered_at, call.wait) == (Result.NO_ANSWER, None, pytest.approx(6, abs=0.1))


def test_a_caller_who_gives_up_after_a_phone_was_not_answered_abandoned(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.wait(5)
    pbx.stops_ringing("1.1", "1.2", "NOANSWER")
    pbx.wait(1)
    pbx.about("HangupRequest", "1.1")
    pbx.about("QueueCallerAbandon", "1.1", Queue="sales")
    pbx.about("QueueCallerLeave", "1.1", Queue="sales")
    pbx.about("Hangup", "1.1", Cause="0")
    call = ended(told(pbx.said))
    assert (call.result, call.rang) == (Result.ABANDONED, (ALICE,))


def test_a_parked_caller_who_gives_up_and_whose_beginning_nobody_saw_has_no_result(pbx: Pbx) -> None:
    """Whoever is parked was answered by somebody; but this was not seen."""
    pbx.customer_calls("1.1")
    del pbx.said[:]
    pbx.bridges("1.1", bridge="p", kind="parking")
    pbx.hangs_up("1.1", bridge="p")
    call = ended(told(pbx.said))
    assert (call.result, call.hangup_by) == (None, HungUpBy.CUSTOMER)


@pytest.mark.parametrize(("near", "far"), [("basic", None), ("basic", "parking"), ("holding", "basic")])
def test_who_is_not_in_one_conversation_does_not_talk(pbx: Pbx, near: str, far: str | None) -> None:
    """A Local channel whose far end is in no conversation connects nobody, and nobody talks in a waiting room."""
    pbx.customer_calls("1.1")
    pbx.appears("1.3", "Local/5@agents-00000001;1", "1.1")
    pbx.appears("1.4", "Local/5@agents-00000001;2", "1.1", state="Ring")
    pbx.rings("1.4", "1.2", ALICE, "1.1")
    if far:
        pbx.bridges("1.4", "1.2", bridge="b2", kind=far)
    pbx.bridges("1.3", "1.1", kind=near)
    pbx.hangs_up("1.1")
    events = told(pbx.said)
    assert not of(CallAnswered, events)
    assert ended(events).result is Result.ABANDONED


def test_a_late_word_about_a_phone_that_was_picked_up_changes_nothing(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.to("DialEnd", "1.1", "1.2", DialStatus="NOANSWER")
    pbx.bridges("1.2", "1.1")
    pbx.leaves("1.1", bridge="b0")
    pbx.wait(10)
    pbx.hangs_up("1.1", "1.2")
    events = told(pbx.said)
    assert leg_results(events) == {ALICE: LegResult.ANSWERED}
    assert ended(events).talk == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("parked", [False, True])
def test_going_on_after_alice_is_no_redirect(pbx: Pbx, parked: bool) -> None:
    """The dialplan goes on when she has hung up; a parked customer whom nobody fetches comes back."""
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    if parked:
        pbx.leaves("1.1")
        pbx.bridges("1.1", bridge="p", kind="parking")
        pbx.ends("1.2")
        pbx.leaves("1.1", bridge="p")
    else:
        pbx.hangs_up("1.2")
        pbx.leaves("1.1")
    pbx.rings("1.1", "1.3", BOB)
    pbx.ends("1.1")
    assert ended(told(pbx.said)).transfers == ()


def test_hold_is_told_and_no_talk(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.about("Unhold", "1.2")  # comes with every transfer, and means nothing
    pbx.wait(10)
    pbx.about("Hold", "1.2")
    pbx.wait(5)
    pbx.about("Unhold", "1.2")
    pbx.wait(1)
    pbx.hangs_up("1.1", "1.2")
    events = told(pbx.said)
    assert len(of(CallHeld, events)) == len(of(CallResumed, events)) == 1
    call = ended(events)
    assert (call.talk, call.hold) == (pytest.approx(11, abs=0.1), pytest.approx(5, abs=0.1))
    assert call.legs[0].talk == pytest.approx(11, abs=0.1)


def test_a_click_to_call_is_known_by_the_id_that_we_gave(pbx: Pbx) -> None:
    """Before the phone rings, without any variable and before the customer is dialled."""
    uid = "0193a1b2-7c3d-7000-8000-000000000001"
    pbx.appears(uid, "PJSIP/alice-00000001")
    pbx.about("NewCallerid", uid, CallerIDNum="6944000002")
    pbx.to("DialBegin", None, uid, DialString="alice")
    events = told(pbx.said)
    assert outline(events) == ["CallStarted", "CallStarted", "LegRinging"]
    assert events[1] == CallStarted(
        uid=uid, at=events[1].at, direction=Direction.OUTBOUND, customer=of(CallStarted, events)[1].customer,
        line=ALICE, linkedid=uid,
    )  # fmt: skip
    assert of(CallStarted, events)[1].customer.number == "6944000002"


@pytest.mark.parametrize(
    ("status", "cause", "result"),
    [
        ("BUSY", "17", Result.BUSY),
        ("NOANSWER", "19", Result.NO_ANSWER),
        ("NOANSWER", "1", Result.WRONG_NUMBER),
        ("NOANSWER", "21", Result.REJECTED),
        ("CONGESTION", "34", Result.FAILED),
        ("CHANUNAVAIL", "20", Result.FAILED),
        ("CANCEL", "127", Result.NO_ANSWER),
    ],
)
def test_why_the_customer_was_not_reached(pbx: Pbx, status: str, cause: str, result: Result) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.to("DialEnd", "1.1", "1.2", DialStatus=status)
    pbx.stops_ringing("1.1", "1.2", "CANCEL", cause)  # comes after the true one, at times
    over = pbx.now
    tracker = CallTracker()
    assert not of(CallEnded, told(pbx.said, tracker)), "another trunk may be tried"
    assert tracker.open_uids() == {"1.1"}
    del pbx.said[:]
    pbx.wait(4)  # Alice hears the tone
    pbx.hangs_up("1.1", cause=cause)
    events = told(pbx.said, tracker)
    assert outline(events) == ["LegEnded", "CallEnded"]
    call = ended(events)
    assert (call.result, call.cause, call.hangup_by) == (result, int(cause), HungUpBy.SYSTEM)
    assert call.ended_at is not None
    assert call.ended_at.timestamp() == pytest.approx(over, abs=0.1)
    assert call.wait < 1
    assert not tracker.open_uids()


def test_a_second_trunk_is_tried_when_the_first_one_fails(pbx: Pbx) -> None:
    """Receivers take an end for final: it comes once, and last."""
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.stops_ringing("1.1", "1.2", "CONGESTION", "34")
    pbx.dials_customer("1.1", "1.3", "6944000002")
    pbx.picks_up("1.1", "1.3")
    pbx.bridges("1.3", "1.1")
    pbx.wait(5)
    pbx.about("HangupRequest", "1.3", Cause="16")
    pbx.leaves("1.3")
    pbx.about("Hangup", "1.3", Cause="16")
    tracker = CallTracker()
    events = told(pbx.said, tracker)
    assert outline(events) == ["CallStarted", "CallAnswered", "LegEnded", "CallEnded"], "though Alice has not hung up"
    assert len({event.uid for event in events}) == 1
    assert (ended(events).result, ended(events).hangup_by) == (Result.ANSWERED, HungUpBy.CUSTOMER)
    assert (ended(events).answered_by, ended(events).talk) == ((ALICE,), pytest.approx(5, abs=0.1))
    del pbx.said[:]
    pbx.ends("1.1")
    assert not told(pbx.said, tracker)


def test_what_the_last_of_two_trunks_says_is_told_when_both_fail(pbx: Pbx) -> None:
    pbx.appears("ours", "PJSIP/alice-00000001")
    pbx.picks_up(None, "ours")
    for uid, status, cause in (("1.2", "CONGESTION", "34"), ("1.3", "BUSY", "17")):
        pbx.dials_customer("ours", uid, "6944000002")
        pbx.stops_ringing("ours", uid, status, cause)
    pbx.ends("ours", cause="17")
    events = told(pbx.said)
    assert len(of(CallEnded, events)) == len(of(LegEnded, events)) == 1
    assert (ended(events).result, ended(events).cause) == (Result.BUSY, 17)


@pytest.mark.parametrize("gives_up", [True, False])
def test_who_of_two_hangs_up_first_is_told_by_the_hangup_that_comes_first(pbx: Pbx, gives_up: bool) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    if gives_up:
        pbx.about("HangupRequest", "1.1", Cause="16")
    pbx.stops_ringing("1.1", "1.2", "CANCEL" if gives_up else "BUSY", "17")
    if not gives_up:
        pbx.about("HangupRequest", "1.1", Cause="16")
    pbx.ends("1.1")
    events = told(pbx.said)
    assert ended(events).hangup_by is (HungUpBy.AGENT if gives_up else HungUpBy.SYSTEM)
    assert leg_results(events) == {ALICE: LegResult.CANCELLED if gives_up else LegResult.FAILED}


def test_a_customer_whose_phone_was_picked_up_for_a_moment_ends_the_call_at_once(pbx: Pbx) -> None:
    """And so does one whom no phone of ours waits for any more."""
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.about("Newstate", "1.2", ChannelStateDesc="Up")
    pbx.hangs_up("1.2")
    assert len(of(CallEnded, told(pbx.said))) == 1
    pbx = Pbx()
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.about("HangupRequest", "1.1")
    pbx.about("Hangup", "1.1", Cause="0")
    pbx.stops_ringing(None, "1.2", "CANCEL", "26")
    assert len(of(CallEnded, told(pbx.said))) == 1


@pytest.mark.parametrize(("answers", "other"), [("1.2", "1.3"), ("1.3", "1.2")])
def test_of_two_numbers_that_are_dialled_at_once_one_answers(pbx: Pbx, answers: str, other: str) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.dials_customer("1.1", "1.3", "2100000002")
    pbx.picks_up("1.1", answers)
    pbx.stops_ringing("1.1", other, "CANCEL", "26")
    pbx.bridges(answers, "1.1")
    pbx.hangs_up(answers, "1.1")
    events = told(pbx.said)
    assert outline(events).count("CallEnded") == outline(events).count("CallAnswered") == 1
    assert (ended(events).result, ended(events).hangup_by) == (Result.ANSWERED, HungUpBy.CUSTOMER)
    assert ended(events).customer.number == {"1.2": "6944000002", "1.3": "2100000002"}[answers]
    assert not of(LegRinging, events)


@pytest.mark.parametrize(
    ("picked_up", "cause", "reason", "result", "by"),
    [
        (False, "19", "3", Result.AGENT_NO_ANSWER, HungUpBy.SYSTEM),
        (False, "21", "0", Result.AGENT_DECLINED, HungUpBy.AGENT),
        (False, "17", "5", Result.AGENT_UNAVAILABLE, HungUpBy.AGENT),
        (True, "16", "4", Result.AGENT_DECLINED, HungUpBy.AGENT),
    ],
)
def test_a_click_to_call_that_fails_on_our_own_side(
    pbx: Pbx, picked_up: bool, cause: str, reason: str, result: Result, by: HungUpBy
) -> None:
    pbx.appears("ours", "PJSIP/alice-00000001")
    pbx.to("DialBegin", None, "ours", DialString="alice")
    pbx.about("Newstate", "ours", ChannelStateDesc="Ringing")
    if picked_up:
        pbx.picks_up(None, "ours")
    if by is HungUpBy.AGENT:
        pbx.about("HangupRequest", "ours", Cause=cause)
    response = "Success" if picked_up else "Failure"
    pbx.say("OriginateResponse", Response=response, Channel=ALICE, Exten="6944000002", Reason=reason, Uniqueid="ours")
    pbx.about("Hangup", "ours", Cause=cause)
    call = ended(told(pbx.said))
    assert (call.result, call.hangup_by, call.agent, call.customer.number) == (result, by, ALICE, "6944000002")


@pytest.mark.parametrize("uid", ["ours", "<unknown>"])
def test_a_click_to_call_to_a_phone_that_is_not_there(pbx: Pbx, uid: str) -> None:
    pbx.say(
        "OriginateResponse", Response="Failure", ActionID="a7", Channel=ALICE, Exten="6944000002",
        Reason="0", Uniqueid=uid,
    )  # fmt: skip
    tracker = CallTracker()
    events = told(pbx.said, tracker)
    assert outline(events) == ["CallStarted", "CallEnded"]
    assert events[0].uid == ("ours" if uid == "ours" else "a7")
    assert ended(events).result is Result.AGENT_UNAVAILABLE
    assert not told(pbx.said, tracker), "the same response again is no second call"


def test_a_response_that_comes_late_makes_no_second_call(pbx: Pbx) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001")
    pbx.about("VarSet", "1.1", Variable="__CRM_CALL_ID", Value="7")
    pbx.to("DialBegin", None, "1.1", DialString="alice")
    pbx.about("HangupRequest", "1.1", Cause="21")
    pbx.about("Hangup", "1.1", Cause="21")
    failure = {"Response": "Failure", "Channel": ALICE, "Exten": "6944000002", "Reason": "0", "Uniqueid": "<unknown>"}
    pbx.say("OriginateResponse", ActionID="a7", **failure)
    assert {event.uid for event in told(pbx.said)} == {"1.1"}


@pytest.mark.parametrize("answered", [True, False], ids=["while they talk", "while the phone rings"])
@pytest.mark.parametrize("named", [True, False], ids=["as Asterisk 22 tells it", "without the channel"])
def test_a_second_click_under_an_id_in_use_is_refused_and_the_call_goes_on(
    pbx: Pbx, answered: bool, named: bool
) -> None:
    pbx.appears("ours", "PJSIP/alice-00000001")
    pbx.about("NewCallerid", "ours", CallerIDNum="6944000002")
    pbx.to("DialBegin", None, "ours", DialString="alice")
    pbx.about("Newstate", "ours", ChannelStateDesc="Ringing")
    if answered:
        pbx.picks_up(None, "ours")
        pbx.dials_customer("ours", "1.2", "6944000002")
        pbx.picks_up("ours", "1.2")
        pbx.bridges("1.2", "ours")
    tracker = CallTracker()
    told(pbx.said, tracker)
    del pbx.said[:]
    pbx.say(
        "OriginateResponse", Response="Failure", ActionID="ours", Channel=ALICE, Exten="6955000000" if answered else
        "6944000002", Reason="0", Uniqueid="ours" if named else "<unknown>",
    )  # fmt: skip
    assert not told(pbx.said, tracker)
    assert tracker.open_uids() == {"ours"}
    if answered:
        pbx.hangs_up("1.2", "ours")
    else:
        pbx.ends("ours", cause="19")
    call = ended(told(pbx.said, tracker))
    assert call.customer.number == "6944000002"
    assert call.result is (Result.ANSWERED if answered else Result.AGENT_NO_ANSWER)


def test_somebody_elses_click_to_call_is_known_by_its_response(pbx: Pbx) -> None:
    """No variable, no id of ours, and the response does not name the channel."""
    pbx.appears("1.1", "PJSIP/alice-00000001")
    pbx.to("DialBegin", None, "1.1", DialString="alice")
    pbx.about("Newstate", "1.1", ChannelStateDesc="Ringing")
    pbx.say(
        "OriginateResponse", Response="Failure", Channel=ALICE, Exten="6944000002", Reason="3", Uniqueid="<unknown>"
    )  # fmt: skip
    pbx.about("Hangup", "1.1", Cause="19")
    call = ended(told(pbx.said))
    assert (call.uid, call.result, call.customer.number) == ("1.1", Result.AGENT_NO_ANSWER, "6944000002")


def test_a_supervisor_who_listens_makes_no_call(pbx: Pbx) -> None:
    pbx.appears("1.1", "PJSIP/helen-00000001")
    pbx.to("DialBegin", None, "1.1", DialString="helen")
    pbx.picks_up(None, "1.1")
    pbx.say(
        "OriginateResponse", Response="Success", Application="ChanSpy", Uniqueid="1.1", Channel="PJSIP/helen-00000001"
    )
    pbx.ends("1.1")
    assert not told(pbx.said)


def test_colleagues_who_call_one_another_make_no_customer_call(pbx: Pbx) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="1002")
    pbx.rings("1.1", "1.2", BOB)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.1", "1.2")
    pbx.hangs_up("1.1", "1.2")
    assert not told(pbx.said)


def test_a_queue_that_forwards_to_a_mobile_is_answered_there(pbx: Pbx) -> None:
    """The second outside channel is a phone of ours somewhere else, not a second customer."""
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    pbx.rings("1.1", "1.2", "PJSIP/trunk")
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.hangs_up("1.1", "1.2")
    call = ended(told(pbx.said))
    assert (call.result, call.answered_by, call.hangup_by) == (Result.ANSWERED, ("PJSIP/trunk",), HungUpBy.CUSTOMER)


def test_a_blind_transfer_that_nobody_answers_is_told_with_its_end(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.say(
        "BlindTransfer", Result="Success", TransfererUniqueid="1.2", TransfererLinkedid="1.1", TransfereeUniqueid="1.1",
        Extension="1002",
    )  # fmt: skip
    pbx.leaves("1.2")
    pbx.leaves("1.1")
    pbx.about("Hangup", "1.2", Cause="16")
    pbx.rings("1.1", "1.3", BOB)
    pbx.wait(8)
    pbx.stops_ringing("1.1", "1.3", "NOANSWER")
    pbx.ends("1.1")
    call = ended(told(pbx.said))
    (transfer,) = call.transfers
    assert (transfer.kind, transfer.by, transfer.to, transfer.result) == ("blind", ALICE, "1002", "no_answer")
    assert call.result is Result.ANSWERED
    assert call.hangup_by is HungUpBy.SYSTEM


def test_a_retrieved_customer_of_an_older_group_takes_its_name(pbx: Pbx) -> None:
    """Bob has been in a call of his own when he picks up the parked customer: the older Linkedid wins."""
    pbx.appears("0.9", "PJSIP/bob-00000009", state="Ring", Exten="701")
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.leaves("1.1")
    pbx.bridges("1.1", bridge="p", kind="parking")
    pbx.ends("1.2")
    pbx.wait(3)
    pbx.leaves("1.1", bridge="p")
    pbx.joins_group("1.1", "0.9")
    pbx.bridges("1.1", "0.9", bridge="b2")
    pbx.hangs_up("1.1", "0.9", bridge="b2")
    tracker = CallTracker()
    events = told(pbx.said, tracker)
    assert of(CallsMerged, events) == [CallsMerged(uid="0.9", at=of(CallsMerged, events)[0].at, merged="1.1")]
    call = ended(events)
    assert (call.uid, call.did, call.answered_by) == ("0.9", "2100000100", (ALICE, BOB))
    assert call.hold == pytest.approx(3, abs=0.1)
    assert not tracker.open_uids()


def test_two_customer_calls_that_are_joined_become_the_older_one(pbx: Pbx) -> None:
    """Alice calls an expert outside while her customer waits, and connects the two."""
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.about("Hold", "1.2")
    pbx.appears("2.1", "PJSIP/alice-00000021", state="Ring", Exten="6955000000")
    pbx.dials_customer("2.1", "2.2", "6955000000")
    pbx.picks_up("2.1", "2.2")
    pbx.bridges("2.2", "2.1", bridge="b2")
    tracker = CallTracker()
    before = told(pbx.said, tracker)
    assert tracker.open_uids() == {"1.1", "2.1"}
    del pbx.said[:]
    pbx.leaves("2.2", bridge="b2")
    pbx.leaves("1.2")
    pbx.joins_group("2.2", "1.1")
    pbx.bridges("1.1", "2.2")
    pbx.ends("2.1", bridge="b2")
    pbx.ends("1.2")
    after = told(pbx.said, tracker)
    assert [(event.uid, event.merged) for event in of(CallsMerged, after)] == [("1.1", "2.1")]
    assert tracker.open_uids() == {"1.1"}
    pbx.ends("1.1", "2.2")
    last = told(pbx.said[-4:], tracker)
    assert [event.uid for event in of(CallEnded, before + after + last)] == ["1.1"]
    assert not tracker.open_uids()


def test_the_conference_guest_leaves_when_he_hangs_up(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1", kind="base")
    pbx.appears("2.1", "PJSIP/bob-00000021", state="Ring", Exten="8001")
    pbx.bridges("2.1", kind="base")
    pbx.hangs_up("2.1")
    events = told(pbx.said)
    assert [event.line for event in of(CallAnswered, events)] == [ALICE, BOB]
    assert leg_results(events) == {BOB: LegResult.ANSWERED}


@pytest.mark.parametrize("number", ["anonymous", "Restricted", "<unknown>"])
def test_a_withheld_number_is_said_to_be(pbx: Pbx, number: str) -> None:
    pbx.customer_calls("1.1", number)
    assert of(CallStarted, told(pbx.said))[0].customer.withheld


def test_a_number_that_the_dialplan_says_is_private_is_withheld(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.about("VarSet", "1.1", Variable="CRM_PRES", Value="prohib_passed_screen")
    started = of(CallStarted, told(pbx.said))
    assert [event.customer.withheld for event in started] == [False, True]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_every_recording_events_keep_their_order(scenario: str) -> None:
    """A call starts before anything else is told of it; a phone's part ends once, and after its ring and its answer."""
    events = told(filtered(scenario))
    begun: set[str] = set()
    over: set[str] = set()
    for event in events:
        if isinstance(event, CallStarted):
            begun.add(event.uid)
        assert event.uid in begun
        if isinstance(event, LegRinging | CallAnswered | LegEnded):
            assert event.leg not in over
        if isinstance(event, LegEnded):
            over.add(event.leg)
    started_legs = {event.leg for event in events if isinstance(event, LegRinging | CallAnswered)}
    assert started_legs <= over
    assert len(of(CallEnded, events)) == len(begun), "told again only when there is something new"


def test_what_is_remembered_of_what_is_over_is_bounded(pbx: Pbx) -> None:
    tracker = CallTracker()
    for number in range(10_100):
        tracker.feed(Frame.of({"Event": "Hangup", "Uniqueid": f"1.{number}", "Linkedid": f"1.{number}"}))
    assert len(tracker._book.departed._gone) == 10_000


def test_what_is_over_is_forgotten(pbx: Pbx) -> None:
    tracker = CallTracker()
    for scenario in SCENARIOS:
        told(filtered(scenario), tracker)
    book = tracker._book
    assert not book.calls
    assert not book.board.channels
    assert not book.board._bridges
    assert not book.board._pairs
