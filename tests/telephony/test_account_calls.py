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
from telephony.books.records import CelRecord
from telephony.events import CallSummary, Direction, Result
from telephony.replay import as_truth, derive
from tests.telephony.books import SCENARIOS, TRUNKS, account, cel, configured, in_order, queue_log, records, step
from tests.telephony.recordings import frames, truth

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
    told |= {call.uid: call for call in accountant.feed(step(at, "CHAN_START", uid="later.1", channel="PJSIP/z-1"))}
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


# ------------------------------------------------------------------------------------------------------------- helpers


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
