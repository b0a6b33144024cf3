"""Whatever goes wrong between us and Twilio: after one look at its list each caller is one row with the right end, whoever was
missed is to be called back exactly once, and no agent is left in a call that is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.events import Result
from telephony.fake.twilio.chaos import Chaos
from telephony.fake.twilio.people import answers, by_hand, ignores, rejects
from telephony.fake.twilio.truth import truth
from tests.webapp.twilio.conftest import DANA, OURS, Centre
from webapp.accounts.models import User
from webapp.books.models import Recovery, RecoveryKind, Source
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.tasks.models import Callback, CallbackCall

pytestmark = pytest.mark.req("T33")


def recoveries() -> list[RecoveryKind]:
    db.session.rollback()
    return [each.kind for each in db.session.scalars(sa.select(Recovery)) if each.source is Source.ASKED]


def test_who_called_while_we_were_away_is_found_and_called_back(centre: Centre) -> None:
    centre.run(10)
    centre.twilio.go_down(120)
    centre.twilio.people.call(DANA, OURS, by_hand().gives_up(20))
    centre.run(300)
    assert centre.call() is None
    centre.reconcile()
    assert (centre.call().state, centre.call().result) == (CallState.ENDED, Result.NO_AGENTS)
    assert recoveries() == [RecoveryKind.CREATED]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 1
    centre.reconcile()
    assert recoveries() == [RecoveryKind.CREATED]


def test_a_call_whose_end_was_not_told_ends(centre: Centre, agent: Callable[..., User]) -> None:
    agent("alice", answers(2))
    dana = centre.twilio.people.call(DANA, OURS, by_hand())
    centre.run_until(centre.is_(CallState.ANSWERED))
    centre.twilio.go_down(60)
    centre.run(2)
    dana.hang_up()
    centre.run(240)
    assert centre.call().state is CallState.ANSWERED
    centre.reconcile()
    assert (centre.call().state, centre.call().result) == (CallState.ENDED, Result.ANSWERED)
    assert recoveries() == [RecoveryKind.CLOSED]


def test_where_all_was_told_there_is_nothing_to_recover(centre: Centre, agent: Callable[..., User]) -> None:
    agent("alice", answers(2))
    centre.twilio.people.call(DANA, OURS, by_hand().talks_for(10))
    centre.run(300)
    centre.reconcile()
    assert recoveries() == []
    assert centre.call().booked_at is not None


SCRIPTS = (answers(2), answers(6), ignores(), rejects())


@pytest.mark.parametrize("seed", range(12))
def test_a_storm_loses_nobody(app: Flask, tmp_path: Path, person: Callable[..., User], seed: int) -> None:
    dice = Random(seed)
    chaos = Chaos.storm(dice, 0.12)
    centre = Centre(app, tmp_path / "journal", trouble=chaos, seed=seed)
    try:
        for name in ("alice", "bob"):
            user = person(name, name.title(), lines=(), browser_lines=(f"Client/{name}",), switch="gr")
            centre.hires(user, dice.choice(SCRIPTS))
        for _ in range(3):
            script = by_hand().leaves_message(dice.choice((0, 5)))
            script = (
                script.talks_for(dice.uniform(3, 20)) if dice.random() < 0.6 else script.gives_up(dice.uniform(1, 40))
            )
            number = f"+3069440{dice.randrange(10000, 99999)}"
            centre.twilio.people.call(number, OURS, script)
            centre.run(dice.uniform(1, 30))
        centre.run(200)
        chaos.stop()
        centre.run(900)
        for call in list(centre.twilio.calls.all.values()):
            if not call.is_over:
                centre.twilio.calls.hung_up(call)
        centre.run(300)
        centre.reconcile()
        _is_true(centre, chaos)
    finally:
        centre.close()


def _is_true(centre: Centre, chaos: Chaos) -> None:
    db.session.rollback()
    written = db.session.scalars(sa.select(Call)).unique().all()
    told = truth(centre.twilio, shortest=2.0)
    assert sorted(call.uid for call in written) == sorted(each.sid for each in told), chaos.troubles
    for each in told:
        call = next(call for call in written if call.uid == each.sid)
        assert call.state is CallState.ENDED, chaos.troubles
        assert (call.answered_at is not None) is bool(each.talked), (each, chaos.troubles)
        entries = db.session.scalar(
            sa.select(sa.func.count()).select_from(CallbackCall).where(CallbackCall.call_id == call.id)
        )
        assert entries == (0 if each.talked else 1), (each, chaos.troubles)
        assert all(leg.ended_at for leg in call.legs)
