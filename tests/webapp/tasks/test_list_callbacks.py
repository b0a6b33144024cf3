"""The list of callbacks: filters that combine, orders, tabs, and as few questions for two thousand as for ten."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.events import Direction, Result
from tests.factories import make_call, make_callback, make_party, many_callbacks
from webapp.accounts.models import User
from webapp.db import db, now, transaction
from webapp.tasks import listing
from webapp.tasks.listing import Due, Filters, Sort, Tab, order_key
from webapp.tasks.models import Callback, CallbackAttempt, CallbackCall, CallbackKind, CallbackState

As = Callable[[User], FlaskClient]


@pytest.fixture
def week(alice: User, bob: User) -> None:
    """What sixty callers left behind."""
    with transaction():
        db.session.add_all(many_callbacks(60, holders=(alice.id, bob.id)))


def ids(reader: User, **filters: Any) -> list[UUID]:
    return [row.id for row in listing.page(reader, Filters(**filters), size=500).rows]


def rows(page: str) -> list[str]:
    return re.findall(r'<tr [^>]*id="callback-([^"]+)"', page)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("tab", [Tab.OPEN, Tab.MINE])
@pytest.mark.usefixtures("week")
def test_a_row_knows_its_place_in_every_order(alice: User, sort: Sort, tab: Tab) -> None:
    filters, at = Filters(sort=sort, tab=tab), now()
    shown = listing.page(alice, filters, size=500).rows
    assert len(shown) > 5
    assert list(shown) == sorted(shown, key=lambda row: order_key(row, filters, at))


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.usefixtures("week")
def test_every_order_is_read_page_by_page_to_its_end(alice: User, sort: Sort) -> None:
    whole, seen, after = ids(alice, sort=sort), [], None
    while True:
        page = listing.page(alice, Filters(sort=sort), after, size=7)
        seen += [row.id for row in page.rows]
        if (after := page.after) is None:
            break
    assert seen == whole


def test_waiting_ones_are_ordered_by_when_they_are_tried_again(alice: User) -> None:
    at = now()
    later, sooner = (
        make_callback(
            f"+30694400000{i}", state=CallbackState.WAITING, retry_at=at + timedelta(minutes=5 - i), attempts=1
        )
        for i in (1, 2)
    )
    assert ids(alice, tab=Tab.WAITING) == [sooner.id, later.id]
    assert ids(alice) == [], "nobody calls them yet"


def test_the_same_customer_is_found_however_one_writes_the_number(alice: User) -> None:
    callback = make_callback("+306944000001")
    make_callback("+442079460018")
    for written in ("6944000001", "694 400 0001", "+30 694-4000001", "00306944000001", "(694) 4000", "944000001"):
        assert ids(alice, q=written) == [callback.id], written
    assert len(ids(alice, q="")) == 2
    assert ids(alice, q="69") == [], "two digits are not a number"


def test_names_are_found_without_accents_and_by_what_the_line_called_them(alice: User) -> None:
    party = make_party("Μαρία Παπαδοπούλου", "+306944000001")
    known = make_callback("+306944000001", party_id=party.id)
    unknown = make_callback("+306944000002", name_raw="JOHN SMITH")
    assert ids(alice, q="παπαδοπουλου μαρια") == [known.id]
    assert ids(alice, q="smith") == [unknown.id]
    assert ids(alice, q="100%") == []


def test_filters_combine(alice: User, bob: User, charlie: User) -> None:
    at = now()
    hers = make_callback("+306944000001", assigned_to_id=alice.id, queue="sales", due_at=at - timedelta(minutes=1))
    his = make_callback("+306944000002", assigned_to_id=bob.id, queue="sales", due_at=at + timedelta(days=3), missed=3)
    theirs = make_callback("+306944000003", assigned_to_id=charlie.id, queue="support", missed=2)
    nobodys = make_callback("+306944000004", queue="sales", kind=CallbackKind.TICKET)
    on_it = make_callback(
        "+306944000005", assigned_to_id=alice.id, claimed_by_id=bob.id, state=CallbackState.CLAIMED, missed=9
    )
    assert set(ids(alice, queue="sales")) == {hers.id, his.id, nobodys.id, on_it.id}
    assert ids(alice, holder="me") == [hers.id], "Bob is on the other"
    assert set(ids(alice, holder=bob.id)) == {his.id, on_it.id}
    assert ids(alice, holder="nobody") == [nobodys.id]
    assert ids(alice, due=Due.OVERDUE) == [hers.id]
    assert his.id not in ids(alice, due=Due.TODAY)
    assert set(ids(alice, priority=3)) == {his.id, on_it.id}
    assert ids(alice, priority=2) == [theirs.id]
    assert ids(alice, kind=CallbackKind.TICKET) == [nobodys.id]
    assert alice.team_id
    assert set(ids(alice, team=alice.team_id)) == {hers.id, his.id, on_it.id}
    assert ids(alice, team=alice.team_id, priority=3, queue="sales", holder=bob.id, q="944000002") == [his.id]
    assert ids(alice, tab=Tab.MINE) == [hers.id]


def test_the_address_says_what_is_shown(alice: User, as_: As) -> None:
    make_callback("+306944000001", queue="sales")
    make_callback("+306944000002", queue="support")
    page = as_(alice).get("/callbacks?queue=support&sort=name").text
    assert "694 400 0002" in page
    assert "694 400 0001" not in page
    assert '<option value="support" selected>' in page
    assert "/callbacks?tab=mine&amp;queue=support&amp;sort=name" in page or "queue=support" in page.split("Mine")[0]


@pytest.mark.parametrize(
    "nonsense", ["tab=x", "sort=x", "holder=x", "priority=9", "team=x", "kind=x", "due=x", "size=x"]
)
def test_what_is_unknown_in_the_address_is_no_filter(alice: User, as_: As, nonsense: str) -> None:
    callback = make_callback()
    assert rows(as_(alice).get(f"/callbacks?{nonsense}").text) == [str(callback.id)]


def test_a_filter_that_finds_nothing_says_so_and_can_be_cleared(alice: User, as_: As) -> None:
    make_callback()
    page = as_(alice).get("/callbacks?q=nobody").text
    assert "No callback matches these filters" in page
    assert "Clear the filters" in page


def test_counts_are_of_all_that_is_open(alice: User, bob: User) -> None:
    at = now()
    make_callback("+306944000001", due_at=at - timedelta(minutes=1), first_missed_at=at - timedelta(hours=3))
    make_callback("+306944000002", assigned_to_id=alice.id)
    make_callback("+306944000003", state=CallbackState.WAITING, attempts=1, retry_at=at + timedelta(hours=1))
    make_callback("+306944000004", state=CallbackState.WAITING, kind=CallbackKind.PROMISE, assigned_to_id=bob.id)
    make_callback("+306944000005", state=CallbackState.CLOSED, open_key=None)
    figures = listing.figures(alice)
    assert (figures.open, figures.mine, figures.waiting, figures.promises) == (2, 1, 1, 1)
    assert (figures.overdue, figures.nobodys) == (1, 2)
    assert figures.oldest == at - timedelta(hours=3)


def test_the_list_asks_no_more_of_the_database_when_it_is_longer(
    app: Flask, alice: User, bob: User, sofia: User, as_: As, questions: Callable[[Callable[[], object]], int]
) -> None:
    browser = as_(sofia)

    def asked(path: str) -> int:
        return questions(lambda: browser.get(path))

    with transaction():
        db.session.add_all(many_callbacks(8, holders=(alice.id, bob.id)))
    paths = ["/callbacks", "/callbacks?sort=name", "/callbacks/rows?size=500", "/callbacks?q=reyes&holder=me"]
    few = [asked(path) for path in paths]
    with transaction():
        db.session.add_all(many_callbacks(2000, first=8, holders=(alice.id, bob.id, sofia.id)))
    assert [asked(path) for path in paths] == few
    assert max(few) <= 25
    one = db.session.scalar(sa.select(Callback.id).limit(1))
    assert asked(f"/callbacks/rows?ids={one}") <= 12, "each open list asks this when anything changes"


def test_single_rows_are_asked_for_by_name_and_only_those_that_are_in_the_list_come(alice: User, as_: As) -> None:
    here, gone = (
        make_callback("+306944000001"),
        make_callback("+306944000002", state=CallbackState.CLOSED, open_key=None),
    )
    other = make_callback("+306944000003")
    page = as_(alice).get(f"/callbacks/rows?ids={here.id},{gone.id}").text
    assert rows(page) == [str(here.id)]
    assert str(other.id) not in page
    assert 'data-found="2"' in page, "the counts are of the whole list"


@pytest.mark.parametrize("wrong", ["x", f"{UUID(int=1)},x", ",".join(str(UUID(int=i)) for i in range(101))])
def test_rows_that_cannot_be_asked_for(alice: User, as_: As, wrong: str) -> None:
    answer = as_(alice).get(f"/callbacks/rows?ids={wrong}", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert set(answer.json["error"]["fields"]) == {"ids"}


def test_details_tell_of_each_missed_call_and_of_each_attempt(alice: User, bob: User, as_: As) -> None:
    callback = make_callback(note="Asked for <b>Anna</b>.")
    missed = make_call(ringing=(alice, bob))
    tried = make_call(direction=Direction.OUTBOUND, result=Result.BUSY)
    with transaction():
        db.session.add(CallbackCall(call_id=missed.id, callback_id=callback.id))
        db.session.add(CallbackAttempt(call_id=tried.id, callback_id=callback.id, by_id=bob.id))
    page = as_(alice).get(f"/callbacks/{callback.id}/details").text
    assert "Asked for &lt;b&gt;Anna&lt;/b&gt;." in page
    assert "Alice Martin, Bob Keller" in page or "Bob Keller, Alice Martin" in page
    assert "Abandoned" in page
    assert "Busy" in page
    assert f"/calls/{missed.id}" in page
    assert f"/calls/{tried.id}" not in page, "Bob's to open"


def test_details_without_anything_say_that(alice: User, as_: As) -> None:
    page = as_(alice).get(f"/callbacks/{make_callback().id}/details").text
    assert "None is on record." in page
    assert "Nobody has tried yet." in page


def test_who_has_it_is_told_to_all(alice: User, bob: User, as_: As) -> None:
    make_callback("+306944000001", state=CallbackState.CLAIMED, claimed_by_id=alice.id, assigned_to_id=bob.id)
    assert "On it, for Bob Keller" in as_(alice).get("/callbacks").text
    page = as_(bob).get("/callbacks").text
    assert "Alice Martin" in page
    assert 'data-k="take"' not in page, "nobody else can claim it"


def test_only_who_may_assign_selects_many_and_sees_the_figures(alice: User, sofia: User, as_: As) -> None:
    make_callback()
    assert 'data-k="pick"' not in as_(alice).get("/callbacks").text
    page = as_(sofia).get("/callbacks").text
    assert 'data-k="pick"' in page
    assert "Promises kept" in page


def test_a_claim_is_kept_by_its_claimer_alone(alice: User, bob: User, as_: As) -> None:
    callback = make_callback()
    as_(alice).post(f"/callbacks/{callback.id}/claim")
    answer = as_(alice).post(f"/callbacks/{callback.id}/renew", headers={"Accept": "application/json"})
    assert answer.json is not None
    assert answer.json["until"] > now().isoformat()
    assert as_(bob).post(f"/callbacks/{callback.id}/renew", headers={"Accept": "application/json"}).status_code == 409


def test_by_name_whom_nobody_can_name_comes_last(alice: User) -> None:
    withheld = make_callback("withheld")
    with transaction():
        db.session.execute(sa.update(Callback).values(number=None, number_raw=""))
    number = make_callback("+306944000001")
    zoe, adam = make_callback("+306944000002", name_raw="Zoe"), make_callback("+306944000003", name_raw="Adam")
    filters = Filters(sort=Sort.NAME)
    found = listing.page(alice, filters).rows
    assert [row.id for row in found] == [adam.id, zoe.id, number.id, withheld.id]
    assert sorted(found, key=lambda row: order_key(row, filters, now())) == found
