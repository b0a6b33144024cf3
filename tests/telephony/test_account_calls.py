"""Calls come out of the books as they truly were, and as AMI told them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.books.accountant import Accountant
from telephony.books.records import CelRecord, QueueRecord
from telephony.events import CallSummary, Direction, HungUpBy, Result
from telephony.replay import as_truth, derive
from tests.telephony.books import TRUNKS, Record, account, cel, configured, in_order, queue_log, records
from tests.telephony.recordings import SCENARIOS, frames, truth

TOLERANCE = 0.7  # seconds; the truth was written by those who made the calls, and phones are not exact
SECOND = timedelta(seconds=1)

# What the books cannot know, and what they say instead. Nothing else may differ.
HOLD_BUTTON: dict[str, Any] = {"hold": None, "talk": None}  # it leaves no trace: that time counts as talk
DIFFERS: dict[str, dict[str, Any]] = {
    "hold-unhold": HOLD_BUTTON,
    "attended-transfer-refer-replaces": HOLD_BUTTON,
    "attended-transfer-feature": HOLD_BUTTON,  # the part before the customer is alone in the bridge
    "in-direct-phone-dead": {"rang": ["1007"]},  # the switch called it; only AMI hears that it did not ring
    "in-queue-leave-empty": {"wait": 11.0},  # as in test_replay.DIFFERS
}
# A click-to-call that reached nobody, and had no id of ours: one phone was called, who knows why
UNKNOWN = frozenset({"c2c-agent-not-registered", "c2c-agent-no-answer"})

OURS = {"outcome": "result", "ring": "wait"}
COMPARED = (
    "linkedid", "direction", "customer", "did", "queue", "agent", "answered_by", "rang", "wait", "ring", "talk", "hold",
    "hangup_by", "transfers", "outcome", "caller_name",
)  # fmt: skip
AS_AMI = (
    "uid", "linkedid", "direction", "customer", "did", "queue", "answered_by", "rang", "wait", "talk", "hold",
    "hangup_by", "transfers", "result", "cause", "agent", "caller_name", "withheld",
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_books_of_a_recording_give_exactly_its_true_calls(scenario: str) -> None:
    calls, accountant = account(records(scenario))
    _is_true(scenario, calls)
    assert not accountant.open_uids()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_our_configuration_leaves_out_is_not_needed(scenario: str) -> None:
    assert account(configured(scenario))[0] == account(records(scenario))[0]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_books_and_ami_tell_the_same_calls(scenario: str) -> None:
    calls, _ = account(configured(scenario))
    heard = [] if scenario in UNKNOWN else in_order(derive(frames(scenario)))
    assert len(calls) == len(heard)
    for call, other in zip(calls, heard, strict=True):
        ours, amis = as_truth(call), as_truth(other) | DIFFERS.get(scenario, {})
        for key in AS_AMI:
            if amis[key] is not None or ours[key] is None:
                expected = pytest.approx(amis[key], abs=0.1) if isinstance(amis[key], float) else amis[key]
                assert ours[key] == expected, key
        for moment in ("started_at", "answered_at", "ended_at"):
            when, heard_at = getattr(call, moment), getattr(other, moment)
            assert (when is None) == (heard_at is None)
            assert when is None or abs(when - heard_at) < 0.2 * SECOND
        assert [(leg.uid, leg.line, leg.channel) for leg in call.legs] == [
            (leg.uid, leg.line, leg.channel) for leg in other.legs
        ]
        assert call.talk + call.hold == pytest.approx(other.talk + other.hold, abs=0.1)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_queue_log_only_the_reasons_of_queues_are_less_exact(scenario: str) -> None:
    for call, other in zip(account(cel(scenario))[0], account(records(scenario))[0], strict=True):
        told, better = as_truth(call), as_truth(other)
        if better["result"] in ("no_agents", "queue_timeout"):
            assert told["result"] in ("no_agents", "queue_timeout")
            better |= {"result": told["result"], "cause": told["cause"]}
        assert told == better


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cel_without_applications_still_gives_who_talked_and_how_long(scenario: str) -> None:
    """An Asterisk whose cel.conf names no apps."""
    kept = [record for record in records(scenario) if not record.event.startswith("APP_")]
    for call, other in zip(account(kept)[0], account(records(scenario))[0], strict=True):
        for key in ("uid", "direction", "customer", "did", "answered_by", "talk", "hangup_by", "agent", "ended_at"):
            assert getattr(call, key) == getattr(other, key), key
        assert (call.result is Result.ANSWERED) == (other.result is Result.ANSWERED)


# ---------------------------------------------------------------------------------------------------- what may be missing


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_missing_beginning_makes_a_ghost_or_a_lie(scenario: str) -> None:
    everything, true = configured(scenario), {call.uid: as_truth(call) for call in account(configured(scenario))[0]}
    for first in range(1, len(everything)):
        calls, _ = account(everything[first:])
        for call in calls:
            assert call.uid in true, f"ghost, from record {first} on"
            _is_sane(call)
            lies = _lies(as_truth(call), true[call.uid])
            assert not lies, f"{lies}, from record {first} on"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_missing_end_makes_a_ghost_and_what_is_open_says_so(scenario: str) -> None:
    everything, true = configured(scenario), {call.uid: call for call in account(configured(scenario))[0]}
    for last in range(1, len(everything)):
        calls, accountant = account(everything[:last])
        cut = everything[last - 1].at
        assert {call.uid for call in calls} | accountant.open_uids() <= set(true)
        lost = accountant.switch_restarted(cut + timedelta(hours=1))
        assert not accountant.open_uids()
        for call in [*calls, *lost]:
            _is_sane(call)
            assert call.ended_at is not None and call.ended_at <= cut + SECOND
        for call in lost:
            assert (call.result is Result.ANSWERED) == (call.answered_at is not None)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_lost_record_loses_no_call(scenario: str) -> None:
    """Torn, unparseable: it means less is known, never that something ended."""
    everything = configured(scenario)
    true = {call.uid for call in account(everything)[0]}
    for lost in range(len(everything)):
        calls, accountant = account([*everything[:lost], *everything[lost + 1 :]])
        open_uids = accountant.open_uids()
        closed = account_more(accountant, calls, everything[-1].at + timedelta(hours=30))
        assert {call.uid for call in closed} <= true
        missing = true - {call.uid for call in closed} - open_uids
        assert not missing or everything[lost].event == "CHAN_START"
        for call in closed:
            _is_sane(call)


def account_more(accountant: Accountant, calls: Iterable[CallSummary], at: datetime) -> list[CallSummary]:
    """Much later somebody else calls."""
    told = {call.uid: call for call in calls}
    told |= {call.uid: call for call in accountant.feed(_record(at, "CHAN_START", uid="later.1", channel="PJSIP/z-1"))}
    return list(told.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    """Records of different channels may be written in another order than that of their times, and be read twice."""
    scenario = data.draw(st.sampled_from([name for name in SCENARIOS if cel(name)]))
    everything = configured(scenario)
    delays = data.draw(st.lists(st.integers(0, 50), min_size=len(everything), max_size=len(everything)))
    shuffled = [
        record
        for _, record in sorted(
            zip(delays, everything, strict=True), key=lambda pair: pair[1].at + timedelta(milliseconds=pair[0])
        )
    ]
    for again in data.draw(st.lists(st.integers(0, len(everything) - 1), max_size=10)):
        shuffled.insert(data.draw(st.integers(0, len(shuffled))), everything[again])
    assert account(shuffled)[0] == account(everything)[0]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_selection_of_records_breaks_it(data: st.DataObject) -> None:
    scenario = data.draw(st.sampled_from([name for name in SCENARIOS if cel(name)]))
    kept = [record for record in configured(scenario) if data.draw(st.booleans())]
    calls, accountant = account(data.draw(st.permutations(kept)))
    true = {call.uid for call in account(configured(scenario))[0]}
    for call in [*calls, *accountant.switch_restarted(datetime(2030, 1, 1, tzinfo=UTC))]:
        _is_sane(call)
        assert call.uid in true or scenario in UNKNOWN


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_text_breaks_it(data: st.DataObject) -> None:
    everything = list(
        configured(data.draw(st.sampled_from(["blind-transfer", "park-and-retrieve", "c2c-local-answered"])))
    )
    for _ in range(5):
        i = data.draw(st.integers(0, len(everything) - 1))
        names = ["event", "uniqueid"] + ["linkedid", "channel", "number", "app", "app_data"] * isinstance(
            everything[i], CelRecord
        )
        everything[i] = replace(everything[i], **{data.draw(st.sampled_from(names)): data.draw(st.text(max_size=20))})  # type: ignore[arg-type]
    account(everything)


# ------------------------------------------------------------------------------------------------------- when it is told


def test_a_call_is_told_when_its_last_channel_is_gone_and_not_before() -> None:
    accountant = Accountant(TRUNKS)
    told = [(record.event, call.result) for record in configured("blind-transfer") for call in accountant.feed(record)]
    assert told == [("LINKEDID_END", Result.ANSWERED)]


def test_while_it_lasts_a_call_is_open() -> None:
    everything = configured("blind-transfer")
    uid = everything[0].uniqueid
    middle = next(i for i, record in enumerate(everything) if record.event == "BLINDTRANSFER")
    _, accountant = account(everything[:middle])
    assert accountant.open_uids() == {uid}


def test_an_internal_call_and_a_listening_supervisor_are_never_open() -> None:
    for scenario in ("internal-call", "supervisor-listens-and-whispers"):
        accountant = Accountant(TRUNKS)
        customers = {call.uid for call in account(records(scenario))[0]}
        for record in records(scenario):
            accountant.feed(record)
            assert accountant.open_uids() <= customers


def test_a_consultation_is_internal_until_it_turns_out_to_belong_to_a_customer() -> None:
    accountant, seen = Accountant(TRUNKS), set[str]()
    for record in configured("attended-transfer-refer-replaces"):
        accountant.feed(record)
        seen |= accountant.open_uids()
    assert len(seen) == 1


def test_what_queue_log_tells_late_is_told_again() -> None:
    """Alice's caller found the queue empty after a while; queue_log is written up to a second behind CEL."""
    accountant = Accountant(TRUNKS)
    (first,) = [call for record in cel("in-queue-leave-empty") for call in accountant.feed(record)]
    *_, again = [call for record in queue_log("in-queue-leave-empty") for call in accountant.feed(record)]
    assert (first.result, again.result) == (Result.QUEUE_TIMEOUT, Result.NO_AGENTS)
    assert again.uid == first.uid


def test_a_call_without_its_last_record_is_told_a_little_later() -> None:
    everything = [record for record in configured("in-direct-answered") if record.event != "LINKEDID_END"]
    calls, accountant = account(everything)
    assert not calls
    (call,) = account_more(accountant, [], everything[-1].at + timedelta(seconds=6))
    assert call.result is Result.ANSWERED
    assert call.ended_at and call.ended_at <= everything[-1].at


def test_a_channel_of_which_nothing_was_heard_for_a_day_is_no_call_any_more() -> None:
    everything = configured("in-direct-answered")
    entered = max(i for i, record in enumerate(everything) if record.event == "BRIDGE_ENTER")
    _, accountant = account(everything[: entered + 1])
    assert not account_more(accountant, [], everything[entered].at + timedelta(hours=23))
    (call,) = account_more(accountant, [], everything[entered].at + timedelta(hours=25))
    assert (call.result, call.ended_at) == (Result.ANSWERED, everything[entered].at)


def test_what_is_long_over_is_forgotten_and_stays_so() -> None:
    everything = configured("in-queue-answered")
    calls, accountant = account(everything)
    account_more(accountant, calls, everything[-1].at + timedelta(minutes=2))
    assert not accountant.follows(calls[0].uid)
    assert [call for record in everything for call in accountant.feed(record)] == []


# --------------------------------------------------------------------------------------------------- the switch restarts


def _until_answered(scenario: str) -> Sequence[Record]:
    everything = configured(scenario)
    return everything[: 1 + max(i for i, record in enumerate(everything) if record.event == "BRIDGE_ENTER")]


@pytest.mark.parametrize("told_by", ["queue_log", "channel name", "somebody"])
def test_a_switch_that_was_killed_leaves_calls_that_ended_at_their_last_sign(told_by: str) -> None:
    waiting = [r for r in configured("in-queue-abandoned") if r.event in ("CHAN_START", "ANSWER", "APP_START")]
    _, accountant = account(waiting)
    at = waiting[-1].at + timedelta(seconds=20)
    if told_by == "queue_log":
        told = accountant.feed(
            QueueRecord(at=at, uniqueid="NONE", queue="NONE", agent="NONE", event="QUEUESTART", data=("",))
        )
    elif told_by == "channel name":
        told = accountant.feed(_record(at, "CHAN_START", uid="1795429999.0", channel="PJSIP/trunk-00000002"))
    else:
        told = accountant.switch_restarted(at)
    (call,) = told
    assert (call.result, call.hangup_by, call.queue, call.ended_at) == (Result.LOST, None, "sales", waiting[-1].at)


def test_a_conversation_that_a_restart_cut_was_answered_all_the_same() -> None:
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    (call,) = accountant.switch_restarted(talking[-1].at + timedelta(minutes=1))
    assert (call.result, call.answered_by, call.ended_at) == (Result.ANSWERED, ("PJSIP/1007",), talking[-1].at)


def test_a_restart_that_was_none_is_taken_back() -> None:
    everything = configured("in-direct-answered")
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    accountant.switch_restarted(talking[-1].at + 0.1 * SECOND)
    *_, call = [call for record in everything[len(talking) :] for call in accountant.feed(record)]
    assert call == account(everything)[0][0]


def test_a_caller_cannot_restart_the_switch() -> None:
    """A line break in the caller's number reaches queue_log as it is."""
    talking = _until_answered("in-direct-answered")
    _, accountant = account(talking)
    later = talking[-1].at + timedelta(seconds=30)
    torn = QueueRecord(
        at=later, uniqueid="1795420000.1", queue="sales", agent="NONE", event="ENTERQUEUE", data=("", "69")
    )
    forged = QueueRecord(at=later, uniqueid="NONE", queue="NONE", agent="NONE", event="QUEUESTART", data=("",))
    assert accountant.feed(torn) == accountant.feed(forged) == []
    assert accountant.open_uids()


# ------------------------------------------------------------------------------------------------------ less usual calls


def test_a_click_to_call_that_nobody_picked_up_is_known_by_the_id_that_we_gave() -> None:
    given_id = "ringback-7b0e"
    mine = [replace(r, uniqueid=given_id, linkedid=given_id) for r in cel("c2c-agent-no-answer")]
    ((call,), _) = account(mine)
    assert (call.uid, call.direction, call.customer.number) == (given_id, Direction.OUTBOUND, "6944000001")
    assert (call.agent, call.result, call.hangup_by) == ("PJSIP/1001", Result.AGENT_NO_ANSWER, HungUpBy.SYSTEM)


def test_the_dial_plan_can_say_that_a_call_is_ours_and_that_a_number_is_withheld() -> None:
    first, *rest = cel("c2c-agent-no-answer")
    note = replace(first, event="USER_DEFINED", user_event="CRM_CALL_ID", extra={"extra": "7b0e"})
    assert len(account([first, note, *rest])[0]) == 1
    first, *rest = cel("in-direct-answered")
    assert isinstance(first, CelRecord)
    note = replace(first, event="USER_DEFINED", user_event="CRM_PRES", extra={"extra": "prohib_passed_screen"})
    ((call,), _) = account([first, note, *rest])
    assert call.customer.withheld


def test_two_stints_in_queues_are_one_wait_and_the_last_reason_counts() -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    caller = {"uid": "1.1", "channel": "PJSIP/trunk-1", "number": "6944000001"}
    story: list[Record] = [
        _record(at, "CHAN_START", **caller, exten="2100000100"),
        _record(at + SECOND, "APP_START", **caller, app="Queue", app_data="sales,t,,,10"),
        QueueRecord(
            at=at + SECOND, uniqueid="1.1", queue="sales", agent="NONE", event="ENTERQUEUE", data=("", "1", "1")
        ),
        QueueRecord(at=at + 11 * SECOND, uniqueid="1.1", queue="sales", agent="NONE", event="EXITWITHTIMEOUT", data=()),
        _record(at + 11 * SECOND, "APP_END", **caller, app="Queue", app_data="sales,t,,,10"),
        _record(at + 11 * SECOND, "APP_START", **caller, app="Queue", app_data="support,t"),
        QueueRecord(
            at=at + 11 * SECOND, uniqueid="1.1", queue="support", agent="", event="ENTERQUEUE", data=("", "1", "1")
        ),
        QueueRecord(at=at + 20 * SECOND, uniqueid="1.1", queue="support", agent="NONE", event="EXITEMPTY", data=()),
        _record(at + 20.5 * SECOND, "APP_END", **caller, app="Queue", app_data="support,t"),
        _record(at + 21 * SECOND, "APP_START", **caller, app="VoiceMail", app_data="1"),
        _record(at + 30 * SECOND, "HANGUP", **caller, extra={"hangupsource": "PJSIP/trunk-1", "hangupcause": "16"}),
        _record(at + 30 * SECOND, "CHAN_END", **caller),
        _record(at + 30 * SECOND, "LINKEDID_END", **caller),
    ]
    ((call,), _) = account(story)
    assert (call.queue, call.result, call.wait) == ("support", Result.NO_AGENTS, 19.5)
    assert (call.hangup_by, call.did) == (HungUpBy.CUSTOMER, "2100000100")


def test_a_blind_transfer_that_nobody_answers_is_told_as_such() -> None:
    """Alice transfers to Bob, Bob's phone rings in vain, the dial plan ends."""
    everything = list(configured("blind-transfer"))
    begins = next(
        i for i, r in enumerate(everything) if r.event == "CHAN_START" and "1002" in getattr(r, "channel", "")
    )
    caller, bob = everything[0], everything[begins]
    assert isinstance(caller, CelRecord) and isinstance(bob, CelRecord)
    end = bob.at + 6 * SECOND
    gave_up = {"hangupcause": "16", "hangupsource": "dialplan/builtin", "dialstatus": "NOANSWER"}
    story = [
        *everything[: begins + 1],
        replace(caller, event="HANGUP", at=end, extra=gave_up),
        replace(caller, event="CHAN_END", at=end),
        replace(bob, event="HANGUP", at=end + 0.001 * SECOND, extra={"hangupcause": "0", "hangupsource": ""}),
        replace(bob, event="CHAN_END", at=end + 0.001 * SECOND),
        replace(bob, event="LINKEDID_END", at=end + 0.001 * SECOND),
    ]
    ((call,), _) = account(story)
    assert (call.result, call.hangup_by) == (Result.ANSWERED, HungUpBy.SYSTEM)
    assert [(one.kind, one.to, one.result) for one in call.transfers] == [("blind", "1002", "no_answer")]


# ------------------------------------------------------------------------------------------------------------- helpers


def _record(at: datetime, event: str, *, uid: str, channel: str, **facts: Any) -> CelRecord:
    text = dict.fromkeys(("number", "name", "exten", "context", "app", "app_data", "peer"), "")
    return CelRecord(at=at, event=event, uniqueid=uid, linkedid=uid, channel=channel, **(text | facts))


def _is_true(scenario: str, calls: Sequence[CallSummary]) -> None:
    true = [] if scenario in UNKNOWN else [call | DIFFERS.get(scenario, {}) for call in truth(scenario)]
    assert len(calls) == len(true)
    for call, is_true in zip(calls, true, strict=True):
        told = as_truth(call)
        for key in COMPARED:
            if is_true.get(key) is not None or (key in is_true and key not in ("hold", "talk")):
                expected = is_true[key]
                if isinstance(expected, int | float):
                    expected = pytest.approx(expected, abs=TOLERANCE)
                assert told[OURS.get(key, key)] == expected, key


def _lies(told: dict[str, Any], true: dict[str, Any]) -> dict[str, Any]:
    """What is said and is not so. Less than all is no lie."""
    lies: dict[str, Any] = {}
    for key in ("direction", "linkedid"):
        if told[key] != true[key]:
            lies[key] = told[key]
    for key in ("did", "queue", "result", "hangup_by", "agent"):
        if told[key] is not None and told[key] != true[key]:
            lies[key] = told[key]
    if told["customer"] not in ("", true["customer"]):
        lies["customer"] = told["customer"]
    for key in ("answered_by", "rang"):
        if not set(told[key]) <= set(true[key]):
            lies[key] = told[key]
    if told["talk"] > true["talk"] + 0.01:
        lies["talk"] = told["talk"]
    return lies


def _is_sane(call: CallSummary) -> None:
    assert min(call.wait, call.talk, call.hold, *(leg.talk for leg in call.legs)) >= 0
    moments = [at for at in (call.started_at, call.answered_at, call.ended_at) if at]
    assert moments == sorted(moments)
    assert call.direction is not Direction.INTERNAL
