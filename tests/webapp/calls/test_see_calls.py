from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from telephony.events import Direction, Result
from tests.factories import make_call, make_party
from webapp import paging
from webapp.accounts.models import User
from webapp.calls import queries
from webapp.calls.models import Call
from webapp.calls.queries import Filters
from webapp.db import db, now, transaction
from webapp.errors import NotFound


def seen(user: User, **filters: object) -> set[str]:
    return {call.uid for call in queries.log(user, Filters(**filters)).rows}  # type: ignore[arg-type]


def test_an_agent_sees_the_calls_of_their_own_phone_and_no_others(alice: User, bob: User, charlie: User) -> None:
    both = make_call(ringing=(alice,), answered_by=bob)
    asked = make_call(direction=Direction.OUTBOUND, requested_by_id=alice.id)
    make_call(answered_by=charlie)
    make_call()  # nobody's phone rang
    assert seen(alice) == {both.uid, asked.uid}
    with pytest.raises(NotFound):
        queries.call_for(charlie, both.id)


def test_a_supervisor_sees_the_team_and_every_caller_whom_nobody_talked_to(
    alice: User, charlie: User, sofia: User
) -> None:
    of_the_team = make_call(answered_by=alice)
    make_call(answered_by=charlie)
    missed = make_call()
    assert seen(sofia) == {of_the_team.uid, missed.uid}


def test_a_head_of_another_team_sees_that_team(charlie: User, sofia: User) -> None:
    call = make_call(answered_by=charlie)
    assert charlie.team is not None
    with transaction():
        charlie.team.head_id = sofia.id
    assert call.uid in seen(sofia)


def test_a_supervisor_without_a_team_has_no_team(person: Callable[..., User]) -> None:
    alone, stray = person("nora", "Nora", role="supervisor"), person("stray", "Stray Agent")
    make_call(answered_by=stray)
    assert seen(alone) == set()


def test_an_administrator_sees_all(alice: User, person: Callable[..., User]) -> None:
    admin = person("adam", "Adam", role="admin", lines=())
    calls = {make_call(answered_by=alice).uid, make_call().uid}
    assert seen(admin) == calls


def test_calls_are_filtered(alice: User) -> None:
    dana = make_party("Δανάη Ρήγα", "+306944000001")
    taken = make_call(answered_by=alice, party=dana, name_raw="DANAI")
    missed = make_call(number="+442079460958", ringing=(alice,))
    placed = make_call(
        direction=Direction.OUTBOUND, requested_by_id=alice.id, result=Result.BUSY, number="+302101234567"
    )
    assert seen(alice, direction=Direction.INBOUND) == {taken.uid, missed.uid}
    assert seen(alice, result="missed") == {missed.uid}
    assert seen(alice, result="busy") == {placed.uid}
    assert seen(alice, q="δαναη") == {taken.uid}
    assert seen(alice, q="danai") == {taken.uid}
    assert seen(alice, q="020 7946") == {missed.uid}
    assert seen(alice, q="210 123 4567") == {placed.uid}
    assert seen(alice, q="%") == set()


def test_mine_leaves_out_the_teams(alice: User, sofia: User) -> None:
    make_call(answered_by=alice)
    assert seen(sofia, mine=True) == set()


def test_the_log_is_read_page_by_page_and_keeps_its_filters(
    alice: User, as_: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in range(paging.PAGE + 1):
        make_call(answered_by=alice, number=f"+3021012300{minutes:02}", started_at=now() - timedelta(minutes=minutes))
    browser = as_(alice)
    first = browser.get("/calls?direction=inbound&q=210").text
    after = queries.log(alice, Filters(direction=Direction.INBOUND)).after
    assert f"direction=inbound&amp;after={after}" in first.replace("%3D", "=")
    assert f"+3021012300{paging.PAGE}" not in first
    assert f"+3021012300{paging.PAGE}" in browser.get(f"/calls?direction=inbound&after={after}").text


@pytest.mark.parametrize("query", ["direction=x", "result=nonsense", "q=%00%27", "mine=maybe", "q=%25"])
def test_a_strange_address_shows_a_page(alice: User, as_: Callable[[User], FlaskClient], query: str) -> None:
    assert as_(alice).get(f"/calls?{query}").status_code == 200


def test_hostile_names_are_shown_and_not_executed(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    name = "<script>alert(1)</script>\"'\u202e" + "x" * 10_000
    call = make_call(answered_by=alice, name_raw=name, number=None)
    with transaction():
        db.session.get_one(Call, call.id).number_raw = "<img src=x>"
    browser = as_(alice)
    for page in (browser.get("/calls").text, browser.get(f"/calls/{call.id}").text, browser.get("/desk/callbar").text):
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_calls_page_tells_its_course(alice: User, bob: User, as_: Callable[[User], FlaskClient]) -> None:
    call = make_call(ringing=(alice,), answered_by=bob)
    page = as_(alice).get(f"/calls/{call.id}").text
    for words in ("Sales line", "Alice Martin", "Bob Keller answers", "694 400 0001"):
        assert words in page


def test_a_colleagues_call_does_not_exist(alice: User, charlie: User, as_: Callable[[User], FlaskClient]) -> None:
    call = make_call(answered_by=alice)
    browser = as_(charlie)
    for address in (f"/calls/{call.id}", f"/calls/{uuid4()}"):
        assert browser.get(address).status_code == 404
    for method, address in (
        ("POST", "answer"), ("POST", "hangup"), ("PUT", "notes"), ("POST", "disposition"), ("POST", "party"),
    ):  # fmt: skip
        sent = {"text": "x", "disposition": "sale", "party": str(uuid4())}
        assert browser.open(f"/calls/{call.id}/{address}", method=method, json=sent).status_code == 404


def test_the_log_asks_no_more_of_the_database_when_it_is_longer(
    alice: User, as_: Callable[[User], FlaskClient], questions: Callable[[Callable[[], object]], int]
) -> None:
    def add(first: int, last: int) -> None:
        for number in range(first, last):
            party = make_party(f"Party {number}", f"+3069440001{number:02}")
            make_call(answered_by=alice, party=party, number=f"+3069440001{number:02}")

    browser = as_(alice)
    add(0, 2)
    few = questions(lambda: browser.get("/calls"))
    add(2, 22)
    assert questions(lambda: browser.get("/calls")) == few


def test_nobody_sees_calls_without_logging_in(client: FlaskClient) -> None:
    call: Call = make_call()
    for address in ("/calls", f"/calls/{call.id}", "/desk", "/desk/callbar", "/live/since?v=0"):
        assert client.get(address, headers={"Accept": "application/json"}).status_code == 401
