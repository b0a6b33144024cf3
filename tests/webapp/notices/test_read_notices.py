"""What somebody is told stands under the bell until they read it; nobody else sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from webapp import live
from webapp.accounts.models import User
from webapp.db import db, transaction
from webapp.notices import actions, queries
from webapp.notices.models import Notice

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
JSON = {"Accept": "application/json"}
As = Callable[[User], FlaskClient]


def tell(*users: User, key: str = "1", who: str = "Dana Reyes", minute: int = 0) -> None:
    facts = {"who": who, "number": "694 400 0001", "due_at": NINE.isoformat(), "queue": "sales", "has_it": ""}
    with transaction():
        people = [db.session.merge(user) for user in users]
        actions.notify(
            people,
            kind="callback.overdue",
            key=key,
            facts=facts,
            link="/callbacks",
            at=NINE + timedelta(minutes=minute),
        )


def notice_of(user: User) -> Notice:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(Notice).where(Notice.user_id == user.id)).one()


def test_each_is_told_once_whatever_how_often_it_is_said(app: Flask, alice: User, bob: User) -> None:
    for _ in range(3):
        tell(alice, bob, alice)
    assert [queries.how_many_unread(user) for user in (alice, bob)] == [1, 1]


def test_the_bell_counts_and_shows_what_is_unread_the_newest_first(alice: User, as_: As) -> None:
    for number in range(12):
        tell(alice, key=str(number), who=f"Caller {number}", minute=number)
    browser = as_(alice)
    badges = browser.get("/desk/badges").json
    assert badges is not None and badges["notices"] == 12
    page = browser.get("/notices/bell").text
    assert page.count("data-notice=") == 8
    assert page.index("Caller 11") < page.index("Caller 4")
    assert "Caller 3" not in page
    assert browser.get("/notices").text.count("data-notice=") == 12


def test_reading_one_leads_to_what_it_is_about(alice: User, as_: As) -> None:
    tell(alice)
    answer = as_(alice).post(f"/notices/{notice_of(alice).id}/read")
    assert (answer.status_code, answer.location) == (303, "/callbacks")
    assert notice_of(alice).read_at is not None
    assert queries.how_many_unread(alice) == 0
    assert "Dana Reyes" in as_(alice).get("/notices").text
    assert "Nothing new" in as_(alice).get("/notices/bell").text


def test_all_are_read_at_once_and_nobody_elses(alice: User, bob: User, as_: As) -> None:
    tell(alice, bob)
    assert as_(alice).post("/notices/read", headers=JSON).status_code == 204
    assert [queries.how_many_unread(user) for user in (alice, bob)] == [0, 1]


def test_nobody_reads_anothers(alice: User, bob: User, as_: As) -> None:
    tell(alice)
    assert as_(bob).post(f"/notices/{notice_of(alice).id}/read", headers=JSON).status_code == 404
    assert "Dana" not in as_(bob).get("/notices").text
    assert notice_of(alice).read_at is None


def test_hostile_names_are_words(alice: User, as_: As) -> None:
    tell(alice, who='<script>x</script> %(number)s %s {{ 7*7 }} " onload=x')
    page = as_(alice).get("/notices").text
    assert "<script>x" not in page
    assert "&lt;script&gt;x&lt;/script&gt; %(number)s %s {{ 7*7 }} &#34; onload=x" in page


def test_it_is_read_in_the_language_of_the_reader(alice: User, as_: As) -> None:
    tell(alice)
    with transaction():
        db.session.merge(alice).locale = "el"
    assert "Overdue" not in as_(alice).get("/notices").text
    with transaction():
        db.session.merge(alice).locale = "en"
    assert "Overdue: Dana Reyes" in as_(alice).get("/notices").text


def test_the_page_of_who_is_told_is_told_after_the_commit(
    app: Flask, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[tuple[str, object, list[object]]] = []
    monkeypatch.setattr(live, "push", lambda kind, payload, *, to: pushed.append((kind, payload, list(to))))
    tell(alice)
    assert pushed == [("desk", {"kind": "notices"}, [alice.id])]
    with pytest.raises(ZeroDivisionError), transaction():
        actions.notify([db.session.merge(bob)], kind="callback.overdue", key="x", facts={}, at=NINE)
        raise ZeroDivisionError
    assert len(pushed) == 1


def test_a_kind_that_no_version_knows_any_more_is_still_shown(alice: User, as_: As) -> None:
    with transaction():
        db.session.add(Notice(user_id=alice.id, kind="of.old", key="1", facts={"who": "Dana"}))
    assert "Something happened" in as_(alice).get("/notices").text
