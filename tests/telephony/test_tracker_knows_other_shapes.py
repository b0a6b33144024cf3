"""Calls of dialplans and trunks that the laboratory does not have: ring groups and queues through Local channels, phones
that follow their owner, other drivers' trunks, callers who dial out again. The order is Asterisk's."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallSummary, Direction, LegResult, Result
from tests.telephony.pbx import Pbx

ALICE, BOB, TRUNK = "PJSIP/alice", "PJSIP/bob", "PJSIP/trunk"


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


def told(pbx: Pbx, trunks: Iterable[str] = (TRUNK,)) -> CallSummary:
    """The one call; nothing stays open."""
    tracker = CallTracker(tuple(trunks))
    events = [event for frame in pbx.said for event in tracker.feed(frame)]
    assert tracker.open_uids() == set()
    ended = {event.uid: event.summary for event in events if isinstance(event, CallEnded)}
    (call,) = ended.values()
    return call


def through_local(pbx: Pbx, caller: str, pair: str, uid: str, line: str, *, member: bool = False) -> None:
    """Dial or Queue rings `Local/...`, whose other half rings a phone: both are of the caller's group."""
    one, two = f"{pair}.1", f"{pair}.2"
    pbx.appears(one, f"Local/{pair}@from-queue-{pair:0>8};1", caller)
    pbx.appears(two, f"Local/{pair}@from-queue-{pair:0>8};2", caller, state="Ring")
    pbx.say(
        "LocalBridge",
        **{f"LocalOne{name}": value for name, value in pbx.named(one).items()},
        **{f"LocalTwo{name}": value for name, value in pbx.named(two).items()},
    )
    if member:
        pbx.to("AgentCalled", caller, one, Queue="sales", Interface=f"Local/{pair}@from-queue/n")
    pbx.to("DialBegin", caller, one, DialString=f"{pair}@from-queue/n")
    pbx.appears(uid, f"{line}-{uid}", caller)
    pbx.to("DialBegin", two, uid, DialString=line)
    pbx.about("Newstate", uid, ChannelStateDesc="Ringing")
    pbx.about("Newstate", one, ChannelStateDesc="Ringing")


def takes(pbx: Pbx, caller: str, pair: str, uid: str, bridges: tuple[str, str], *, member: bool = False) -> None:
    """The phone is picked up: it is bridged with the second half, and then the first half with the caller."""
    one, two = f"{pair}.1", f"{pair}.2"
    pbx.picks_up(two, uid)
    pbx.about("Newstate", two, ChannelStateDesc="Up")
    pbx.bridges(uid, two, bridge=bridges[0])
    pbx.picks_up(caller, one)
    if member:
        pbx.about("QueueCallerLeave", caller, Queue="sales", Position="1")
        pbx.to("AgentConnect", caller, one, Queue="sales", HoldTime="3", RingTime="3")
    pbx.bridges(one, caller, bridge=bridges[1])


def loses(pbx: Pbx, caller: str, pair: str, uid: str) -> None:
    """Another was faster: the first half is hung up, and with the second one the phone."""
    one, two = f"{pair}.1", f"{pair}.2"
    pbx.to("DialEnd", caller, one, DialStatus="CANCEL")
    pbx.about("Hangup", one, Cause="26")
    pbx.to("DialEnd", two, uid, DialStatus="CANCEL")
    pbx.about("Hangup", uid, Cause="26")
    pbx.about("Hangup", two, Cause="0")


def over(pbx: Pbx, caller: str, pair: str, uid: str, bridges: tuple[str, str]) -> None:
    one, two = f"{pair}.1", f"{pair}.2"
    pbx.about("HangupRequest", caller, Cause="16")
    pbx.ends(caller, one, bridge=bridges[1])
    pbx.ends(two, uid, bridge=bridges[0])


@pytest.mark.parametrize("member", [False, True], ids=["ring group", "queue"])
def test_a_group_of_phones_behind_local_channels(pbx: Pbx, member: bool) -> None:
    pbx.customer_calls("1.1")
    if member:
        pbx.queues("1.1")
    through_local(pbx, "1.1", "201", "1.4", ALICE, member=member)
    through_local(pbx, "1.1", "202", "1.7", BOB, member=member)
    pbx.wait(3)
    takes(pbx, "1.1", "201", "1.4", ("b1", "b2"), member=member)
    loses(pbx, "1.1", "202", "1.7")
    pbx.wait(20)
    over(pbx, "1.1", "201", "1.4", ("b1", "b2"))
    call = told(pbx)
    assert (call.direction, call.result, call.hangup_by) == (Direction.INBOUND, Result.ANSWERED, "customer")
    assert (call.answered_by, call.rang, call.queue) == ((ALICE,), (ALICE, BOB), "sales" if member else None)
    assert (call.wait, call.talk) == (pytest.approx(3, abs=0.1), pytest.approx(20, abs=0.1))
    assert {leg.line: leg.result for leg in call.legs} == {ALICE: LegResult.ANSWERED, BOB: LegResult.ANSWERED_ELSEWHERE}


def test_a_group_of_which_nobody_answers_is_given_up(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    through_local(pbx, "1.1", "201", "1.4", ALICE)
    pbx.wait(5)
    pbx.about("HangupRequest", "1.1", Cause="16")
    pbx.to("DialEnd", "1.1", "201.1", DialStatus="CANCEL")
    pbx.about("Hangup", "201.1", Cause="0")
    pbx.about("Hangup", "1.1", Cause="127")
    pbx.to("DialEnd", "201.2", "1.4", DialStatus="CANCEL")
    pbx.about("Hangup", "1.4", Cause="0")
    pbx.about("Hangup", "201.2", Cause="0")
    call = told(pbx)
    assert (call.result, call.hangup_by, call.rang) == (Result.ABANDONED, "customer", (ALICE,))
    assert call.wait == pytest.approx(5, abs=0.1)
    assert [leg.result for leg in call.legs] == [LegResult.CANCELLED]


def test_a_local_channel_that_takes_itself_out_ends_nothing(pbx: Pbx) -> None:
    """Without /n, once sound flows: the customer takes the second half's place, and both halves are gone."""
    pbx.customer_calls("1.1")
    through_local(pbx, "1.1", "201", "1.4", ALICE)
    takes(pbx, "1.1", "201", "1.4", ("b1", "b2"))
    pbx.wait(1)
    pbx.leaves("1.1", "b2")
    pbx.leaves("201.2", "b1")
    pbx.about(
        "BridgeEnter", "1.1", BridgeUniqueid="b1", BridgeType="basic", BridgeNumChannels="2", SwapUniqueid="201.2"
    )
    pbx.leaves("201.1", "b2")
    pbx.about("Hangup", "201.1", Cause="16")
    pbx.about("Hangup", "201.2", Cause="16")
    pbx.wait(9)
    pbx.hangs_up("1.1", "1.4")
    call = told(pbx)
    assert (call.result, call.answered_by, call.talk) == (Result.ANSWERED, (ALICE,), pytest.approx(10, abs=0.1))


def test_a_call_that_follows_its_agent_to_a_mobile_is_one_call_and_answered_there(pbx: Pbx) -> None:
    """Two trunk channels are in it; the second one is a phone of ours elsewhere, not another customer."""
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.wait(5)
    pbx.stops_ringing("1.1", "1.2", "NOANSWER")
    through_local(pbx, "1.1", "300", "1.5", TRUNK)
    pbx.wait(4)
    takes(pbx, "1.1", "300", "1.5", ("b1", "b2"))
    pbx.wait(30)
    over(pbx, "1.1", "300", "1.5", ("b1", "b2"))
    call = told(pbx)
    assert (call.uid, call.direction, call.customer.number) == ("1.1", Direction.INBOUND, "6944000001")
    assert (call.result, call.answered_by, call.rang) == (Result.ANSWERED, (TRUNK,), (ALICE, TRUNK))
    assert call.talk == pytest.approx(30, abs=0.1)


def test_a_caller_who_dials_out_again_is_one_inbound_call(pbx: Pbx) -> None:
    """DISA, or a forward of all calls to an outside number."""
    pbx.customer_calls("1.1")
    pbx.about("Newstate", "1.1", ChannelStateDesc="Up")
    pbx.dials_customer("1.1", "1.2", "2105550000")
    pbx.about("Newstate", "1.2", ChannelStateDesc="Ringing")
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.wait(10)
    pbx.hangs_up("1.1", "1.2")
    call = told(pbx)
    assert (call.direction, call.customer.number, call.did) == (Direction.INBOUND, "6944000001", "2100000100")
    assert (call.result, call.hangup_by, call.talk) == (Result.ANSWERED, "customer", pytest.approx(10, abs=0.1))


@pytest.mark.parametrize(
    ("trunk", "channel"),
    [
        ("SIP/provider", "SIP/provider-0000002a"),
        ("IAX2/provider", "IAX2/provider-4711"),
        ("DAHDI/i1", "DAHDI/i1/6944000001-3"),
        ("DAHDI/g0", "DAHDI/g0/2105550000-1"),
        ("PJSIP/my-provider", "PJSIP/my-provider-0000002a"),
        ("DAHDI", "DAHDI/17-1"),
    ],
)
def test_trunks_of_other_drivers(pbx: Pbx, trunk: str, channel: str) -> None:
    pbx.appears("1.1", channel, state="Ring", CallerIDNum="6944000001", Exten="2100000100")
    pbx.rings("1.1", "1.2", "SIP/alice")
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.wait(5)
    pbx.hangs_up("1.2", "1.1")
    call = told(pbx, [trunk])
    assert (call.direction, call.customer.number, call.did) == (Direction.INBOUND, "6944000001", "2100000100")
    assert (call.result, call.answered_by, call.hangup_by) == (Result.ANSWERED, ("SIP/alice",), "agent")


def test_a_trunk_is_not_taken_for_one_whose_name_begins_alike(pbx: Pbx) -> None:
    pbx.appears("1.1", "PJSIP/trunk2-00000001", state="Ring", Exten="1001")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.hangs_up("1.1", "1.2")
    tracker = CallTracker((TRUNK,))
    assert not [event for frame in pbx.said for event in tracker.feed(frame)]


def test_a_callback_when_a_busy_line_is_free_is_a_call_of_who_gets_it(pbx: Pbx) -> None:
    """The switch rings Alice by itself, and dials the customer when she answers."""
    pbx.appears("1.1", "PJSIP/alice-00000001", CallerIDNum="<unknown>")
    pbx.to("DialBegin", None, "1.1", DialString="alice")
    pbx.about("Newstate", "1.1", ChannelStateDesc="Ringing")
    pbx.picks_up(None, "1.1")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.about("Newstate", "1.2", ChannelStateDesc="Ringing")
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    pbx.wait(7)
    pbx.hangs_up("1.2", "1.1")
    call = told(pbx)
    assert (call.direction, call.customer.number, call.agent) == (Direction.OUTBOUND, "6944000002", ALICE)
    assert (call.result, call.hangup_by, call.talk) == (Result.ANSWERED, "customer", pytest.approx(7, abs=0.1))


def test_an_announcement_to_all_phones_is_no_call(pbx: Pbx) -> None:
    """Page: a conference of Local channels."""
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="*80")
    through_local(pbx, "1.1", "202", "1.4", BOB)
    pbx.picks_up("202.2", "1.4")
    pbx.bridges("1.4", "202.2", bridge="b1")
    pbx.bridges("1.1", "202.1", bridge="page", kind="base")
    pbx.hangs_up("1.1", "202.1", bridge="page")
    pbx.ends("202.2", "1.4")
    tracker = CallTracker((TRUNK,))
    assert not [event for frame in pbx.said for event in tracker.feed(frame)]
    assert tracker.open_uids() == set()
