"""A bridge that connects in the middle of calls: every recording, with every possible beginning missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from telephony.ami.frames import Frame
from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallEvent, CallsMerged, CallStarted, CallSummary
from telephony.replay import as_truth
from tests.telephony.recordings import SCENARIOS, filtered, truth

TOLERANCE = 0.7
LONGER = {"in-queue-leave-empty": {"wait": 11.0}}  # see test_replay.DIFFERS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_missing_beginning_makes_a_ghost_or_a_lie(scenario: str) -> None:
    recording, true = filtered(scenario), truth(scenario)
    for first in range(1, len(recording)):
        calls, tracker = _follow(recording[first:])
        assert not tracker.open_uids(), f"still open, from frame {first} on"
        assert len(calls) <= len(true), f"ghost, from frame {first} on"
        for call in calls:
            same = [one for one in true if one.get("linkedid") == call.linkedid]
            assert same, f"Linkedid {call.linkedid}, from frame {first} on"
            lies = _lies(as_truth(call), same[0] | LONGER.get(scenario, {}))
            assert not lies, f"{lies}, from frame {first} on"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_missing_end_makes_a_ghost(scenario: str) -> None:
    recording, true = filtered(scenario), truth(scenario)
    for last in range(1, len(recording)):
        calls, tracker = _follow(recording[:last])
        flushed = _ended(tracker.flush())
        assert not tracker.open_uids()
        assert {call.linkedid for call in (*calls, *flushed)} <= {one.get("linkedid") for one in true}


def test_of_a_call_that_is_joined_while_its_phones_ring_the_rest_is_whole() -> None:
    recording = filtered("in-queue-answered")
    called = next(i for i, frame in enumerate(recording) if frame.name == "AgentCalled")
    ((call,), _) = _follow(recording[called:])
    told = as_truth(call)
    assert (told["customer"], told["queue"], told["did"]) == ("6944000001", "sales", None)
    assert (told["answered_by"], told["result"], told["hangup_by"]) == (["1001"], "answered", "customer")
    assert told["talk"] == pytest.approx(3.0, abs=TOLERANCE)


def test_of_a_call_whose_answer_was_half_seen_only_the_answer_is_told() -> None:
    """The customer enters a bridge of two, and who is there nobody knows."""
    recording = filtered("in-queue-answered")
    entered = max(i for i, frame in enumerate(recording) if frame.name == "BridgeEnter")
    ((call,), _) = _follow(recording[entered:])
    assert (call.result, call.answered_by, call.talk) == ("answered", (), 0.0)


@pytest.mark.parametrize("name", ["HangupRequest", "BridgeLeave", "Hangup", "Newstate", "DialEnd", "Hold", "Cdr"])
def test_a_lone_frame_of_an_unknown_channel_is_no_call(name: str) -> None:
    for scenario in SCENARIOS:
        lone = [frame for frame in filtered(scenario) if frame.name == name]
        for frame in lone:
            tracker = CallTracker()
            assert not tracker.feed(frame)
            assert not tracker.open_uids()


def _follow(recording: Sequence[Frame]) -> tuple[list[CallSummary], CallTracker]:
    tracker, calls, merged = CallTracker(), dict[str, CallSummary](), set[str]()
    for frame in recording:
        events = tracker.feed(frame)
        assert not any(isinstance(event, CallStarted) and event.uid in merged for event in events)
        merged |= {event.merged for event in events if isinstance(event, CallsMerged)}
        calls |= {call.uid: call for call in _ended(events)}
    return [call for uid, call in calls.items() if uid not in merged], tracker


def _ended(events: Iterable[CallEvent]) -> list[CallSummary]:
    return [event.summary for event in events if isinstance(event, CallEnded)]


def _lies(told: dict[str, Any], true: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Where what is told contradicts the truth; what is missing is no lie."""
    lies: list[tuple[str, Any, Any]] = []
    for key in ("direction", "did", "queue", "hangup_by", "agent"):
        if key in true and told[key] not in (None, "", true[key]):
            lies.append((key, told[key], true[key]))
    # the dial plan may write the same number in another way than who asked for the call
    if told["customer"] not in (None, "", true["customer"], true["customer"].removeprefix("+30")):
        lies.append(("customer", told["customer"], true["customer"]))
    if told["result"] not in (None, true["outcome"]):
        lies.append(("result", told["result"], true["outcome"]))
    for key in ("answered_by", "rang", "transfers"):
        if key in true and not _in_order(told[key], true[key]):
            lies.append((key, told[key], true[key]))
    for key in ("wait", "talk", "hold"):
        if key in true and told[key] > true[key] + TOLERANCE:
            lies.append((key, told[key], true[key]))
    return lies


def _in_order(some: list[Any], everything: list[Any]) -> bool:
    rest = iter(everything)
    return all(one in rest for one in some)
