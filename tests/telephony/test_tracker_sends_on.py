"""Calls that end at another phone than the one that rang: picked up, forwarded, transferred. What each phone's part was."""

from __future__ import annotations

import pytest

from telephony.events import CallSummary
from telephony.replay import derive
from tests.telephony.recordings import filtered


def the_call(recording: str) -> CallSummary:
    (call,) = derive(filtered(recording))
    return call


def parts(call: CallSummary) -> list[tuple[str, str]]:
    return [(leg.line.removeprefix("PJSIP/"), str(leg.result)) for leg in call.legs]


ALICE, BOB, CHARLIE = "1011", "1012", "1013"


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ("a-colleague-picks-the-call-up", [(ALICE, "answered_elsewhere"), (BOB, "answered")]),
        (
            "the-call-of-a-group-is-picked-up",
            [(ALICE, "answered_elsewhere"), (BOB, "answered_elsewhere"), (CHARLIE, "answered_elsewhere"), (BOB, "answered")],
        ),
        ("the-phone-forwards-to-a-colleague", [(ALICE, "declined"), (BOB, "answered")]),
        ("the-phone-forwards-to-a-mobile", [(ALICE, "declined"), ("trunk", "answered")]),
        ("the-phone-forwards-when-it-has-rung-for-a-while", [(ALICE, "no_answer"), (BOB, "cancelled")]),
        ("the-phone-fails", [(ALICE, "failed")]),
    ],
)  # fmt: skip
def test_each_phone_has_its_part(recording: str, expected: list[tuple[str, str]]) -> None:
    assert parts(the_call(recording)) == expected


def test_a_transfer_that_was_completed_while_it_rang_names_the_colleague() -> None:
    (transfer,) = the_call("completed-while-it-rings").transfers
    assert (transfer.by, transfer.to, transfer.result) == (f"PJSIP/{ALICE}", f"PJSIP/{BOB}", "answered")


def test_whoever_was_called_first_is_the_customer() -> None:
    call = the_call("through-a-local-channel-customer-first")
    assert call.customer.number.startswith("694")
    assert call.answered_by == (f"PJSIP/{ALICE}",)


def test_a_refusal_that_is_told_before_its_channel_is_completed_afterwards() -> None:
    """Events of different origin overtake each other: the answer to the click comes first, then the phone's channel."""
    recording = list(filtered("clicked-and-the-agents-phone-is-busy"))
    response = next(frame for frame in recording if frame.name == "OriginateResponse")
    recording.remove(response)
    (call,) = derive([response, *recording])
    (expected,) = derive([*recording, response])
    assert (call.result, call.hangup_by, parts(call)) == (expected.result, expected.hangup_by, parts(expected))
    assert parts(call) == [(ALICE, "busy")]
