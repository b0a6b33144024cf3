"""What Twilio sends becomes the same events as of every other switch, in whatever order it comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.events import (
    CallAnswered,
    CallEnded,
    CallerLeft,
    CallerWaits,
    CallEvent,
    CallHeld,
    CallResumed,
    CallStarted,
    CallSummary,
    Direction,
    HungUpBy,
    LegAsked,
    LegEnded,
    LegResult,
    LegRinging,
    QueueJoined,
    Result,
    WaitingEvent,
)
from telephony.twilio.tracker import follow, news
from telephony.twilio.webhooks import Kind, Webhook
from tests.telephony.twilio.hooks import CALLER, DANA, OURS, REQUEST, START, Story, answered, at, clicked, sid

pytestmark = pytest.mark.req("T32")


def events(story: Story) -> list[CallEvent]:
    return list(follow(story.root, story.webhooks).events)


def summary(story: Story) -> CallSummary:
    ends = [event for event in events(story) if isinstance(event, CallEnded)]
    assert len(ends) == 1
    return ends[0].summary


def kinds(story: Story) -> list[type]:
    return [type(event) for event in events(story)]


def test_a_caller_who_is_answered_is_told_as_by_any_switch() -> None:
    story = answered()
    assert kinds(story) == [CallStarted, QueueJoined, LegRinging, CallAnswered, LegEnded, CallEnded]
    started, joined, ringing = events(story)[:3]
    assert isinstance(started, CallStarted) and (started.direction, started.did) == (Direction.INBOUND, OURS)
    assert started.customer.number == CALLER
    assert isinstance(joined, QueueJoined) and (joined.queue, joined.position) == ("sales", 1)
    assert isinstance(ringing, LegRinging) and (ringing.line, ringing.queue) == ("Client/alice", "sales")
    told = summary(story)
    assert (told.result, told.hangup_by, told.cause) == (Result.ANSWERED, HungUpBy.CUSTOMER, 16)
    assert (told.answered_by, told.rang, told.queue) == (("Client/alice",), ("Client/alice",), "sales")
    assert told.wait == pytest.approx(5.5, abs=0.2) and told.talk == pytest.approx(30, abs=0.2)


def test_alice_has_not_answered_before_dana_is_in_the_room_with_her() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress")
    story.room(5.2, "alice", "participant-join")
    assert CallAnswered not in kinds(story)
    [only] = [event for event in events(story.joins(6)) if isinstance(event, CallAnswered)]
    assert only.line == "Client/alice" and only.channel == f"Call/{sid('alice')}@{DANA}"


@pytest.mark.parametrize("story", [answered, clicked])
def test_what_came_of_a_call_is_known_without_a_word_from_its_room(story: Callable[[], Story]) -> None:
    whole, deaf = story(), story()
    deaf.webhooks = [webhook for webhook in deaf.webhooks if webhook.kind is not Kind.CONFERENCE]
    ours, theirs = summary(whole), summary(deaf)
    assert (ours.result, ours.answered_by, ours.answered_at) == (theirs.result, theirs.answered_by, theirs.answered_at)
    assert theirs.talk == pytest.approx(ours.talk, abs=0.3)


def test_who_gives_up_in_the_queue_has_abandoned_though_twilio_says_completed() -> None:
    story = (
        Story().calls(0).waits(0.5).rings(2, "alice").leaves_queue(10, "hangup").leg(11, "alice", "canceled").ends(10)
    )
    told = summary(story)
    assert (told.result, told.hangup_by, told.ended_at) == (Result.ABANDONED, HungUpBy.CUSTOMER, at(10.1))
    assert [leg.result for leg in told.legs] == [LegResult.CANCELLED]
    assert told.answered_at is None and told.cause == 16


@pytest.mark.parametrize(
    ("decision", "result", "cause"),
    [("too-long", Result.QUEUE_TIMEOUT, 19), ("nobody", Result.NO_AGENTS, 20), ("no-bridge", Result.NO_AGENTS, 20)],
)
def test_who_is_let_go_and_leaves_a_message_was_missed_for_our_reason(
    decision: str, result: Result, cause: int
) -> None:
    story = Story().calls(0).waits(0.5).leaves_queue(60, "leave", decision).says(75, 12).ends(75)
    told = summary(story)
    assert (told.result, told.cause, told.hangup_by) == (result, cause, HungUpBy.CUSTOMER)
    assert told.wait == pytest.approx(59.5, abs=0.2) and told.answered_at is None


def test_agents_who_do_not_pick_up_are_told_one_by_one() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").leg(17, "alice", "no-answer", sip="487")
    story.rings(18, "bob").leg(20, "bob", "busy", sip="486").leaves_queue(30, "hangup").ends(30)
    told = [event for event in events(story) if isinstance(event, LegEnded)]
    assert [(leg.line, leg.result, leg.cause) for leg in told] == [
        ("Client/alice", LegResult.NO_ANSWER, 19),
        ("Client/bob", LegResult.DECLINED, 21),
    ]
    assert summary(story).result is Result.ABANDONED


def test_of_two_phones_that_ring_the_one_that_lost_was_answered_elsewhere() -> None:
    story = Story().calls(0).waits(0.5).rings(2, "alice").rings(2, "bob").leg(5, "bob", "in-progress")
    story.leg(5.5, "alice", "canceled").joins(6)
    results = {event.line: event.result for event in events(story) if isinstance(event, LegEnded)}
    assert results == {"Client/alice": LegResult.ANSWERED_ELSEWHERE}


def test_a_call_from_the_screen_rings_alice_first_and_is_answered_by_the_customer() -> None:
    story = clicked()
    assert kinds(story)[:2] == [CallStarted, LegRinging]
    told = summary(story)
    assert (told.direction, told.uid, told.agent) == (Direction.OUTBOUND, REQUEST, "Client/alice")
    assert (told.result, told.customer.number, told.hangup_by) == (Result.ANSWERED, CALLER, HungUpBy.CUSTOMER)
    assert told.wait == pytest.approx(5, abs=0.3) and told.talk == pytest.approx(60, abs=0.3)


@pytest.mark.parametrize(
    ("status", "sip", "result", "cause"),
    [
        ("busy", "486", Result.BUSY, 17),
        ("no-answer", "487", Result.NO_ANSWER, 19),
        ("failed", "404", Result.WRONG_NUMBER, 1),
        ("failed", "603", Result.REJECTED, 21),
        ("failed", "503", Result.FAILED, 34),
    ],
)
def test_a_customer_who_is_not_reached_is_told_why(status: str, sip: str, result: Result, cause: int) -> None:
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent").rings(3, "customer", "customer")
    told = summary(story.leg(9, "customer", status, "customer", sip=sip))
    assert (told.result, told.cause, told.hangup_by) == (result, cause, HungUpBy.SYSTEM)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("no-answer", Result.AGENT_NO_ANSWER),
        ("busy", Result.AGENT_DECLINED),
        ("failed", Result.AGENT_UNAVAILABLE),
        ("canceled", Result.AGENT_DECLINED),
    ],
)
def test_where_our_own_side_fails_no_customer_was_called(status: str, result: Result) -> None:
    told = summary(Story(REQUEST).rings(0, "alice", "agent").leg(9, "alice", status, "agent"))
    assert (told.result, told.direction) == (result, Direction.OUTBOUND)


def test_alice_hangs_up_before_the_customer_answers() -> None:
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent").rings(3, "customer", "customer")
    story.room(6, "alice", "participant-leave", "participant_hung_up", role="agent").leg(
        6, "alice", "completed", "agent"
    )
    told = summary(story.leg(7, "customer", "canceled", "customer"))
    assert (told.result, told.hangup_by) == (Result.NO_ANSWER, HungUpBy.AGENT)


def test_who_hangs_up_is_told() -> None:
    story = answered()
    ours = [webhook for webhook in story.webhooks if webhook.received_at < at(36)]
    by_us = Story().room(36, "customer", "participant-leave", "conference_ended_via_api")
    renumbered = [_numbered(webhook, 90) for webhook in by_us.webhooks]
    assert [
        event.summary.hangup_by
        for event in follow(DANA, [*ours, *renumbered, *Story().ends(36).webhooks]).events
        if isinstance(event, CallEnded)
    ] == [HungUpBy.AGENT]


def _numbered(webhook: Webhook, number: int) -> Webhook:
    fields = {**webhook.fields, "SequenceNumber": str(number)}
    return Webhook(webhook.kind, webhook.root, fields, webhook.received_at, webhook.step, webhook.part, webhook.by)


def talking() -> Story:
    story = Story().calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress")
    return story.room(5, "alice", "participant-join").joins(6).room(6, "customer", "participant-join")


def test_time_on_hold_is_no_talk() -> None:
    story = talking().room(16, "customer", "participant-hold").room(26, "customer", "participant-unhold")
    story.room(36, "customer", "participant-leave", "participant_hung_up").ends(36)
    assert [kind for kind in kinds(story) if kind in (CallHeld, CallResumed)] == [CallHeld, CallResumed]
    told = summary(story)
    assert told.talk == pytest.approx(20, abs=0.3) and told.hold == pytest.approx(10, abs=0.3)


def test_bob_who_is_asked_answers_only_when_dana_hears_him() -> None:
    story = talking().room(16, "customer", "participant-hold").rings(17, "bob", "asked", "Client/alice")
    story.leg(19, "bob", "in-progress", "asked", "Client/alice").room(19, "bob", "participant-join", role="asked")
    assert LegAsked in kinds(story)
    assert [event.line for event in events(story) if isinstance(event, CallAnswered)] == ["Client/alice"]
    story.room(25, "customer", "participant-unhold")
    story.room(25, "alice", "participant-leave", "participant_updated_via_api").leg(25, "alice", "completed")
    assert [event.line for event in events(story) if isinstance(event, CallAnswered)] == ["Client/alice", "Client/bob"]
    story.room(45, "customer", "participant-leave", "participant_hung_up").ends(45)
    told = summary(story)
    assert [(one.kind, one.by, one.to, one.result) for one in told.transfers] == [
        ("attended", "Client/alice", "Client/bob", "answered")
    ]
    talks = {leg.line: leg.talk for leg in told.legs}
    assert talks["Client/alice"] == pytest.approx(10, abs=0.3) and talks["Client/bob"] == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize(("status", "result"), [("in-progress", "answered"), ("no-answer", "no_answer")])
def test_dana_is_sent_on_to_bob(status: str, result: str) -> None:
    story = talking().rings(16, "bob", "sent", "Client/alice")
    story.room(16, "alice", "participant-leave", "participant_updated_via_api").leg(16, "alice", "completed")
    story.leg(20, "bob", status, "sent", "Client/alice")
    if status == "in-progress":
        story.room(20, "bob", "participant-join", role="sent")
    story.room(40, "customer", "participant-leave", "participant_hung_up").ends(40)
    assert [(one.kind, one.to, one.result) for one in summary(story).transfers] == [("blind", "Client/bob", result)]


def test_a_listener_is_no_part_of_the_call() -> None:
    story = talking().rings(8, "sofia", "listener").leg(9, "sofia", "in-progress", "listener")
    story.room(9, "sofia", "participant-join", role="listener", Muted="true")
    story.room(36, "customer", "participant-leave", "participant_hung_up").ends(36)
    assert summary(story).answered_by == ("Client/alice",)
    assert {leg.line for leg in summary(story).legs} == {"Client/alice"}


def test_a_number_that_is_withheld_is_told_so() -> None:
    for number in ("anonymous", "+266696687", ""):
        [started, *_] = events(Story().calls(0, number=number))
        assert isinstance(started, CallStarted) and started.customer.withheld


def test_a_page_that_is_gone_brings_dana_back_into_the_queue_and_bob_takes_her() -> None:
    story = talking().room(16, "alice", "participant-leave", "participant_hung_up").leg(16, "alice", "completed")
    story.room(17, "customer", "participant-leave", "participant_updated_via_api").waits(17, step=2)
    story.rings(18, "bob").leg(20, "bob", "in-progress").room(20, "bob", "participant-join")
    story.joins(21).room(31, "customer", "participant-leave", "participant_hung_up").ends(31)
    told = summary(story)
    assert told.answered_by == ("Client/alice", "Client/bob")
    assert told.talk == pytest.approx(20, abs=0.4) and told.wait == pytest.approx(5.5, abs=0.3)


def test_who_calls_a_number_without_a_queue_is_missed_and_not_lost() -> None:
    told = summary(Story().calls(0, decision="nobody").says(20, 9).ends(20))
    assert (told.result, told.hangup_by, told.queue) == (Result.NO_AGENTS, HungUpBy.CUSTOMER, None)


STORIES = [answered, clicked, talking]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STORIES), st.randoms(use_true_random=False))
def test_the_same_comes_out_in_whatever_order_and_however_often_it_comes(story: object, dice: random.Random) -> None:
    told = story()  # type: ignore[operator]
    shuffled = [*told.webhooks, *dice.choices(told.webhooks, k=5)]
    dice.shuffle(shuffled)
    assert follow(told.root, shuffled).events == follow(told.root, told.webhooks).events


def test_a_clock_of_ours_that_is_ahead_does_not_turn_the_story_around() -> None:
    story = answered()
    story.webhooks[0] = replace(story.webhooks[0], received_at=at(3.5))
    assert kinds(story) == [CallStarted, QueueJoined, LegRinging, CallAnswered, LegEnded, CallEnded]


def test_what_was_told_before_is_not_told_again() -> None:
    story = answered()
    told: list[CallEvent | WaitingEvent] = []
    for index, _ in enumerate(story.webhooks, 1):
        told += news(story.root, story.webhooks[: index - 1], story.webhooks[:index]).events
    assert [type(event) for event in told if not isinstance(event, CallEnded)] == [
        CallStarted, QueueJoined, CallerWaits, LegRinging, CallerLeft, CallAnswered, LegEnded,
    ]  # fmt: skip
    ends = [event for event in told if isinstance(event, CallEnded)]
    assert ends[-1] == events(story)[-1]


def test_what_comes_ten_minutes_late_has_happened_when_it_did() -> None:
    prompt, late = answered(), Story(late=0.1)
    late.webhooks = [
        webhook if webhook.kind in (Kind.VOICE, Kind.WAIT, Kind.JOIN, Kind.QUEUE_EXIT) else _delayed(webhook, 600)
        for webhook in prompt.webhooks
    ]
    ours, theirs = summary(prompt), summary(late)
    assert (ours.result, ours.answered_by) == (theirs.result, theirs.answered_by)
    assert theirs.answered_at and ours.answered_at
    assert abs((theirs.answered_at - ours.answered_at).total_seconds()) < 1


def _delayed(webhook: Webhook, seconds: float) -> Webhook:
    when = at((webhook.received_at - START).total_seconds() + seconds)
    return Webhook(
        webhook.kind, webhook.root, webhook.fields, when, webhook.step, webhook.part, webhook.by, webhook.decision
    )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            Webhook,
            st.sampled_from(list(Kind)),
            st.just(DANA),
            st.dictionaries(
                st.sampled_from(
                    [
                        "CallSid",
                        "CallStatus",
                        "Timestamp",
                        "SequenceNumber",
                        "StatusCallbackEvent",
                        "ConferenceSid",
                        "ParticipantLabel",
                        "From",
                        "To",
                        "QueueResult",
                        "QueueTime",
                        "RecordingSid",
                    ]
                ),
                st.one_of(st.text(max_size=40), st.sampled_from([DANA, "completed", "participant-join", "customer"])),
            ),
            st.datetimes().map(lambda moment: moment.replace(tzinfo=START.tzinfo)),
            st.integers(0, 3),
            st.text(max_size=20),
        ),
        max_size=12,
    )
)
def test_nothing_that_can_be_sent_breaks_it(webhooks: list[Webhook]) -> None:
    follow(DANA, webhooks)
