"""Ringback is away while customers call. When it is back, its books are the PBX's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from telephony.events import Result
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.books.models import BookedCall, Recovery, RecoveryKind
from webapp.calls.models import CallState
from webapp.trial.phones import answers

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("with_books")]

DANA, EMIL, FANNY = "+306944000001", "+442079460018", "+302310555001"


def balances(product: Product) -> bool:
    check = [sys.executable, "-m", "webapp.cli", "ledger", "check"]
    return subprocess.run(check, env=product.env, capture_output=True, check=False).returncode == 0


def booked_all(books: Books, *numbers: str) -> bool:
    return {call.number for call in books.all(sa.select(BookedCall))} >= set(numbers)


def test_who_called_while_nobody_listened_is_called_back_and_who_was_talked_to_is_not(
    product: Product,
    asterisk: Asterisk,
    customer: Customers,
    books: Books,
    only_alice_sells: None,
    desk_of: Callable[..., Screen],
) -> None:
    asterisk.phone("alice", answers(0.2))
    before = customer.calls("alice", FANNY)
    wait_for("the conversation", lambda: books.calls(number=FANNY, state=CallState.ANSWERED))
    product.kill()

    missed = customer.calls("dora", DANA)
    wait_for("Dora's phone", lambda: any("dora" in channel for channel in asterisk.channels()))
    missed.hang_up()
    before.hang_up()
    wait_for("these calls to end", lambda: not asterisk.channels())
    talked = customer.calls("alice", EMIL)
    wait_for("the conversation", lambda: "Up" in asterisk.pbx.cli("core show channels concise"))
    talked.hang_up()
    wait_for("that call to end", lambda: not asterisk.channels())
    product.start()

    wait_for("the books", lambda: booked_all(books, DANA, EMIL, FANNY), 60)
    (dana,), (emil,), (fanny,) = (books.calls(number=number) for number in (DANA, EMIL, FANNY))
    assert (dana.state, dana.result) == (CallState.ENDED, Result.ABANDONED)
    assert (emil.state, emil.result) == (CallState.ENDED, Result.ANSWERED)
    assert (fanny.state, fanny.result) == (CallState.ENDED, Result.ANSWERED)
    for booked in books.all(sa.select(BookedCall)):
        (call,) = books.calls(number=booked.number)
        assert call.ended_at and abs((call.ended_at - booked.ended_at).total_seconds()) <= 1
    (entry,) = books.callbacks()
    assert entry.number == DANA and entry.is_open and entry.last_missed_at == dana.ended_at
    kinds = {each.call_id: each.kind for each in books.all(sa.select(Recovery))}
    assert kinds[dana.id] is kinds[emil.id] is RecoveryKind.CREATED
    wait_for("a balance", lambda: balances(product))

    sofia = desk_of("sofia", "/recoveries")
    expect(sofia.page.locator("#recovery-rows tr")).to_have_count(len(kinds))
    sofia.page.locator(f'a[href="/calls/{dana.id}"]').click()
    expect(sofia.page.get_by_text("Nobody had heard of this call")).to_be_visible()


def test_what_is_heard_needs_no_recovery(
    asterisk: Asterisk, customer: Customers, books: Books, only_alice_sells: None
) -> None:
    asterisk.phone("alice", answers(0.2))
    call = customer.calls("sales", DANA)
    wait_for("the conversation", lambda: books.calls(number=DANA, state=CallState.ANSWERED))
    call.hang_up()
    given_up = customer.calls("dora", EMIL)
    wait_for("Dora's phone", lambda: books.calls(number=EMIL))
    given_up.hang_up()
    wait_for("the books", lambda: booked_all(books, DANA, EMIL))
    assert books.all(sa.select(Recovery)) == []
