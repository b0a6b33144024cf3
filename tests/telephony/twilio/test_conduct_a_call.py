"""What a call needs so that it goes on: the caller is brought to who picked up, nobody rings in vain or is left alone."""

from __future__ import annotations

from telephony.twilio.conductor import Step, StepKind, due
from telephony.twilio.tracker import follow
from tests.telephony.twilio.hooks import REQUEST, Story, answered, clicked, sid
from tests.telephony.twilio.test_follow_a_call import talking


def steps(story: Story) -> list[Step]:
    return due(follow(story.root, story.webhooks).call)


def kinds(story: Story) -> list[tuple[StepKind, str]]:
    return [(step.kind, step.leg) for step in steps(story)]


def test_dana_is_brought_to_whoever_picked_up_first_and_the_others_stop_ringing() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").rings(2, "bob")
    assert steps(story) == []
    story.leg(5, "bob", "in-progress")
    assert kinds(story) == [(StepKind.CONNECT, sid("bob")), (StepKind.END, sid("alice"))]
    story.leg(5.5, "alice", "in-progress")  # both at once: one of them has nobody to talk to
    assert kinds(story) == [(StepKind.CONNECT, sid("bob")), (StepKind.END, sid("alice"))]


def test_a_step_keeps_its_name_however_much_more_is_known() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress")
    before = [step.key for step in steps(story)]
    assert before == [step.key for step in steps(story.waits(15).room(5, "alice", "participant-join"))]


def test_whoever_rings_for_a_caller_who_is_gone_is_let_go() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").leaves_queue(4, "hangup")
    assert kinds(story) == [(StepKind.END, sid("alice"))]
    assert steps(story.leg(5, "alice", "canceled")) == []


def test_the_customer_is_called_when_alice_is_there_and_not_before() -> None:
    story = Story(REQUEST).rings(0, "alice", "agent")
    assert steps(story) == []
    assert steps(story.leg(2, "alice", "in-progress", "agent")) == [Step(StepKind.DIAL, "dial")]
    assert steps(story.leg(3, "customer", "initiated", "customer")) == []


def test_alice_who_hangs_up_takes_the_customers_ring_with_her() -> None:
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent").rings(3, "customer", "customer")
    assert kinds(story.leg(6, "alice", "completed", "agent")) == [(StepKind.END, sid("customer"))]


def test_a_customer_who_is_not_reached_lets_alice_go() -> None:
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent").leg(3, "customer", "busy", "customer")
    assert kinds(story) == [(StepKind.END, sid("alice"))]


def test_nobody_is_left_alone_when_a_page_is_gone() -> None:
    story = talking().room(16, "alice", "participant-leave", "participant_hung_up").leg(16, "alice", "completed")
    assert steps(story) == [Step(StepKind.REQUEUE, "requeue:2", leg=story.root)]
    story.room(17, "customer", "participant-leave", "participant_updated_via_api").waits(17, step=2)
    assert steps(story) == []


def test_whom_nobody_took_goes_back_to_who_sent_them_and_then_into_the_queue() -> None:
    story = talking().rings(16, "bob", "sent", "Client/alice")
    story.room(16, "alice", "participant-leave", "participant_updated_via_api").leg(16, "alice", "completed")
    assert steps(story) == []
    story.leg(30, "bob", "no-answer", "sent", "Client/alice")
    assert steps(story) == [Step(StepKind.BACK, f"back:{sid('bob')}", line="Client/alice")]
    story.rings(31, "alice2", "back").leg(45, "alice2", "no-answer", "back")
    assert [step.kind for step in steps(story)] == [StepKind.REQUEUE]


def test_a_customer_without_a_queue_gets_the_same_phone_once_more() -> None:
    story = clicked()
    story.webhooks = [
        each for each in story.webhooks if each.received_at.timestamp() < story.webhooks[0].received_at.timestamp() + 60
    ]
    story.room(30, "alice", "participant-leave", "participant_hung_up", role="agent").leg(
        30, "alice", "completed", "agent"
    )
    assert [(step.kind, step.line) for step in steps(story)] == [(StepKind.BACK, "Client/alice")]


def test_what_could_not_be_done_makes_room_for_the_next_best() -> None:
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent")
    [end] = due(follow(story.root, story.webhooks).call, {"dial"})
    assert (end.kind, end.leg) == (StepKind.END, sid("alice"))
    story = talking().rings(16, "bob", "sent", "Client/alice")
    story.room(16, "alice", "participant-leave", "participant_updated_via_api").leg(16, "alice", "completed")
    story.leg(30, "bob", "no-answer", "sent", "Client/alice")
    [requeue] = due(follow(story.root, story.webhooks).call, {f"back:{sid('bob')}"})
    assert requeue.kind is StepKind.REQUEUE


def test_a_call_that_is_over_needs_nothing() -> None:
    assert steps(answered()) == []
    assert steps(clicked()) == []
