"""A callback becomes overdue: the head of the team sees it on an open screen at once, also when the program was down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from tests.asterisk import wait_for
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp.db import now
from webapp.notices.models import Notice
from webapp.tasks.models import Callback, CallbackState

pytestmark = pytest.mark.journey

AT_ONCE = timedelta(seconds=10)


def waits(books: Books, seconds: float) -> Callback:
    """Somebody whom nobody talked to, and whose time is up in so many seconds."""
    due_at = now() + timedelta(seconds=seconds)
    callback = Callback(
        open_key="tel:+306944000001", number="+306944000001", number_raw="+306944000001", name_raw="Dana Reyes",
        switch="main", queue="sales", state=CallbackState.OPEN, missed=1, first_missed_at=due_at - timedelta(minutes=30),
        last_missed_at=due_at - timedelta(minutes=30), due_at=due_at, attempts=0,
    )  # fmt: skip
    books.add(callback)
    return callback


def overdue(books: Books) -> list[Notice]:
    return list(books.all(sa.select(Notice).where(Notice.kind == "callback.overdue")))


@pytest.mark.req("R60")
def test_the_head_sees_it_at_once_and_it_stays_until_it_was_read(books: Books, desk_of: Callable[..., Screen]) -> None:
    sofia = desk_of("sofia", "/contacts")
    callback = waits(books, 3)
    toast = sofia.page.locator(".toast-item.bad", has_text="Overdue: Dana Reyes")
    expect(toast).to_be_visible()
    seen_at = now()
    assert seen_at - callback.due_at < AT_ONCE
    expect(sofia.page.locator("#bell .count")).to_have_text("1 unread")
    sofia.go("/contacts")
    expect(sofia.page.locator("#bell .count")).to_have_text("1 unread")
    sofia.page.locator("#bell summary").click()
    sofia.page.locator("#bell [data-notice] a").click()
    expect(sofia.page.locator(f"#callback-{callback.id}")).to_be_visible()
    expect(sofia.page.locator("#bell .count")).to_be_hidden()


@pytest.mark.req("R60")
def test_a_program_that_was_down_at_the_moment_tells_it_when_it_is_back_and_once(
    books: Books, product: Product
) -> None:
    callback = waits(books, 2)
    product.kill()
    wait_for("the moment to pass", lambda: now() > callback.due_at)
    started_at = now()
    product.start()
    (notice,) = wait_for("the head to be told", lambda: overdue(books))
    assert notice.at - max(started_at, callback.due_at) < timedelta(seconds=60)
    product.stop()
    product.start()
    wait_for("the sweep to have come by again", lambda: product.follows_the_switch())
    assert len(overdue(books)) == 1
