"""The same calls, heard by events and written down by the PBX: what is told alike needs no recovery, what was missed is
made good, and either way the ledger balances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.ami.tracker import CallTracker
from telephony.events import CallSummary
from telephony.playback import Playback
from tests.telephony.recordings import frames
from tests.webapp.books.stories import all_of, dump, enter, tell
from webapp.books import ledger
from webapp.books.models import BookedCall, Recovery
from webapp.books.reading import read_all
from webapp.calls.models import Call
from webapp.db import db

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDED = sorted(path.name.removesuffix(".cel.csv") for path in (FIXTURES / "books").glob("*.cel.csv"))
FORGED = {"in-newline-in-caller-number"}  # what is heard of these is not true
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def heard(name: str) -> None:
    playback = Playback(tracker := CallTracker(("PJSIP/trunk",)))
    for frame in frames(name):
        tell(*playback.feed(frame))
    tell(*tracker.flush())


def written(name: str) -> list[CallSummary]:
    return read_all(FIXTURES / "books" / f"{name}.cel.csv", FIXTURES / "books" / f"{name}.queue_log", ("PJSIP/trunk",))


@pytest.mark.parametrize("name", sorted(set(RECORDED) - FORGED))
def test_what_is_told_alike_needs_no_recovery(app: Flask, name: str) -> None:
    heard(name)
    calls = written(name)
    enter(*calls)
    assert [(each.kind, each.before, each.after) for each in all_of(Recovery)] == []
    assert {call.uid for call in all_of(Call) if call.linkedid and call.result not in ledger.OUR_SIDE} == {
        call.uid for call in calls
    }
    assert ledger.balance(*EVER).offenders == []


@pytest.mark.parametrize("name", RECORDED)
def test_what_nobody_heard_is_made_good(app: Flask, name: str) -> None:
    calls = written(name)
    enter(*calls)
    before = dump()
    enter(*calls)
    assert dump() == before
    assert len(all_of(Recovery)) == len(all_of(BookedCall)) == len(calls)
    balance = ledger.balance(*EVER)
    assert balance.balances, balance.offenders
    assert balance.offered == sum(call.direction == "inbound" for call in calls)


@pytest.mark.parametrize("name", sorted(FORGED))
def test_what_was_forged_is_put_right(app: Flask, name: str) -> None:
    heard(name)
    calls = written(name)
    enter(*calls)
    told = {call.uid: (call.result, call.answered_at is not None) for call in calls}
    assert {call.uid: (call.result, call.answered_at is not None) for call in all_of(Call)} == told
    assert ledger.balance(*EVER).balances


@pytest.mark.parametrize("name", ["in-queue-answered", "in-queue-abandoned", "blind-transfer"])
def test_all_calls_of_a_file_are_checked_against_ours(app: Flask, name: str) -> None:
    calls = written(name)
    ended = max(call.ended_at for call in calls if call.ended_at)
    later = ended + timedelta(minutes=5)
    missing = ledger.balance_of(calls, *EVER, switch="main", over_before=later)
    assert [each.fault for each in missing.offenders] == ["no_call"] * len(calls)
    heard(name)
    assert ledger.balance_of(calls, *EVER, switch="main", over_before=later).balances
    assert db.session.scalar(sa.select(sa.func.count()).select_from(BookedCall)) == 0
