"""Callers of a switch that leaves it to us are given to agents by one view of who is free, on all switches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from telephony.errors import SwitchError, SwitchRefused, SwitchUnavailable
from telephony.events import (
    CallAnswered,
    Caller,
    CallerLeft,
    CallerWaits,
    CallEvent,
    CallStarted,
    Direction,
    LegEnded,
    LegResult,
    LegRinging,
    QueueJoined,
    Resynced,
)
from webapp.accounts import presence
from webapp.accounts.actions import add_absence, hold_back, logged_in, set_status
from webapp.accounts.models import AgentStatus, Line, Presence, User
from webapp.calls import capture
from webapp.db import db, now, transaction
from webapp.routing import actions
from webapp.routing.models import AgentSkill, QueueRouting, Ring, WaitingCaller
from webapp.routing.router import PENALTY, Router

pytestmark = pytest.mark.req("T26")
At = Callable[[str], User]


class Phones:
    """Of a switch; they are rung for callers."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []
        self.refuse: SwitchError | None = None

    def offer(self, uid: str, line: str) -> None:
        self.rung.append((uid, line))
        if self.refuse:
            raise self.refuse


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def router(app: Flask, phones: Phones) -> Router:
    return Router(app, "gr", phones.offer, ring_seconds=15)


@pytest.fixture
def at_work(person: Callable[..., User]) -> At:
    """With a phone on that switch, available, and their page open."""

    def add(name: str, **more: object) -> User:
        user = person(name, name.title(), lines=(), browser_lines=(f"Client/{name}",), switch="gr", **more)
        with transaction():
            logged_in(db.session.get_one(User, user.id))
        return user

    return add


def tell(*events: CallEvent | CallerWaits | CallerLeft) -> None:
    for event in events:
        if isinstance(event, CallEvent | Resynced):
            capture.record(event, switch="gr")
        actions.record(event, switch="gr")


def waits(uid: str = "dana", seconds: int = 5, queue: str = "sales") -> None:
    since = now() - timedelta(seconds=seconds)
    tell(
        CallStarted(uid=uid, at=since, direction=Direction.INBOUND, customer=Caller("+306944000001")),
        QueueJoined(uid=uid, at=since, queue=queue),
        CallerWaits(uid=uid, at=since, queue=queue),
    )


def rings(name: str, uid: str = "dana") -> str:
    leg = f"{uid}-{name}-{now().timestamp()}"
    tell(LegRinging(uid=uid, at=now(), leg=leg, line=f"Client/{name}", queue="sales"))
    return leg


def turn(router: Router, at: datetime | None = None) -> None:
    db.session.rollback()
    router.turn(at or now())


def test_dana_gets_alice_and_nobody_else_is_rung_for_her_meanwhile(router: Router, phones: Phones, at_work: At) -> None:
    at_work("alice")
    at_work("bob")
    waits()
    turn(router)
    turn(router)
    assert phones.rung == [("dana", "Client/alice")]


def test_who_does_not_pick_up_is_followed_by_the_next(router: Router, phones: Phones, at_work: At) -> None:
    at_work("alice")
    at_work("bob")
    waits()
    turn(router)
    leg = rings("alice")
    tell(LegEnded(uid="dana", at=now(), leg=leg, line="Client/alice", result=LegResult.NO_ANSWER))
    turn(router)
    assert phones.rung == [("dana", "Client/alice"), ("dana", "Client/bob")]


def test_who_talks_on_any_switch_gets_nobody(router: Router, phones: Phones, at_work: At) -> None:
    alice = at_work("alice")
    with transaction():
        db.session.add(Line(switch="main", endpoint="PJSIP/alice", user_id=alice.id))
    started = CallStarted(uid="1.0", at=now(), direction=Direction.INBOUND, customer=Caller("+306944000002"))
    capture.record(started, switch="main")
    capture.record(CallAnswered(uid="1.0", at=now(), leg="1.1", line="PJSIP/alice"), switch="main")
    waits()
    turn(router)
    assert phones.rung == []


def test_nobody_is_rung_who_is_away(router: Router, phones: Phones, at_work: At) -> None:
    alice, bob, charlie, erin, frank = (at_work(name) for name in ("alice", "bob", "charlie", "erin", "frank"))
    with transaction():
        set_status(db.session.get_one(User, alice.id), AgentStatus.ON_BREAK)
        hold_back(db.session.get_one(User, bob.id), now() + timedelta(minutes=1))
        db.session.execute(
            sa.update(Presence).where(Presence.user_id == charlie.id).values(seen_at=now() - timedelta(minutes=2))
        )
        add_absence(db.session.get_one(User, erin.id), now() - timedelta(hours=1), now() + timedelta(hours=1))
        db.session.execute(sa.update(Line).where(Line.user_id == frank.id).values(gone_at=now()))
    waits()
    turn(router)
    assert phones.rung == []


def test_skills_and_weight_count(router: Router, phones: Phones, at_work: At) -> None:
    at_work("alice")
    bob = at_work("bob")
    with transaction():
        db.session.add(QueueRouting(queue="vip", priority=5, needs={"greek": 3}))
        db.session.add(AgentSkill(user_id=bob.id, skill="greek", level=4))
    waits("dana", 100)
    waits("eve", 1, queue="vip")
    turn(router)
    assert phones.rung == [("eve", "Client/bob"), ("dana", "Client/alice")]


@pytest.mark.parametrize("gone", ["left", "answered"])
def test_whoever_waits_no_more_is_given_to_nobody(router: Router, phones: Phones, at_work: At, gone: str) -> None:
    at_work("alice")
    waits()
    if gone == "answered":
        tell(CallAnswered(uid="dana", at=now(), leg="x", line="Client/bob"))
    tell(CallerLeft(uid="dana", at=now()))
    turn(router)
    assert phones.rung == []


def test_a_phone_that_cannot_be_rung_makes_room_for_another_and_is_left_alone_for_a_while(
    router: Router, phones: Phones, at_work: At
) -> None:
    at_work("alice")
    at_work("bob")
    waits()
    phones.refuse = SwitchRefused("no such phone")
    turn(router)
    phones.refuse = None
    turn(router)
    assert phones.rung == [("dana", "Client/alice"), ("dana", "Client/bob")]
    waits("eve")
    turn(router)
    assert len(phones.rung) == 2
    turn(router, now() + PENALTY + timedelta(seconds=1))
    assert phones.rung[2] == ("eve", "Client/alice")


def test_where_nobody_knows_whether_it_rings_nobody_else_is_rung_before_it_is_over(
    router: Router, phones: Phones, at_work: At
) -> None:
    at_work("alice")
    at_work("bob")
    waits()
    phones.refuse = SwitchUnavailable("no answer")
    turn(router)
    turn(router)
    assert phones.rung == [("dana", "Client/alice")]
    presence_later = now() + timedelta(seconds=31)
    turn(router, presence_later)
    assert len(phones.rung) == 2


def test_of_two_who_decide_at_once_one_rings(app: Flask, phones: Phones, at_work: At) -> None:
    """Two processes follow two accounts, and share their agents."""
    alice = at_work("alice")
    waits()
    with transaction():
        db.session.add(WaitingCaller(switch="de", uid="eve", queue="sales", since=now()))
        db.session.add(Line(switch="de", endpoint="Client/alice", user_id=alice.id))
    gate = threading.Barrier(2)

    def decide(switch: str) -> None:
        with app.app_context():
            gate.wait()
            Router(app, switch, phones.offer, ring_seconds=15).turn(now())

    threads = [threading.Thread(target=decide, args=(switch,)) for switch in ("gr", "de")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(phones.rung) == 1
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ring)) == 1


def test_who_was_cut_off_is_ahead_of_who_came_later(router: Router, phones: Phones, at_work: At) -> None:
    at_work("alice")
    waits("eve", 30)
    waits("dana", 200)
    turn(router)
    assert phones.rung == [("dana", "Client/alice")]


def test_a_browser_that_is_open_again_is_rung(router: Router, phones: Phones, at_work: At) -> None:
    alice = at_work("alice")
    waits()
    with transaction():
        db.session.execute(sa.update(Presence).values(seen_at=now() - timedelta(minutes=5)))
    turn(router)
    assert phones.rung == []
    with transaction():
        presence.seen([alice.id], now())
    turn(router)
    assert phones.rung == [("dana", "Client/alice")]
