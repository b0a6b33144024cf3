"""A caller presses 1 while waiting in a queue: who, which queue, which number."""

from __future__ import annotations

import pytest

from telephony.ami.tracker import CallTracker
from telephony.events import CallbackRequested, CallEnded, HungUpBy, Result
from tests.telephony.pbx import Pbx
from tests.telephony.recordings import frames
from tests.telephony.test_tracker_tells import of, told

CALLER = "1795426000.1"


@pytest.fixture
def pbx() -> Pbx:
    pbx = Pbx()
    pbx.customer_calls(CALLER)
    pbx.queues(CALLER)
    pbx.wait(20)
    return pbx


def asks(pbx: Pbx, uid: str = CALLER, **headers: str) -> None:
    pbx.about("UserEvent", uid, **({"UserEvent": "CRM_CALLBACK", "CRM_QUEUE": "sales"} | headers))


def test_who_asks_is_told_with_queue_and_number_before_the_call_is_over(pbx: Pbx) -> None:
    pbx.about("QueueCallerLeave", CALLER, Queue="sales", Position="1")
    asks(pbx, CRM_NUMBER="6944000009")
    pbx.hangs_up(CALLER)
    events = told(pbx.said)
    (request,) = of(CallbackRequested, events)
    assert (request.uid, request.queue, request.number) == (CALLER, "sales", "6944000009")
    ends = of(CallEnded, events)
    assert ends and events.index(request) < events.index(ends[0])
    assert ends[-1].summary.result is not Result.ANSWERED


def test_who_leaves_by_a_key_gave_up_waiting_whatever_the_menu_takes(pbx: Pbx) -> None:
    """No time ran out: the queue says that they left, and nothing else."""
    pbx.about("QueueCallerLeave", CALLER, Queue="sales", Position="1")
    asks(pbx)
    pbx.wait(15)
    pbx.hangs_up(CALLER)
    call = of(CallEnded, told(pbx.said))[-1].summary
    assert (call.result, call.wait) == (Result.ABANDONED, pytest.approx(20, abs=0.1))


def test_the_recorded_one_did_so() -> None:
    (*_, end) = of(CallEnded, told(frames("queue-callback")))
    assert (end.summary.result, end.summary.hangup_by, end.summary.cause) == (Result.ABANDONED, HungUpBy.SYSTEM, 16)


def test_without_a_name_it_is_the_queue_that_the_caller_waited_in(pbx: Pbx) -> None:
    asks(pbx, CRM_QUEUE="")
    assert [(event.queue, event.number) for event in of(CallbackRequested, told(pbx.said))] == [("sales", "")]


def test_as_a_real_asterisk_said_it_also_with_its_beginning_cut_off() -> None:
    """The sample dialplan, recorded: queue-callback.ami.gz."""
    recorded = frames("queue-callback")
    joined = next(at for at, frame in enumerate(recorded) if frame.name == "QueueCallerJoin")
    for start in (0, joined):
        (request,) = of(CallbackRequested, told(recorded[start:]))
        assert (request.queue, request.number) == ("sales", "+306944000001")
    later = next(at for at, frame in enumerate(recorded) if frame.name == "UserEvent")
    assert of(CallbackRequested, told(recorded[later:])) == [], "of an unknown caller nothing is believed"


@pytest.mark.parametrize("typed", ["12", "1" * 21, "sip:evil@example.org", "<b>", "+", "*21*"])
def test_what_is_no_number_is_not_handed_on(pbx: Pbx, typed: str) -> None:
    asks(pbx, CRM_NUMBER=typed)
    assert [event.number for event in of(CallbackRequested, told(pbx.said))] == [""]


def test_another_event_of_a_dialplan_is_none_of_ours(pbx: Pbx) -> None:
    asks(pbx, UserEvent="Something")
    assert of(CallbackRequested, told(pbx.said)) == []


def test_an_agents_channel_and_an_unknown_one_ask_for_nothing(pbx: Pbx) -> None:
    pbx.rings(CALLER, "1795426000.2", "PJSIP/alice")
    asks(pbx, "1795426000.2")
    tracker = CallTracker()
    assert of(CallbackRequested, told(pbx.said, tracker)) == []
    pbx.about("UserEvent", CALLER, UserEvent="CRM_CALLBACK", CRM_QUEUE="sales")
    assert of(CallbackRequested, told(pbx.said[-1:], CallTracker())) == []


def test_who_was_talked_to_has_no_ticket(pbx: Pbx) -> None:
    pbx.rings(CALLER, "1795426000.2", "PJSIP/alice")
    pbx.picks_up(CALLER, "1795426000.2")
    pbx.bridges(CALLER, "1795426000.2")
    asks(pbx)
    assert of(CallbackRequested, told(pbx.said)) == []
