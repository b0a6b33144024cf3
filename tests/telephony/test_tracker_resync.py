"""After the connection was lost: what is alive is laid over what was known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telephony.ami.frames import Frame
from telephony.ami.tracker import CallTracker
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    CallSummary,
    Direction,
    LegEnded,
    LegRinging,
    QueueJoined,
    Result,
    Resynced,
)
from tests.telephony.pbx import Pbx

ALICE, BOB = "PJSIP/alice", "PJSIP/bob"


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


@pytest.fixture
def tracker() -> CallTracker:
    return CallTracker()


def now(pbx: Pbx) -> datetime:
    return datetime.fromtimestamp(pbx.now, UTC)


def hear(pbx: Pbx, tracker: CallTracker) -> list[CallEvent]:
    events = [event for frame in pbx.said for event in tracker.feed(frame)]
    del pbx.said[:]
    return events


def resync(
    pbx: Pbx,
    tracker: CallTracker,
    *live: Frame,
    queues: tuple[Frame, ...] = (),
    restarted: bool = False,
    unbroken: bool = False,
) -> tuple[list[CallEvent], Resynced]:
    *events, last = tracker.resync(live, queues, now(pbx), restarted, unbroken)
    assert isinstance(last, Resynced)
    assert last.restarted is restarted
    assert last.open_uids == tracker.open_uids()
    return [event for event in events if isinstance(event, CallEvent)], last


def outline(events: list[CallEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def summary(events: list[CallEvent]) -> CallSummary:
    return [event.summary for event in events if isinstance(event, CallEnded)][-1]


def alice_talks(pbx: Pbx) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    pbx.picks_up("1.1", "1.2")
    pbx.bridges("1.2", "1.1")


def test_what_goes_on_as_it_was_is_not_told_again(pbx: Pbx, tracker: CallTracker) -> None:
    alice_talks(pbx)
    hear(pbx, tracker)
    pbx.wait(30)
    events, last = resync(pbx, tracker, pbx.shown("1.1", bridge="b1"), pbx.shown("1.2", bridge="b1"))
    assert (events, last.open_uids) == ([], {"1.1"})
    pbx.hangs_up("1.1", "1.2")
    call = summary(hear(pbx, tracker))
    assert (call.result, call.did, call.talk) == (Result.ANSWERED, "2100000100", pytest.approx(30, abs=0.1))


def test_a_caller_who_vanished_while_nobody_looked_is_lost(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    hear(pbx, tracker)
    pbx.wait(60)
    events, last = resync(pbx, tracker)
    assert outline(events) == ["LegEnded", "CallEnded"]
    assert (summary(events).result, summary(events).hangup_by) == (Result.LOST, None)
    assert not last.open_uids
    assert not resync(pbx, tracker)[0]


def test_a_conversation_that_vanished_stays_answered(pbx: Pbx, tracker: CallTracker) -> None:
    """Its length is told as far as it was seen."""
    alice_talks(pbx)
    pbx.wait(10)
    pbx.about("Unhold", "1.2")  # the last that was heard
    hear(pbx, tracker)
    pbx.wait(3600)
    events, _ = resync(pbx, tracker)
    call = summary(events)
    assert (call.result, call.answered_by) == (Result.ANSWERED, (ALICE,))
    assert call.talk == call.legs[0].talk == pytest.approx(10, abs=0.1)


def test_of_a_customer_who_was_busy_that_much_is_told_though_nobody_saw_alice_hang_up(
    pbx: Pbx, tracker: CallTracker
) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000002")
    pbx.dials_customer("1.1", "1.2", "6944000002")
    pbx.stops_ringing("1.1", "1.2", "BUSY", "17")
    hear(pbx, tracker)
    over = now(pbx)
    _, last = resync(pbx, tracker, pbx.shown("1.1"))
    assert last.open_uids == {"1.1"}
    pbx.wait(60)
    events, last = resync(pbx, tracker)
    call = summary(events)
    assert (call.result, call.cause, last.open_uids) == (Result.BUSY, 17, frozenset())
    assert call.ended_at is not None
    assert over - call.ended_at < timedelta(seconds=1)


def test_a_conversation_that_began_meanwhile_is_adopted(pbx: Pbx, tracker: CallTracker) -> None:
    alice_talks(pbx)
    del pbx.said[:]
    pbx.wait(100)
    live = pbx.shown("1.2", bridge="b1", seconds=95), pbx.shown("1.1", bridge="b1", seconds=100)
    events, last = resync(pbx, tracker, *live)
    assert outline(events) == ["CallStarted", "CallAnswered"]
    started, answered = events
    assert isinstance(started, CallStarted)
    assert isinstance(answered, CallAnswered)
    assert (started.direction, started.customer.number, started.did) == (Direction.INBOUND, "6944000001", None)
    assert started.at == now(pbx) - timedelta(seconds=100)
    assert (answered.line, last.open_uids) == (ALICE, {"1.1"})
    pbx.hangs_up("1.1", "1.2")
    call = summary(hear(pbx, tracker))
    assert (call.result, call.hangup_by, call.answered_by) == (Result.ANSWERED, "customer", (ALICE,))


def test_a_caller_who_waits_is_adopted_with_the_time_that_he_waits(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    del pbx.said[:]
    pbx.wait(40)
    live = pbx.shown("1.1", seconds=42), pbx.shown("1.2", state="Ringing", seconds=2)
    events, _ = resync(pbx, tracker, *live, queues=(pbx.queued("1.1", "sales", 40),))
    assert outline(events) == ["CallStarted", "LegRinging", "QueueJoined"]
    assert isinstance(events[1], LegRinging)
    assert events[1].line == ALICE
    assert isinstance(events[2], QueueJoined)
    assert events[2].queue == "sales"
    pbx.wait(5)
    pbx.about("HangupRequest", "1.1")
    pbx.about("Hangup", "1.1", Cause="0")
    call = summary(hear(pbx, tracker))
    assert (call.result, call.queue, call.wait) == (Result.ABANDONED, "sales", pytest.approx(45, abs=0.5))


def test_an_outbound_call_that_began_meanwhile_is_adopted_with_its_agent(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring", Exten="6944000001")
    pbx.dials_customer("1.1", "1.2", "6944000001")
    del pbx.said[:]
    events, _ = resync(pbx, tracker, pbx.shown("1.2", seconds=1), pbx.shown("1.1", seconds=2))
    (started,) = events
    assert isinstance(started, CallStarted)
    assert (started.uid, started.direction, started.line) == ("1.1", Direction.OUTBOUND, ALICE)


def test_a_click_to_call_whose_phone_rings_is_found_again(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.appears("ours", "PJSIP/alice-00000001")
    del pbx.said[:]
    events, last = resync(pbx, tracker, pbx.shown("ours", state="Ringing", seconds=3))
    assert outline(events) == ["CallStarted", "LegRinging"]
    assert last.open_uids == {"ours"}


def test_colleagues_in_conversation_are_no_customer_call(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.appears("1.1", "PJSIP/alice-00000001", state="Ring")
    pbx.rings("1.1", "1.2", BOB)
    del pbx.said[:]
    events, last = resync(pbx, tracker, pbx.shown("1.1", bridge="b"), pbx.shown("1.2", bridge="b"))
    assert not events
    assert not last.open_uids


def test_who_took_over_meanwhile_is_seen(pbx: Pbx, tracker: CallTracker) -> None:
    alice_talks(pbx)
    hear(pbx, tracker)
    pbx.appears("1.3", "PJSIP/bob-00000003", "1.1")
    del pbx.said[:]
    events, _ = resync(pbx, tracker, pbx.shown("1.1", bridge="b2"), pbx.shown("1.3", bridge="b2"))
    assert [type(event) for event in events if not isinstance(event, LegEnded)] == [CallAnswered]
    assert [event.line for event in events if isinstance(event, LegEnded)] == [ALICE]
    assert [event.line for event in events if isinstance(event, CallAnswered)] == [BOB]


def test_after_a_restart_of_the_switch_everything_before_is_over(pbx: Pbx, tracker: CallTracker) -> None:
    """Even if channel names, which begin anew, look alike."""
    alice_talks(pbx)
    pbx.customer_calls("1.9")
    hear(pbx, tracker)
    pbx.appears("5.1", "PJSIP/trunk-1.1", state="Ring")
    del pbx.said[:]
    events, last = resync(pbx, tracker, pbx.shown("5.1"), restarted=True)
    results = {event.uid: event.summary.result for event in events if isinstance(event, CallEnded)}
    assert results == {"1.1": Result.ANSWERED, "1.9": Result.LOST}
    assert last.open_uids == {"5.1"}


def test_late_frames_of_what_is_over_make_no_ghost(pbx: Pbx, tracker: CallTracker) -> None:
    alice_talks(pbx)
    hear(pbx, tracker)
    resync(pbx, tracker, restarted=True)
    pbx.bridges("1.2", "1.1")
    pbx.queues("1.1")
    pbx.to("DialBegin", "1.1", "1.2")
    assert not hear(pbx, tracker)
    assert not tracker.open_uids()


def test_a_list_that_is_nonsense_is_passed_over(pbx: Pbx, tracker: CallTracker) -> None:
    odd = [
        Frame.of({"Event": "CoreShowChannel"}),
        Frame.of({"Event": "CoreShowChannel", "Uniqueid": "7.7"}),
        Frame.of({"Event": "CoreShowChannel", "Uniqueid": "7.8", "Channel": "x", "Duration": "1:2:x", "BridgeId": "b"}),
        Frame(b"\xff\xfe"),
    ]
    queues = [Frame.of({"Event": "QueueEntry", "Queue": "sales"}), Frame.of({"Event": "QueueParams", "Queue": "sales"})]
    assert tracker.resync(odd, queues, now(pbx), False) == [Resynced(at=now(pbx))]


# while the connection stands: Asterisk may list what it has not told yet


def check(
    pbx: Pbx, tracker: CallTracker, *live: Frame, queues: tuple[Frame, ...] = ()
) -> tuple[list[CallEvent], Resynced]:
    return resync(pbx, tracker, *live, queues=queues, unbroken=True)


def test_who_hangs_up_while_the_list_is_made_is_not_lost(pbx: Pbx, tracker: CallTracker) -> None:
    """The list leaves him out, and his hangup is told after it."""
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    hear(pbx, tracker)
    pbx.wait(10)
    events, last = check(pbx, tracker)
    assert (events, last.open_uids) == ([], {"1.1"})
    pbx.about("HangupRequest", "1.1")
    pbx.about("QueueCallerAbandon", "1.1", Queue="sales")
    pbx.about("QueueCallerLeave", "1.1", Queue="sales")
    pbx.about("Hangup", "1.1", Cause="0")
    call = summary(hear(pbx, tracker))
    assert (call.result, call.hangup_by, call.queue) == (Result.ABANDONED, "customer", "sales")
    assert not check(pbx, tracker)[1].open_uids


def test_who_is_missing_in_two_lists_in_a_row_is_lost_after_all(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    pbx.rings("1.1", "1.2", ALICE)
    alice_talks_to_another = pbx.shown("1.2")
    hear(pbx, tracker)
    assert not check(pbx, tracker, alice_talks_to_another)[0]
    assert not check(pbx, tracker, alice_talks_to_another, pbx.shown("1.1"))[0], "there again"
    assert not check(pbx, tracker, alice_talks_to_another)[0], "not in a row"
    events, last = check(pbx, tracker, alice_talks_to_another)
    assert (summary(events).result, last.open_uids) == (Result.LOST, frozenset())


def test_after_the_connection_broke_one_list_is_enough(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    hear(pbx, tracker)
    assert not check(pbx, tracker)[0]
    events, _ = resync(pbx, tracker)
    assert summary(events).result is Result.LOST


def test_who_calls_while_the_list_is_made_is_known_as_whole_as_any_other(pbx: Pbx, tracker: CallTracker) -> None:
    """The list names him before his call is told."""
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    listed = pbx.shown("1.1"), pbx.queued("1.1", "sales", 0)
    assert not check(pbx, tracker, listed[0], queues=listed[1:])[0]
    events = hear(pbx, tracker)
    assert outline(events) == ["CallStarted", "QueueJoined"]
    assert isinstance(events[0], CallStarted)
    assert events[0].did == "2100000100"
    assert not check(pbx, tracker, listed[0], queues=listed[1:])[0]


def test_a_call_that_two_lists_in_a_row_name_is_adopted(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    del pbx.said[:]
    queued = (pbx.queued("1.1", "sales", 5),)
    assert not check(pbx, tracker, pbx.shown("1.1"), queues=queued)[0]
    events, last = check(pbx, tracker, pbx.shown("1.1"), queues=queued)
    assert (outline(events), last.open_uids) == (["CallStarted"], {"1.1"})
    assert outline(check(pbx, tracker, pbx.shown("1.1"), queues=queued)[0]) == ["QueueJoined"]


def test_a_list_that_is_behind_brings_nobody_back_and_moves_nobody(pbx: Pbx, tracker: CallTracker) -> None:
    alice_talks(pbx)
    hear(pbx, tracker)
    pbx.wait(20)
    earlier = pbx.shown("1.1"), pbx.shown("1.2", state="Ringing")
    assert not check(pbx, tracker, *earlier)[0]
    pbx.wait(20)
    pbx.hangs_up("1.1", "1.2")
    call = summary(hear(pbx, tracker))
    assert call.talk == pytest.approx(40, abs=0.1)
    events, last = check(pbx, tracker, *earlier)
    assert (events, last.open_uids) == ([], frozenset())


def test_who_left_the_queue_while_the_list_was_made_is_told_by_the_queue(pbx: Pbx, tracker: CallTracker) -> None:
    pbx.customer_calls("1.1")
    pbx.queues("1.1")
    hear(pbx, tracker)
    pbx.wait(20)
    check(pbx, tracker, pbx.shown("1.1"))
    pbx.about("QueueCallerAbandon", "1.1", Queue="sales")
    pbx.about("QueueCallerLeave", "1.1", Queue="sales")
    pbx.wait(5)
    pbx.hangs_up("1.1")
    call = summary(hear(pbx, tracker))
    assert (call.result, call.wait) == (Result.QUEUE_TIMEOUT, pytest.approx(20, abs=0.1))
