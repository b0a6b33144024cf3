"""Recorded calls come out of the replay as they truly were."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from telephony.ami.frames import Frame, journalled, read_frames
from telephony.events import Caller, CallSummary, Direction, Result
from telephony.journal import Mark
from telephony.replay import as_truth, derive
from tests.telephony.recordings import SCENARIOS, filtered, frames, truth

TOLERANCE = 0.7  # seconds; the truth was written by those who made the calls, and phones are not exact

# Everything in which a replayed call is not what the truth file says, and why. Nothing else may differ.
DIFFERS: dict[str, dict[str, Any]] = {
    # scripted: the phone rings for 10 s. The queue notices that nobody is left 1 s later (its own HoldTime says 11)
    "in-queue-leave-empty": {"wait": 11.0},
}

OURS = {"outcome": "result", "ring": "wait"}  # the truth files' words, where ours are others
COMPARED = (
    "linkedid", "direction", "customer", "did", "queue", "agent", "answered_by", "rang", "wait", "ring", "talk", "hold",
    "hangup_by", "transfers", "outcome", "caller_name",
)  # fmt: skip


def test_every_recording_has_its_truth() -> None:
    assert len(SCENARIOS) >= 38
    assert set(DIFFERS) <= set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recording_gives_exactly_its_true_calls(scenario: str) -> None:
    _compare(scenario, frames(scenario), DIFFERS.get(scenario, {}))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_the_switch_filters_out_is_not_needed(scenario: str) -> None:
    _compare(scenario, filtered(scenario), DIFFERS.get(scenario, {}))


def test_a_journal_is_replayed_like_a_recording() -> None:
    journal = b"".join(journalled(frame.raw, 1_800_000_000.0 + i) for i, frame in enumerate(frames("blind-transfer")))
    assert list(derive(read_frames(io.BytesIO(journal)))) == list(derive(frames("blind-transfer")))


def test_where_the_connection_was_lost_the_journal_says_what_was_alive_after_it() -> None:
    """Nobody saw the end of the first of two conversations; of the second, everything but the gap."""
    recording = frames("in-two-calls-same-number")
    second = truth("in-two-calls-same-number")[1]["linkedid"]
    gone = next(i for i, frame in enumerate(recording) if frame.name == "BridgeEnter")
    again = next(
        i for i, frame in enumerate(recording) if frame.name == "HangupRequest" and frame["Linkedid"] == second
    )
    assert gone < again
    alive = {frame["Uniqueid"]: frame for frame in recording[:again] if frame.get("Linkedid") == second}
    journal = b"".join(journalled(frame.raw, 1.0) for frame in recording[:gone])
    journal += journalled(b"", 2.0, Mark.GAP) + journalled(b"", 3.0, Mark.SNAPSHOT)
    for frame in alive.values():
        shown = Frame.of(
            {"Event": "CoreShowChannel", **{name: frame[name] for name in ("Channel", "Uniqueid", "Linkedid")}}
        )
        journal += journalled(shown.raw + b"\r\nBridgeId: b\r\nCallerIDNum: 6944000001", 3.0, Mark.CHANNEL)
    told_at = recording[again].at
    assert told_at is not None
    journal += journalled(b"At: %.6f" % told_at.timestamp(), 4.0, Mark.RESYNC)
    journal += b"".join(journalled(frame.raw, 5.0) for frame in recording[again:])
    first, other = derive(read_frames(io.BytesIO(journal)))
    assert (first.result, first.did) == (Result.LOST, "2100000100")
    assert (other.linkedid, other.result, other.hangup_by) == (second, Result.ANSWERED, "customer")
    assert other.answered_by == ("PJSIP/1002",)


def test_without_the_switchs_clock_the_time_of_arrival_counts() -> None:
    recording = frames("in-queue-answered")
    journal = b""
    for frame in recording:
        lines = [line for line in frame.raw.split(b"\r\n") if not line.startswith(b"Timestamp:")]
        received = frame.at.timestamp() if frame.at else 1_700_000_000.0
        journal += journalled(b"\r\n".join(lines), received)
    _compare("in-queue-answered", tuple(read_frames(io.BytesIO(journal))), {})


def test_frames_without_any_time_still_give_the_call() -> None:
    timeless = [
        Frame(b"\r\n".join(line for line in frame.raw.split(b"\r\n") if not line.startswith(b"Timestamp:")))
        for frame in frames("in-queue-answered")
    ]
    (call,) = derive(timeless)
    assert (call.answered_by, call.talk) == (("PJSIP/1001",), 0.0)


def test_other_trunks_are_named() -> None:
    """With another trunk's name, the customer's channel is one of our phones: two phones talk, no customer call."""
    assert not list(derive(frames("in-direct-answered"), trunks=["PJSIP/elsewhere"]))
    renamed = [
        Frame(frame.raw.replace(b"PJSIP/trunk-", b"PJSIP/my-sip-trunk-")) for frame in frames("in-direct-answered")
    ]
    (call,) = derive(renamed, trunks=["PJSIP/other", "PJSIP/my-sip-trunk"])
    assert call.answered_by == ("PJSIP/1007",)


def test_calls_come_in_the_order_in_which_they_began() -> None:
    begun = [call.started_at for call in derive(frames("in-two-calls-same-number"))]
    assert len(begun) == 2
    assert begun == sorted(begun, key=str)


@pytest.mark.parametrize("scenario", ["in-queue-answered", "in-queue-abandoned", "out-phone-answered"])
def test_a_recording_that_stops_before_the_end_leaves_no_call_open(scenario: str) -> None:
    recording = frames(scenario)
    hangup = next(i for i, frame in enumerate(recording) if frame.name == "HangupRequest")
    (call,) = derive(recording[:hangup])
    answered = truth(scenario)[0]["outcome"] == "answered"
    assert call.result == ("answered" if answered else "lost")
    assert call.ended_at is not None
    assert call.hangup_by is None


def test_a_replayed_call_is_json_with_these_keys() -> None:
    told = [as_truth(call) for call in derive(frames("attended-transfer-refer-replaces"))]
    assert json.loads(json.dumps(told)) == told
    assert list(told[0]) == [
        "linkedid", "direction", "customer", "did", "queue", "answered_by", "rang", "wait", "talk", "hold", "hangup_by",
        "transfers", "result", "uid", "started_at", "answered_at", "ended_at", "legs", "cause", "agent", "caller_name",
        "withheld",
    ]  # fmt: skip
    assert told[0]["started_at"] == "2026-11-23T09:42:00.959267Z"
    assert [(leg["line"], leg["result"]) for leg in told[0]["legs"]] == [
        ("PJSIP/1001", "answered"),
        ("PJSIP/1002", "answered"),
    ]


def test_a_call_of_which_nothing_is_known_is_json_too() -> None:
    bare = CallSummary(uid="1.1", linkedid=None, direction=Direction.INBOUND, customer=Caller(""))
    assert json.loads(json.dumps(as_truth(bare)))["started_at"] is None


def _compare(scenario: str, recording: tuple[Frame, ...], differs: dict[str, Any]) -> None:
    told = [as_truth(call) for call in derive(recording)]
    true = [call | differs for call in truth(scenario)]
    assert len(told) == len(true)
    for is_told, is_true in zip(told, true, strict=True):
        for key in COMPARED:
            if key not in is_true:
                continue
            value, expected = is_told[OURS.get(key, key)], is_true[key]
            if isinstance(expected, int | float):
                expected = pytest.approx(expected, abs=TOLERANCE)
            assert value == expected, (key, value, expected)
