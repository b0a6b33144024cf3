"""Several calls at once, with frames that are lost, doubled, late or cut, down to the rows: each call one row, whose state
only moves forward, and whose times are in order."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings

from telephony.ami.tracker import CallTracker
from telephony.events import CallsMerged
from tests.telephony.disturbances import Mix, in_order, mixes
from webapp.calls import capture
from webapp.calls.models import _RANK, Call, CallState
from webapp.db import db, transaction


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mix=mixes(most=2))
def test_whatever_becomes_of_the_frames_rows_only_move_forward(app: Flask, mix: Mix) -> None:
    with transaction():
        db.session.execute(sa.delete(Call))
    tracker, rank, merged = CallTracker(), dict[str, int](), set[str]()
    told = [tracker.feed(frame) for frame in mix.frames]
    for event in (event for events in (*told, tracker.flush()) for event in events):
        capture.record(event, switch="main")
        if isinstance(event, CallsMerged):
            merged.add(event.merged)
        db.session.rollback()
        call = db.session.scalars(sa.select(Call).where(Call.uid == event.uid)).unique().one()
        assert _RANK[call.state] >= rank.get(call.uid, 0), f"{event} takes {call.uid} back"
        rank[call.uid] = _RANK[call.state]
    rows = db.session.scalars(sa.select(Call)).unique().all()
    assert {row.uid for row in rows} == rank.keys() - merged
    for row in rows:
        assert row.state is CallState.ENDED
        assert row.result is not None or not row.answered_at
        in_order(row.started_at, row.answered_at, row.ended_at)
        assert min(row.wait_seconds, row.talk_seconds, row.hold_seconds) >= 0.0
        for leg in row.legs:
            in_order(leg.rang_at, leg.answered_at, leg.ended_at)
            assert leg.talk_seconds >= 0.0
