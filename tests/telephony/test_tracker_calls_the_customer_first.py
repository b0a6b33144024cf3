"""Click-to-call, customer first: a Local channel goes through the dial plan to the customer, and to the agent when they pick
up. The order is Asterisk's."""

from __future__ import annotations

import pytest

from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallEvent, CallStarted, CallSummary, HungUpBy, LegResult, LegRinging, Result
from tests.telephony.pbx import Pbx

ALICE, TRUNK = "PJSIP/alice", "PJSIP/trunk"
UID = "019aa5f0-1111-7000-8000-000000000001"
OTHER = f"{UID};2"
DANA, PHONE = "1.3", "1.4"
NUMBER = "+306944000001"
PAIR = f"Local/{NUMBER}@ringback-outbound-00000001"


@pytest.fixture
def pbx() -> Pbx:
    """Asked for; the dial plan is about to dial."""
    pbx = Pbx()
    pbx.appears(UID, f"{PAIR};1", Exten=NUMBER)
    pbx.appears(OTHER, f"{PAIR};2", UID, state="Ring", Exten=NUMBER)
    pbx.about("VarSet", UID, Variable="__CRM_CALL_ID", Value=UID)
    pbx.about("NewCallerid", UID, CallerIDNum=NUMBER)
    pbx.say(
        "LocalBridge",
        **{f"LocalOne{name}": value for name, value in pbx.named(UID).items()},
        **{f"LocalTwo{name}": value for name, value in pbx.named(OTHER).items()},
    )
    pbx.to("DialBegin", None, UID, DialString=f"{NUMBER}@ringback-outbound")
    return pbx


def dials(pbx: Pbx) -> None:
    pbx.dials_customer(OTHER, DANA, NUMBER)
    pbx.wait(4)


def customer_picks_up(pbx: Pbx) -> None:
    dials(pbx)
    pbx.picks_up(OTHER, DANA)
    pbx.about("Newstate", OTHER, ChannelStateDesc="Up")
    pbx.bridges(DANA, OTHER)
    pbx.about("Newstate", UID, ChannelStateDesc="Up")
    pbx.to("DialEnd", None, UID, DialStatus="ANSWER")
    responds(pbx, "Success", "4")


def alice_rings(pbx: Pbx) -> None:
    customer_picks_up(pbx)
    pbx.rings(UID, PHONE, ALICE)
    pbx.wait(3)


def responds(pbx: Pbx, response: str, reason: str) -> None:
    """Of what failed Asterisk gives the name without its number."""
    channel = f"{PAIR};1" if response == "Success" else PAIR.rpartition("-")[0]
    pbx.say(
        "OriginateResponse", ActionID=UID, Response=response, Channel=channel, Context="ringback-agent", Exten="ring",
        Reason=reason, Uniqueid=UID, CallerIDNum=NUMBER,
    )  # fmt: skip


def lets_go(pbx: Pbx, cause: str = "16") -> None:
    """The dial plan has nobody for the customer."""
    pbx.about("Hangup", UID, Cause=cause)
    pbx.ends(OTHER, DANA, cause=cause)


def told(pbx: Pbx) -> tuple[CallSummary, list[CallEvent]]:
    tracker = CallTracker((TRUNK,))
    events = [event for frame in pbx.said for event in tracker.feed(frame)]
    assert tracker.open_uids() == set()
    ended = {event.uid: event.summary for event in events if isinstance(event, CallEnded)}
    assert list(ended) == [UID]
    assert ended[UID].customer.number == NUMBER
    assert ended[UID].direction == "outbound"
    return ended[UID], events


def test_both_pick_up_and_talk(pbx: Pbx) -> None:
    alice_rings(pbx)
    pbx.picks_up(UID, PHONE)
    pbx.bridges(PHONE, UID, bridge="b2")
    pbx.wait(20)
    pbx.hangs_up(DANA, OTHER)
    pbx.ends(UID, PHONE, bridge="b2")
    call, events = told(pbx)
    assert (call.result, call.hangup_by, call.agent) == (Result.ANSWERED, HungUpBy.CUSTOMER, ALICE)
    assert (call.answered_by, call.rang) == ((ALICE,), (ALICE,))
    assert (call.wait, call.talk, call.hold) == (pytest.approx(4, abs=0.1), pytest.approx(20, abs=0.1), 0)
    [leg] = call.legs
    assert leg.rang_at and leg.answered_at
    assert (leg.answered_at - leg.rang_at).total_seconds() == pytest.approx(3, abs=0.1)
    kinds = [type(event) for event in events]
    assert kinds.index(CallStarted) < kinds.index(LegRinging)


def test_sound_takes_the_local_channel_out_and_ends_nothing(pbx: Pbx) -> None:
    alice_rings(pbx)
    pbx.picks_up(UID, PHONE)
    pbx.bridges(PHONE, UID, bridge="b2")
    pbx.wait(2)
    pbx.leaves(PHONE, "b2")
    pbx.leaves(OTHER)
    pbx.about("BridgeEnter", PHONE, BridgeUniqueid="b1", BridgeType="basic", BridgeNumChannels="2", SwapUniqueid=OTHER)
    pbx.leaves(UID, "b2")
    pbx.about("HangupRequest", OTHER, Cause="16")
    pbx.about("Hangup", UID, Cause="16")
    pbx.about("Hangup", OTHER, Cause="16")
    pbx.wait(18)
    pbx.hangs_up(PHONE, DANA)
    call, _ = told(pbx)
    assert (call.result, call.hangup_by, call.answered_by) == (Result.ANSWERED, HungUpBy.AGENT, (ALICE,))
    assert (call.wait, call.talk) == (pytest.approx(4, abs=0.1), pytest.approx(20, abs=0.1))


@pytest.mark.parametrize(
    ("status", "cause", "result"),
    [
        ("BUSY", "17", Result.BUSY),
        ("NOANSWER", "1", Result.WRONG_NUMBER),
        ("NOANSWER", "21", Result.REJECTED),
        ("NOANSWER", "0", Result.NO_ANSWER),
        ("CANCEL", "0", Result.NO_ANSWER),
    ],
)
def test_the_customer_is_not_reached_and_no_phone_of_ours_rings(
    pbx: Pbx, status: str, cause: str, result: Result
) -> None:
    dials(pbx)
    if cause in ("17", "21", "1"):
        pbx.about("HangupRequest", DANA, Cause=cause)
    pbx.stops_ringing(OTHER, DANA, status, cause)
    pbx.about("Hangup", OTHER, Cause=cause)
    responds(pbx, "Failure", "5" if cause == "17" else "0")
    pbx.about("Hangup", UID, Cause=cause)
    call, events = told(pbx)
    assert (call.result, call.cause, call.legs, call.answered_at) == (result, int(cause), (), None)
    assert (call.wait, call.talk, call.hangup_by) == (pytest.approx(4, abs=0.1), 0, HungUpBy.SYSTEM)
    assert not any(isinstance(event, LegRinging) for event in events)


def test_alice_does_not_pick_up_and_the_customer_is_let_go(pbx: Pbx) -> None:
    alice_rings(pbx)
    pbx.stops_ringing(UID, PHONE, "NOANSWER")
    lets_go(pbx)
    call, _ = told(pbx)
    assert (call.result, call.answered_at, call.talk) == (Result.AGENT_NO_ANSWER, None, 0)
    assert (call.wait, call.hangup_by) == (pytest.approx(4, abs=0.1), HungUpBy.SYSTEM)
    assert [leg.result for leg in call.legs] == [LegResult.NO_ANSWER]


@pytest.mark.parametrize(
    ("status", "cause", "result", "of_leg"),
    [
        ("NOANSWER", "21", Result.AGENT_DECLINED, LegResult.DECLINED),
        ("BUSY", "17", Result.AGENT_UNAVAILABLE, LegResult.BUSY),
    ],
)
def test_alices_phone_refuses(pbx: Pbx, status: str, cause: str, result: Result, of_leg: LegResult) -> None:
    alice_rings(pbx)
    pbx.about("HangupRequest", PHONE, Cause=cause)
    pbx.stops_ringing(UID, PHONE, status, cause)
    lets_go(pbx, cause)
    call, _ = told(pbx)
    assert (call.result, call.hangup_by, call.answered_at) == (result, HungUpBy.AGENT, None)
    assert [leg.result for leg in call.legs] == [of_leg]


def test_alices_phone_is_gone_meanwhile(pbx: Pbx) -> None:
    """Of a phone that is not registered there is no channel."""
    customer_picks_up(pbx)
    pbx.about("HangupRequest", OTHER, Cause="3")
    lets_go(pbx, "3")
    call, _ = told(pbx)
    assert (call.result, call.hangup_by) == (Result.AGENT_UNAVAILABLE, HungUpBy.SYSTEM)
    assert (call.legs, call.answered_at, call.talk) == ((), None, 0)


def test_the_customer_does_not_wait_for_alice(pbx: Pbx) -> None:
    alice_rings(pbx)
    pbx.hangs_up(DANA, OTHER)
    pbx.to("DialEnd", UID, PHONE, DialStatus="CANCEL")
    pbx.about("Hangup", UID, Cause="16")
    pbx.about("Hangup", PHONE, Cause="0")
    call, _ = told(pbx)
    assert (call.result, call.hangup_by, call.answered_at) == (Result.ABANDONED, HungUpBy.CUSTOMER, None)
    assert [leg.result for leg in call.legs] == [LegResult.CANCELLED]


def test_alice_cancels_while_the_customer_is_rung(pbx: Pbx) -> None:
    dials(pbx)
    responds(pbx, "Failure", "0")
    pbx.to("DialEnd", None, UID, DialStatus="NOANSWER")
    pbx.about("HangupRequest", OTHER, Cause="16")
    pbx.to("DialEnd", OTHER, DANA, DialStatus="CANCEL")
    pbx.about("Hangup", UID, Cause="16")
    pbx.about("Hangup", OTHER, Cause="16")
    pbx.about("Hangup", DANA, Cause="16")
    call, _ = told(pbx)
    assert (call.result, call.answered_at, call.legs) == (Result.NO_ANSWER, None, ())


def test_the_dial_plan_knows_no_such_number(pbx: Pbx) -> None:
    responds(pbx, "Failure", "0")
    pbx.about("Hangup", OTHER, Cause="3")
    pbx.about("Hangup", UID, Cause="3")
    call, _ = told(pbx)
    assert (call.result, call.legs) == (Result.FAILED, ())
