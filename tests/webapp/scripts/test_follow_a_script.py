"""Alice goes through a script in a call: by branches, back again, and what she answers is kept with the call."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from telephony.events import CallsMerged, Direction
from tests.factories import make_call, make_party
from webapp.accounts.models import User
from webapp.calls import capture
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction
from webapp.scripts import script_rows as rows
from webapp.scripts.models import Script, ScriptRun

As = Callable[[User], FlaskClient]


def write(name: str = "Orders", queue: str = "sales", direction: str = "") -> Script:
    """A greeting that asks for the order's number; then an offer, or a complaint, which is the end."""
    with transaction():
        script = rows.save_script({"name": name, "queue": queue, "direction": direction, "opens": "1", "active": "1"})
        first = script.steps[0]
        offer = rows.save_step(script, {"title": "Offer", "text": "We have it in red, {customer}."})
        sorry = rows.save_step(
            script, {"title": "Complaint", "text": "Sorry!", "branch-0-label": "All right", "branch-0-to": "end"}
        )
        greeting = {
            "title": "Greeting", "text": "Good day, {agent} of {queue}.\nMay I have {nothing}?",
            "field-0-label": "Order number", "field-0-kind": "number", "field-0-required": "1",
            "branch-0-label": "Wants more", "branch-0-to": str(offer.id),
            "branch-1-label": "Complains", "branch-1-to": str(sorry.id),
        }  # fmt: skip
        rows.save_step(script, greeting, first)
    return script


@pytest.fixture
def call(app: object, alice: User) -> Call:
    return make_call(state=CallState.ANSWERED, answered_by=alice, party=make_party("Dana Reyes", "+306944000001"))


def title(page: str) -> str:
    return re.findall(r'script-title" tabindex="-1">([^<]*)<', page)[0]


def step(page: str) -> str:
    return re.findall(r'data-step="([^"]+)"', page)[0]


def number(page: str) -> str:
    """The name of the field for the order's number."""
    return re.findall(r'name="(answer-[^"]+)"', page)[0]


def run_of(call: Call) -> ScriptRun:
    db.session.rollback()
    return db.session.scalars(sa.select(ScriptRun).where(ScriptRun.call_id == call.id)).unique().one()


@pytest.mark.req("T24")
def test_she_says_what_stands_there_and_goes_on_by_what_the_customer_says(call: Call, alice: User, as_: As) -> None:
    write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    bar = browser.get("/desk/callbar").text
    assert 'data-script="opens"' in bar
    page = browser.get(url).text
    assert "Good day, Alice Martin of sales." in page
    assert "{nothing}" in page
    sent = {"step": step(page), number(page): "12"}
    page = browser.post(url, json=sent | {"way": "0"}).text
    assert (title(page), "in red, Dana Reyes." in page) == ("Offer", True)
    page = browser.post(url, json={"step": step(page), "way": "0"}).text  # without branches the next one follows
    assert title(page) == "Complaint"
    assert "The script is done" in browser.post(url, json={"step": step(page), "way": "0"}).text
    run = run_of(call)
    assert (run.done, [(answer.label, answer.value) for answer in run.answers]) == (True, [("Order number", "12")])
    assert "Script: Orders" in browser.get(f"/calls/{call.id}").text


def test_what_must_be_answered_is_refused_at_its_field(call: Call, alice: User, as_: As) -> None:
    write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    page = browser.get(url).text
    for typed in ("", "twelve"):
        answer = browser.post(url, json={"step": step(page), number(page): typed, "way": "1"})
        assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {number(page)})
    assert title(browser.get(url).text) == "Greeting"


def test_back_again_what_was_answered_stands_there_and_another_answer_replaces_it(
    call: Call, alice: User, as_: As
) -> None:
    write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    first = browser.get(url).text
    page = browser.post(url, json={"step": step(first), number(first): "12", "way": "1"}).text
    page = browser.post(f"{url}/back", json={"step": step(page)}).text
    assert (title(page), 'value="12"' in page) == ("Greeting", True)
    page = browser.post(url, json={"step": step(page), number(page): "13", "way": "0"}).text
    assert title(page) == "Offer"
    assert [answer.value for answer in run_of(call).answers] == ["13"]
    assert title(browser.post(f"{url}/restart", json={"step": step(page)}).text) == "Greeting"


def test_what_is_typed_is_kept_before_she_goes_on(call: Call, alice: User, as_: As) -> None:
    write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    page = browser.get(url).text
    assert browser.put(url, json={"step": step(page), number(page): "4"}).status_code == 204
    assert 'value="4"' in browser.get(url).text
    browser.put(url, json={"step": "another one", number(page): "5"})
    assert 'value="4"' in browser.get(url).text
    assert browser.put(url, json={"step": step(page), number(page): "4" * 20_001}).status_code == 422


def test_a_page_that_is_behind_is_told_so(call: Call, alice: User, as_: As) -> None:
    write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    page = browser.get(url).text
    sent = {"step": step(page), number(page): "12", "way": "0"}
    assert browser.post(url, json=sent).status_code == 200
    assert browser.post(url, json=sent).status_code == 409
    later = browser.get(url).text
    for way in ("7", "-1", "x"):
        first = browser.post(f"{url}/restart", json={"step": step(later)}).text
        assert browser.post(url, json={"step": step(first), number(first): "1", "way": way}).status_code == 409


@pytest.mark.parametrize(
    ("scripts", "chosen"),
    [
        ([("Any", "", ""), ("Sales", "sales", ""), ("Sales in", "sales", "inbound")], "Sales in"),
        ([("Any", "", ""), ("In", "", "inbound"), ("Support", "support", "inbound")], "In"),
        ([("Any", "", ""), ("Out", "", "outbound"), ("Sales out", "sales", "outbound")], "Any"),
        ([("Sales", "sales", ""), ("In", "", "inbound")], "Sales"),
    ],
)
def test_the_script_that_is_meant_most_exactly_is_the_one(
    call: Call, alice: User, as_: As, scripts: list[tuple[str, str, str]], chosen: str
) -> None:
    for name, queue, direction in scripts:
        write(name, queue, direction)
    assert f'<h2 class="grow ellipsis">{chosen}</h2>' in as_(alice).get(f"/calls/{call.id}/script").text


def test_without_a_script_there_is_no_button(alice: User, as_: As) -> None:
    write(queue="support")
    outbound = make_call(state=CallState.ANSWERED, answered_by=alice, direction=Direction.OUTBOUND)
    browser = as_(alice)
    assert "data-script" not in browser.get("/desk/callbar").text
    assert browser.get(f"/calls/{outbound.id}/script").status_code == 404


def test_a_step_that_is_gone_begins_again_and_what_was_answered_stays(call: Call, alice: User, as_: As) -> None:
    script = write()
    browser, url = as_(alice), f"/calls/{call.id}/script"
    page = browser.get(url).text
    browser.post(url, json={"step": step(page), number(page): "12", "way": "0"})
    with transaction():
        script = db.session.get_one(Script, script.id)
        rows.remove_step(script, script.steps[1])
    assert title(browser.get(url).text) == "Greeting"
    with transaction():
        rows.remove_script(db.session.get_one(Script, script.id))
    assert browser.get(url).status_code == 404
    assert "Order number" in browser.get(f"/calls/{call.id}").text


def test_what_was_answered_goes_with_the_call_into_another(call: Call, alice: User, as_: As) -> None:
    write()
    browser = as_(alice)
    other = make_call(state=CallState.ANSWERED, answered_by=alice)
    page = browser.get(f"/calls/{other.id}/script").text
    browser.post(f"/calls/{other.id}/script", json={"step": step(page), number(page): "12", "way": "0"})
    capture.record(CallsMerged(uid=call.uid, merged=other.uid, at=now()), switch="main")
    assert [answer.value for answer in run_of(call).answers] == ["12"]
