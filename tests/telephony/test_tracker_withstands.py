"""Frames that are forged, torn, lost, doubled or out of order change no call wrongly, and nothing is raised."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.ami.frames import END, Frame, FrameSplitter, journalled, parse
from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallEvent, CallsMerged, CallStarted, LegEnded, LinesForged, Result
from tests.telephony.pbx import Pbx
from tests.telephony.recordings import SCENARIOS, filtered, truth

ALICE = "PJSIP/alice"


@pytest.fixture
def pbx() -> Pbx:
    """Alice talks with Dana."""
    pbx = Pbx()
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")
    return pbx


def after(pbx: Pbx) -> CallTracker:
    tracker = CallTracker()
    for frame in pbx.said:
        tracker.feed(frame)
    assert tracker.open_uids() == {"1.1"}
    return tracker


def newchannel(number: str, uid: str = "6.6") -> bytes:
    """What Asterisk writes of a caller who calls himself `number`."""
    return (
        f"Event: Newchannel\r\nPrivilege: call,all\r\nTimestamp: 1795426500.000000\r\nChannel: PJSIP/trunk-00000066\r\n"
        f"ChannelStateDesc: Ring\r\nCallerIDNum: {number}\r\nCallerIDName: Mallory\r\nConnectedLineNum: <unknown>\r\n"
        f"Exten: 2100000100\r\nUniqueid: {uid}\r\nLinkedid: {uid}\r\n\r\n"
    ).encode()


def arrive(tracker: CallTracker, data: bytes) -> list[CallEvent]:
    """By way of the journal, as in the product."""
    frames = [parse(journalled(raw, 1_795_426_500.0).removesuffix(END)) for raw in FrameSplitter().feed(data)]
    return [event for frame in frames for event in tracker.feed(frame)]


FORGERIES = {
    "another event": "69\r\nEvent: Hangup\r\nX: y",
    "another channel": "69\r\nUniqueid: 1.1\r\nLinkedid: 1.1",
    "another group": "69\r\nLinkedid: 1.1",
    "a whole event": "69\r\n\r\nEvent: Hangup\r\nPrivilege: call,all\r\nTimestamp: 1795426500.1\r\nUniqueid: 1.1\r\n"
    "Linkedid: 1.1\r\nCause: 16\r\n\r\nx",
    "a frame of a journal": "69\r\n\r\nReceived: 1.0 resync\r\nRestarted: true\r\n\r\n"
    "Event: Hangup\r\nUniqueid: 1.1\r\n\r\nx",
    "many events": "69" + "\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1\r\nLinkedid: 1.1" * 3 + "\r\n\r\nx",
    "no colon": "69\r\nnonsense\r\n",
}


@pytest.mark.parametrize("number", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_callers_number_ends_nobodys_call(pbx: Pbx, number: str) -> None:
    tracker = after(pbx)
    events = arrive(tracker, newchannel(number))
    assert not any(isinstance(event, CallEnded) or event.uid == "1.1" for event in events)
    assert "1.1" in tracker.open_uids()
    del pbx.said[:]
    pbx.hangs_up("1.1", "1.2")
    events = [event for frame in pbx.said for event in tracker.feed(frame)]
    ((call, _at),) = [(event.summary, event.at) for event in events if isinstance(event, CallEnded)]
    assert (call.uid, call.result, call.hangup_by) == ("1.1", Result.ANSWERED, "customer")


def test_a_forger_who_hangs_up_hangs_up_nobody_else(pbx: Pbx) -> None:
    """His number names another channel in every frame of his own call, also in the last."""
    tracker = after(pbx)
    forged = newchannel(FORGERIES["another channel"]).replace(b"Event: Newchannel", b"Event: Hangup")
    events = arrive(tracker, newchannel("69") + forged)
    assert [type(event) for event in events] == [CallStarted, LinesForged, CallEnded]
    assert {event.uid for event in events} == {"6.6"}
    assert tracker.open_uids() == {"1.1"}


def test_a_forged_number_is_kept_as_its_sender_wrote_it(pbx: Pbx) -> None:
    started, alarm = arrive(CallTracker(), newchannel(FORGERIES["another event"]))
    assert isinstance(alarm, LinesForged)
    assert isinstance(started, CallStarted)
    assert (started.customer.number, started.customer.name) == (FORGERIES["another event"], "Mallory")


def test_a_forger_who_cuts_his_own_announcement_short_makes_no_call_that_never_ends() -> None:
    tracker = CallTracker()
    arrive(tracker, newchannel("69\r\nEvent: Hangup\r\nUniqueid: 1\r\n\r\n"))
    assert tracker.open_uids() == set()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"Pat O\'Brien", "Pat O'Brien"),
        (r"who\? \"me\"", 'who? "me"'),
        (r"a\\nb\tc", "a\\nb\tc"),
        ("cut short\\", "cut short\\"),
    ],
)
def test_a_name_is_told_as_its_sender_wrote_it_though_the_switch_writes_it_as_c_would(written: str, name: str) -> None:
    (started,) = arrive(CallTracker(), newchannel("69").replace(b"Mallory", written.encode()))
    assert isinstance(started, CallStarted)
    assert started.customer.name == name


def test_a_forged_swap_takes_nobody_out_of_a_conversation(pbx: Pbx) -> None:
    tracker = after(pbx)
    forged = (
        "Event: BridgeEnter\r\nPrivilege: call,all\r\nTimestamp: 1795426500.0\r\nBridgeUniqueid: b9\r\n"
        "BridgeType: basic\r\nBridgeNumChannels: 1\r\nChannel: PJSIP/trunk-00000066\r\nCallerIDNum: 69\r\n"
        "SwapUniqueid: 1.2\r\nX: \r\nX: y\r\n"
        "CallerIDName: Mallory\r\nUniqueid: 6.6\r\nLinkedid: 6.6\r\n\r\n"
    )
    arrive(tracker, newchannel("69"))
    arrive(tracker, forged.encode())
    del pbx.said[:]
    pbx.wait(20)
    pbx.hangs_up("1.1", "1.2")
    (call,) = [event.summary for frame in pbx.said for event in tracker.feed(frame) if isinstance(event, CallEnded)]
    assert call.talk == pytest.approx(20, abs=0.1)


def test_trust_returns_after_a_forgery(pbx: Pbx) -> None:
    tracker = after(pbx)
    arrive(tracker, newchannel(FORGERIES["a whole event"]))
    assert [type(event) for event in arrive(tracker, newchannel("6944000007", "7.7"))] == [CallStarted]


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "x" * 10_000, "\x00", "\"'; DROP TABLE call --", "\u202eevil", "\udcff", "=1+1"],
)
def test_any_text_is_carried_as_it_is(name: str) -> None:
    pbx = Pbx()
    pbx.appears("1.1", "PJSIP/trunk-00000001", state="Ring", CallerIDNum="69")
    raw = pbx.said[0].raw + b"\r\nCallerIDName: " + name.encode("utf-8", "surrogateescape")
    (started,) = CallTracker().feed(Frame(raw))
    assert isinstance(started, CallStarted)
    assert started.customer.name == name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


UIDS = ["1.1", "1.2", "1.3", "ours", "", "<unknown>"]
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        **{
            prefix + name: values
            for prefix in ("", "Dest", "Transferer", "OrigTransferer", "LocalOne", "LocalTwo", "Swap")
            for name, values in {
                "Uniqueid": st.sampled_from(UIDS),
                "Linkedid": st.sampled_from(UIDS),
                "Channel": st.sampled_from(
                    [
                        "PJSIP/trunk-00000001",
                        "PJSIP/alice-00000002",
                        "Local/1@c-00000003;1",
                        "Local/1@c-00000003;2",
                        "",
                        "-",
                    ]
                ),
                "ChannelStateDesc": st.sampled_from(["Ring", "Ringing", "Down", "Up", ""]),
            }.items()
        },
        "Timestamp": st.sampled_from(["1795426000.1", "1795425999", "nan", "inf", "-1", "x", "1e300"]),
        "BridgeUniqueid": st.sampled_from(["b1", "b2", ""]),
        "BridgeType": st.sampled_from(["basic", "base", "parking", "holding", ""]),
        "BridgeNumChannels": st.sampled_from(["0", "1", "2", "-1", "x", "9" * 30, "²"]),
        "DialStatus": st.sampled_from(["ANSWER", "BUSY", "CANCEL", "NOANSWER", "CONGESTION", ""]),
        "Cause": st.sampled_from(["16", "17", "0", "x", "", "٣"]),
        "Response": st.sampled_from(["Failure", "Success"]),
        "Result": st.sampled_from(["Success", "Fail"]),
        "Reason": st.sampled_from(["0", "3", "4"]),
        "Exten": st.sampled_from(["6944000001", "s", ""]),
        "ActionID": st.sampled_from(["a1", "a2", ""]),
        "Queue": st.sampled_from(["sales", ""]),
        "Variable": st.sampled_from(["QUEUESTATUS", "DIALSTATUS", "__CRM_CALL_ID", "CRM_PRES"]),
        "Value": st.text(max_size=3) | st.sampled_from(["JOINEMPTY", "CHANUNAVAIL"]),
        "CallerIDNum": st.text(max_size=5),
    },
)
NAMES = st.sampled_from(sorted(CallTracker()._handlers))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, HEADERS), max_size=40))
def test_nothing_that_a_switch_could_say_raises(said: list[tuple[str, dict[str, str]]]) -> None:
    tracker, events = CallTracker(), list[CallEvent]()
    for name, headers in said:
        events += tracker.feed(Frame.of({"Event": name, **headers}))
        _one_open_call_for_a_linkedid(tracker)
    events += tracker.flush()
    assert not tracker.open_uids()
    _coherent(events)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SCENARIOS), st.randoms(use_true_random=False))
def test_lost_doubled_and_late_frames_make_no_second_call(scenario: str, chance: random.Random) -> None:
    """Frames of one channel keep their order, as Asterisk's do; those of different channels may come in any."""
    recording = _disturbed(filtered(scenario), chance)
    tracker, events = CallTracker(), list[CallEvent]()
    for frame in recording:
        events += tracker.feed(frame)
        _one_open_call_for_a_linkedid(tracker)
    events += tracker.flush()
    assert not tracker.open_uids()
    _coherent(events)
    started = {event.linkedid for event in events if isinstance(event, CallStarted)}
    known = {uid for frame in filtered(scenario) for uid in (frame.get("Linkedid"), frame.get("DestLinkedid")) if uid}
    assert started <= known | {None}
    if not truth(scenario) and scenario != "internal-call":
        assert not started


def _disturbed(frames: tuple[Frame, ...], chance: random.Random) -> list[Frame]:
    late: dict[str, float] = {}
    placed: list[tuple[float, Frame]] = []
    for place, frame in enumerate(frames):
        if chance.random() < 0.1:
            continue
        channel = frame.get("Uniqueid") or frame.get("DestUniqueid") or ""
        at = max(late.get(channel, 0.0), place + chance.random() * chance.choice([0, 0, 5]))
        late[channel] = at
        placed += [(at, frame)] * (2 if chance.random() < 0.1 else 1)
    return [frame for _, frame in sorted(placed, key=lambda one: one[0])]


def _one_open_call_for_a_linkedid(tracker: CallTracker) -> None:
    open_calls = [call for call in tracker._book.all_calls() if call.open]
    assert len({call.linkedid for call in open_calls}) == len(open_calls)


def _coherent(events: list[CallEvent]) -> None:
    """Nothing is told of a call that did not start, and each phone's part ends once."""
    begun = set[str]()
    legs = list[tuple[str, str]]()
    for event in events:
        if isinstance(event, CallStarted):
            begun.add(event.uid)
        assert event.uid in begun
        if isinstance(event, CallsMerged):
            assert event.merged != event.uid
        if isinstance(event, LegEnded):
            legs.append((event.uid, event.leg))
    assert len(legs) == len(set(legs))
