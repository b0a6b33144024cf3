"""Two hands on one row: whoever comes second sees what the first did. On SQLite there is one writer at a time, so the two
cannot meet there; these stories are of PostgreSQL."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from telephony.events import Caller, CallHeld, CallStarted, Direction
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_disposition
from webapp import schema
from webapp.accounts.models import User
from webapp.calls import actions, capture, queries
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction
from webapp.errors import Conflict
from webapp.tasks import actions as tasks
from webapp.tasks import ledger
from webapp.tasks import queries as task_queries
from webapp.tasks.models import Callback

pytestmark = pytest.mark.postgresql


@pytest.fixture
def meanwhile(app: Flask) -> Callable[..., object]:
    """`with meanwhile(first, then) as failure:` — another thread has done `first` (a read) and waits; after the block it
    does `then` in the same transaction. `failure` holds what that raised."""

    @contextmanager
    def run(first: Callable[[], object], then: Callable[[object], object]) -> Iterator[list[BaseException]]:
        has_read, may_write, failure = threading.Event(), threading.Event(), []

        def work() -> None:
            with app.app_context():
                try:
                    with transaction():
                        found = first()
                        has_read.set()
                        may_write.wait(10)
                        then(found)
                except BaseException as error:
                    failure.append(error)

        thread = threading.Thread(target=lambda: contextvars.Context().run(work))
        thread.start()
        assert has_read.wait(10)
        yield failure
        may_write.set()
        thread.join(10)
        db.session.rollback()
        db.session.expire_all()

    return run


def test_giving_a_callback_back_while_the_caller_is_reached_leaves_it_closed(
    app: Flask, alice: User, meanwhile: Callable[..., object]
) -> None:
    call, callback = make_call(answered_by=alice), make_callback()
    with transaction():
        tasks.claim(task_queries.callback(callback.id), alice)
    give_back = meanwhile(lambda: task_queries.callback(callback.id), lambda found: tasks.release(found, alice))
    with give_back as failure, transaction():  # type: ignore[attr-defined]
        ledger.close_reached("+306944000001", call_id=call.id, direction=Direction.INBOUND, at=now())
    assert [type(error) for error in failure] == [Conflict]
    assert not db.session.get_one(Callback, callback.id).is_open


def test_wrapping_up_while_the_switch_tells_more_counts_both(
    app: Flask, alice: User, meanwhile: Callable[..., object]
) -> None:
    make_disposition()
    call = make_call(state=CallState.ANSWERED, answered_by=alice)
    with transaction():
        db.session.get_one(Call, call.id).legs[0].ended_at = now()
    wrap_up = meanwhile(
        lambda: queries.call_for(alice, call.id),
        lambda found: actions.log_disposition(found, queries.disposition("sale"), by=alice),
    )
    with wrap_up as failure:  # type: ignore[attr-defined]
        capture.record(CallHeld(uid=call.uid, at=now(), leg="x", line="PJSIP/alice"), switch="main")
    assert failure == []
    assert db.session.get_one(Call, call.id).version == 3


def test_a_call_that_just_began_to_ring_is_not_given_up(
    app: Flask, alice: User, switch: FakeSwitch, meanwhile: Callable[..., object]
) -> None:
    with transaction():
        call = actions.request_call(alice, "6944000001", "one click")
    uid = call.uid
    sweep = meanwhile(
        lambda: db.session.get_one(Call, call.id), lambda found: actions.fail_call(found, "nobody answered")
    )
    with sweep:  # type: ignore[attr-defined]
        begun = CallStarted(
            uid=uid, at=now(), direction=Direction.OUTBOUND, customer=Caller("6944000001"), linkedid=uid
        )
        capture.record(begun, switch="main")
    assert db.session.get_one(Call, call.id).state is CallState.RINGING


def test_three_processes_that_start_at_once_make_one_schema(app: Flask) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            schema.upgrade(app)
        except BaseException as error:
            failures.append(error)

    db.session.remove()
    threads = [threading.Thread(target=lambda: contextvars.Context().run(start)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert schema.is_current(app)
