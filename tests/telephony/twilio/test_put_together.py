"""What was never told is found in Twilio's own list, and the story is the same as if it had been told."""

from __future__ import annotations

from datetime import datetime

import pytest

from telephony.events import CallEnded, CallSummary, Result
from telephony.twilio.reconciler import Record, Whose, missing, whose
from telephony.twilio.tracker import follow
from telephony.twilio.webhooks import Kind, Webhook
from tests.telephony.twilio.hooks import CALLER, DANA, OURS, REQUEST, Story, answered, at, clicked, sid

pytestmark = pytest.mark.req("T33")
ALICE = Whose(DANA, "offer-0000000a")


def customers(started: float, ended: float | None, status: str = "completed", seconds: int = 0) -> tuple[Record, None]:
    return Record(DANA, status, True, CALLER, OURS, at(started), _at(ended), seconds), None


def alices(started: float, ended: float | None, status: str = "completed", seconds: int = 0) -> tuple[Record, Whose]:
    record = Record(sid("alice"), status, False, OURS, "client:alice", at(started), _at(ended), seconds)
    return record, ALICE


def _at(seconds: float | None) -> datetime | None:
    return at(seconds) if seconds is not None else None


def summary(root: str, webhooks: list[Webhook]) -> CallSummary:
    [end] = [event for event in follow(root, webhooks).events if isinstance(event, CallEnded)]
    return end.summary


def test_a_call_of_which_nobody_told_us_was_missed() -> None:
    found = missing(DANA, [customers(0, 20)], [])
    told = summary(DANA, found)
    assert (told.result, told.customer.number, told.did) == (Result.NO_AGENTS, CALLER, OURS)
    assert (told.started_at, told.answered_at) == (at(0), None)


def test_an_end_that_was_not_told_is_found() -> None:
    told = Story().calls(0).waits(0.5).webhooks
    found = missing(DANA, [customers(0, 20)], told)
    assert [webhook.kind for webhook in found] == [Kind.STATUS]
    assert summary(DANA, [*told, *found]).result is Result.ABANDONED


def test_that_alice_answered_is_found_though_all_that_was_told_of_her_was_lost() -> None:
    story = answered()
    heard = [webhook for webhook in story.webhooks if webhook.kind not in (Kind.LEG, Kind.CONFERENCE, Kind.STATUS)]
    found = missing(DANA, [customers(0, 36, seconds=36), alices(2, 36, seconds=31)], heard)
    told = summary(DANA, [*heard, *found])
    assert (told.result, told.answered_by) == (Result.ANSWERED, ("Client/alice",))
    assert told.talk == pytest.approx(30, abs=1.5)


def test_where_all_was_told_nothing_is_missing() -> None:
    assert missing(DANA, [customers(0, 36, seconds=36), alices(2, 36, seconds=31)], answered().webhooks) == []


def test_a_phone_that_rang_in_vain_is_found_as_that() -> None:
    heard = Story().calls(0).waits(0.5).leaves_queue(30, "hangup").webhooks
    found = missing(DANA, [customers(0, 30, seconds=30), alices(2, 20, "no-answer")], heard)
    told = summary(DANA, [*heard, *found])
    assert told.result is Result.ABANDONED and told.answered_at is None


def test_a_call_of_ours_is_ended_too() -> None:
    heard = [webhook for webhook in clicked().webhooks if webhook.received_at < at(30)]
    record = Record(sid("customer"), "completed", False, OURS, CALLER, at(3), at(68), 60)
    found = missing(REQUEST, [(record, Whose(REQUEST, "customer"))], heard)
    assert summary(REQUEST, [*heard, *found]).result is Result.ANSWERED


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (f"https://crm.example.org/twilio/gr/leg/{DANA}/offer-0000000a#rc=4", Whose(DANA, "offer-0000000a")),
        (
            f"https://crm.example.org/crm/twilio/gr/leg/{DANA}/sent-0000000b/Client~alice",
            Whose(DANA, "sent-0000000b", "Client/alice"),
        ),
        (f"https://crm.example.org/twilio/gr/wait/{DANA}/1/sales", None),
        (f"https://crm.example.org/twilio/gr/leg/{DANA}/boss-1", None),
        ("https://elsewhere.example.org/", None),
        ("", None),
    ],
)
def test_an_address_of_ours_says_whose_a_leg_is(url: str, found: Whose | None) -> None:
    assert whose(url) == found
