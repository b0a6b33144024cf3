"""Several calls at once, with frames that are lost, doubled, late or cut: no crash, no ghost, no negative time, and what is
told of a call only moves forward."""

from __future__ import annotations

from hypothesis import assume, given, settings

from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallSummary
from telephony.replay import derive
from tests.telephony.disturbances import Mix, Witness, mixes


@settings(max_examples=300, deadline=None)
@given(mixes())
def test_whatever_becomes_of_the_frames_calls_only_move_forward(mix: Mix) -> None:
    tracker, witness = CallTracker(), Witness(mix)
    for frame in mix.frames:
        witness.hears(tracker.feed(frame))
    witness.hears(tracker.flush())
    assert not tracker.open_uids()
    assert witness.unfinished() == set()


@settings(max_examples=60, deadline=None)
@given(mixes(most=5, whole=True))
def test_calls_at_once_are_told_as_if_each_were_alone(mix: Mix) -> None:
    assume(sum(name.startswith("c2c") for name in mix.scenarios) < 2)  # of one agent, at one moment
    alone = {call.uid: call for story in mix.stories for call in derive(story)}
    tracker, told = CallTracker(), dict[str, CallSummary]()
    for frame in mix.frames:
        told |= {event.uid: event.summary for event in tracker.feed(frame) if isinstance(event, CallEnded)}
    told |= {event.uid: event.summary for event in tracker.flush() if isinstance(event, CallEnded)}
    assert told == alone
