"""Whatever goes wrong between us and Twilio: after one look at its list each caller is one row with the right end, whoever was
missed is to be called back exactly once, and no agent is left in a call that is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from telephony.events import Result
from telephony.fake.twilio.people import answers, by_hand
from tests.webapp.twilio.conftest import DANA, OURS, Centre
from webapp.accounts.models import User
from webapp.books.models import Recovery, RecoveryKind, Source
from webapp.calls.models import Call, CallState
from webapp.db import db
from webapp.tasks.models import Callback

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
