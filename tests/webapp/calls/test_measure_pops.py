from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest
from flask.testing import FlaskClient

from telephony import events as told
from telephony.events import Caller, Direction
from tests.factories import make_call
from webapp.accounts import presence
from webapp.accounts.models import User
from webapp.calls import capture, pops
from webapp.calls.jobs import forget_pops
from webapp.calls.models import Call, Pop
from webapp.db import db, now, transaction

As = Callable[[User], FlaskClient]
pytestmark = pytest.mark.req("N4")
UID = "1700000000.1"


@pytest.fixture
def at_screen(alice: User) -> User:
    with transaction():
        presence.seen([alice.id], now())
    return alice


def rings(line: str = "PJSIP/alice", leg: str = "leg.1", at: datetime | None = None) -> Call:
    at = at or now()
    customer = Caller("+306944000001")
    started = told.CallStarted(uid=UID, at=at, linkedid=UID, direction=Direction.INBOUND, customer=customer, did=None)
    capture.record(started, switch="main")
    ringing = told.LegRinging(uid=UID, at=at, leg=leg, line=line, channel=f"{line}-0001", queue="sales")
    capture.record(ringing, switch="main")
    db.session.rollback()
    return db.session.query(Call).filter_by(uid=UID).one()


def stops(leg: str = "leg.1", *, after: float, since: datetime) -> None:
    ended = told.LegEnded(
        uid=UID,
        at=since + timedelta(seconds=after),
        leg=leg,
        line="PJSIP/alice",
        result=told.LegResult.NO_ANSWER,
        cause=19,
    )
    capture.record(ended, switch="main")
    db.session.rollback()


def paint(browser: FlaskClient, call: Call, ms: float = 40.0, **more: str) -> None:
    sent = {"uid": str(call.id), "version": 2, "ms": ms} | more
    assert browser.post("/live/painted", json=sent).status_code == 204
    db.session.rollback()


def today() -> pops.Figures:
    return pops.together(pops.first_day(1))


def test_a_ring_is_a_pop_and_its_painted_card_ends_it(at_screen: User, as_: As) -> None:
    call = rings(at=now() - timedelta(milliseconds=500))
    paint(as_(at_screen), call, 40.0)
    [pop] = db.session.query(Pop).all()
    assert pop.page_ms == 40.0 and pop.total_ms is not None and pop.total_ms >= 540.0
    paint(as_(at_screen), call, 9_000.0)  # another page, later
    assert db.session.query(Pop).one().page_ms == 40.0
    assert (today().pops, today().painted, today().missed) == (1, 1, 0)


def test_a_phone_that_rings_again_in_the_same_call_is_no_second_pop(at_screen: User) -> None:
    rings()
    rings(leg="leg.2")
    assert db.session.query(Pop).count() == 1


def test_a_pop_that_nobody_saw_is_missed_and_its_call_is_named(at_screen: User) -> None:
    at = now() - timedelta(seconds=30)
    call = rings(at=at)
    stops(after=12.0, since=at)
    assert today().missed == 1
    [missed] = pops.missed(pops.first_day(1))
    assert (missed.call_id, missed.agent, missed.rang_seconds) == (call.id, "Alice Martin", 12.0)


def test_a_ring_that_was_over_at_once_was_nobodys_to_see(at_screen: User) -> None:
    at = now() - timedelta(seconds=30)
    rings(at=at)
    stops(after=1.0, since=at)
    assert (today().pops, today().missed) == (1, 0)


def test_a_phone_that_still_rings_is_missed_only_after_a_while(at_screen: User) -> None:
    rings()
    assert today().missed == 0


def test_a_page_in_the_background_says_so_and_misses_nothing(at_screen: User, as_: As) -> None:
    at = now() - timedelta(seconds=30)
    call = rings(at=at)
    paint(as_(at_screen), call, 0, how="hidden")
    stops(after=12.0, since=at)
    assert (today().hidden, today().painted, today().missed) == (1, 0, 0)
    paint(as_(at_screen), call, 40.0)  # and then it was looked at
    assert (today().hidden, today().painted) == (0, 1)


def test_who_has_no_page_open_misses_nothing(alice: User) -> None:
    at = now() - timedelta(seconds=30)
    rings(at=at)
    stops(after=12.0, since=at)
    assert today().pops == 0


def measured(user: User, times: list[float]) -> None:
    call = make_call(ringing=(user,))
    for ms in times:
        with transaction():
            at = now()
            db.session.add(
                Pop(
                    call_id=call.id, leg_id=call.legs[0].id, user_id=user.id, day=pops.first_day(1), heard_at=at,
                    told_at=at, visible_from=at, connected=True, painted_at=at, page_ms=ms, total_ms=ms,
                )
            )  # fmt: skip


def test_percentiles_are_values_that_were_measured(alice: User, bob: User) -> None:
    times = [float(n) for n in range(1, 201)]
    Random(7).shuffle(times)
    measured(alice, times)
    measured(bob, [7.0])
    figures = dict(pops.by_agent(pops.first_day(1)))
    assert (figures["Alice Martin"].p50, figures["Alice Martin"].p95, figures["Alice Martin"].p99) == (100, 190, 198)
    assert (figures["Bob Keller"].p50, figures["Bob Keller"].p99) == (7, 7)
    [(_day, together)] = pops.by_day(pops.first_day(1))
    assert together.pops == 201


def test_an_administrator_reads_it_and_an_agent_does_not(alice: User, person: Callable[..., User], as_: As) -> None:
    browser = as_(person("root", "Ada Root", role="admin", lines=()))
    assert "No phone has rung" in browser.get("/pops").text
    measured(alice, [31.0, 12_345.0])
    page = browser.get("/pops?days=30").text
    assert "31 ms" in page and "12.3 s" in page and "Alice Martin" in page
    assert as_(alice).get("/pops").status_code == 403


def test_what_was_measured_is_forgotten_in_time(alice: User) -> None:
    measured(alice, [1.0, 2.0])
    with transaction():
        db.session.query(Pop).filter_by(page_ms=1.0).update({"day": pops.first_day(91)})
    forget_pops()
    db.session.rollback()
    assert [pop.page_ms for pop in db.session.query(Pop)] == [2.0]
