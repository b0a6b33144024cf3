"""Erin is logged in on two devices: one of them is her phone, until it is gone or she uses the other one."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from telephony.commands import Rescue
from telephony.fake.ari import FakeAri
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call
from webapp.accounts import presence
from webapp.accounts.actions import logged_in, logged_out
from webapp.accounts.models import Line, User
from webapp.calls.models import Call, CallState
from webapp.db import db, now, transaction
from webapp.errors import Conflict
from webapp.live import socketio
from webapp.phones.actions import make, new_account
from webapp.phones.jobs import look_after_calls, put_away_accounts

As = Callable[[User], FlaskClient]
JSON = {"Accept": "application/json"}
OFFICE = UUID("6f1d0c7e-1111-4a52-9c55-0d0f3f6a8a01")
HOME = UUID("6f1d0c7e-2222-4a52-9c55-0d0f3f6a8a02")
TRAIN = UUID("6f1d0c7e-3333-4a52-9c55-0d0f3f6a8a03")
SAVED = Rescue("PJSIP/erin-0001", "PJSIP/erin", "sales")


@pytest.fixture(autouse=True)
def _here(erin: User, ari: FakeAri, switch: FakeSwitch) -> None:
    with transaction():
        logged_in(db.session.get_one(User, erin.id))


def ask(browser: FlaskClient, device: UUID, **values: str) -> TestResponse:
    return browser.post("/phone/account", data={"device": device, **values}, headers=JSON)


def holder(browser: FlaskClient, device: UUID) -> str:
    return str((browser.get(f"/phone/holder?device={device}", headers=JSON).json or {}).get("holder"))


def socket(app: Flask, browser: FlaskClient, device: object):  # type: ignore[no-untyped-def]
    return contextvars.Context().run(
        lambda: socketio.test_client(app, flask_test_client=browser, auth={"device": device})
    )


def line() -> Line:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(Line).where(Line.endpoint == "PJSIP/erin")).unique().one()


def pass_by(**time: float) -> None:
    """So much time goes by."""
    with transaction():
        held = line()
        if held.device_until is not None:
            held.device_until -= timedelta(**time)


def end(call: Call) -> None:
    with transaction():
        over = db.session.get_one(Call, call.id)
        over.state, over.ended_at = CallState.ENDED, now()
        for leg in over.legs:
            leg.ended_at = now()


def test_the_second_device_waits_and_the_first_keeps_its_registration(erin: User, as_: As, ari: FakeAri) -> None:
    browser = as_(erin)
    first = ask(browser, OFFICE).json
    answer = ask(browser, HOME)
    assert (answer.status_code, answer.json["error"]["message"]) == (409, "Your phone is on another device.")
    assert ari.objects["auth", "erin"]["password"] == first["password"]
    assert (holder(browser, OFFICE), holder(browser, HOME)) == ("here", "elsewhere")
    assert ask(browser, OFFICE).status_code == 200, "and renews its password"


def test_erin_uses_the_other_one_and_the_first_is_told(app: Flask, erin: User, as_: As, ari: FakeAri) -> None:
    browser = as_(erin)
    assert ask(browser, OFFICE).json["taken"] is False
    office = socket(app, as_(erin), str(OFFICE))
    office.get_received()
    answer = ask(browser, HOME, take="yes")
    assert (answer.status_code, answer.json["taken"]) == (200, True)
    assert ari.objects["auth", "erin"]["password"] == answer.json["password"]
    assert [message["args"] for message in office.get_received()] == [[{"kind": "phone"}]]
    assert (holder(browser, OFFICE), holder(browser, HOME)) == ("elsewhere", "here")
    assert ask(browser, OFFICE).status_code == 409, "it does not take it back by itself"


def test_renewing_tells_nobody(app: Flask, erin: User, as_: As) -> None:
    browser = as_(erin)
    ask(browser, OFFICE)
    home = socket(app, as_(erin), str(HOME))
    home.get_received()
    assert ask(browser, OFFICE).json["taken"] is False
    ask(browser, HOME)
    assert home.get_received() == []


def test_of_two_devices_that_take_it_at_once_the_later_one_has_it(erin: User, as_: As, ari: FakeAri) -> None:
    """Whichever of both the switch heard last: the other's password is in no page."""
    ask(as_(erin), OFFICE)
    user = db.session.get_one(User, erin.id)
    with transaction():
        early = new_account(user, HOME, take=True)
    with transaction():
        late = new_account(user, TRAIN, take=True)
    make(late)
    with pytest.raises(Conflict):
        make(early)
    assert holder(as_(erin), TRAIN) == "here"
    told = ask(as_(erin), TRAIN).json
    assert ari.objects["auth", "erin"]["password"] == told["password"], "its page is refused, and asks anew"


@pytest.mark.parametrize(
    ("state", "why"), [(CallState.ANSWERED, "You are in a call"), (CallState.RINGING, "A call rings")]
)
def test_nothing_is_taken_from_a_device_in_a_call(
    erin: User, as_: As, ari: FakeAri, switch: FakeSwitch, state: CallState, why: str
) -> None:
    browser = as_(erin)
    first = ask(browser, OFFICE).json
    call = make_call(state=state, ringing=(erin,), answered_by=erin if state is CallState.ANSWERED else None)
    pass_by(minutes=2)  # its socket is gone; its call is not
    answer = ask(browser, HOME, take="yes")
    assert answer.status_code == 409
    assert answer.json["error"]["message"].startswith(why)
    assert holder(browser, HOME) == "elsewhere"
    assert ari.objects["auth", "erin"]["password"] == first["password"]
    assert switch.commands == []
    end(call)
    assert ask(browser, HOME, take="yes").status_code == 200


def test_taking_the_phone_rescues_nobody(erin: User, as_: As, ari: FakeAri, switch: FakeSwitch) -> None:
    """Somebody rings at the very moment: who has it talks on, and the sweep sees a phone that is there."""
    browser = as_(erin)
    ask(browser, OFFICE)
    ask(browser, HOME, take="yes")
    make_call(state=CallState.ANSWERED, answered_by=erin)
    at = now()
    for seconds in (0, 5, 60):
        look_after_calls(at + timedelta(seconds=seconds))
    assert switch.commands == []


def test_a_page_that_died_in_a_call_does_not_keep_erin_from_the_rescued_customer(
    erin: User, as_: As, ari: FakeAri, switch: FakeSwitch
) -> None:
    browser = as_(erin)
    ask(browser, OFFICE)
    make_call(state=CallState.ANSWERED, answered_by=erin)
    ari.away.add("erin")
    at = now()
    look_after_calls(at)
    look_after_calls(at + timedelta(seconds=5))
    assert switch.commands == [SAVED]
    assert ask(browser, HOME, take="yes").status_code == 200


def test_a_device_that_is_gone_holds_nothing(erin: User, as_: As) -> None:
    browser = as_(erin)
    ask(browser, OFFICE)
    pass_by(seconds=61)
    assert holder(browser, HOME) == "nobody"
    assert ask(browser, HOME).status_code == 200, "nobody had to be asked"
    assert ask(browser, OFFICE).status_code == 409


def test_an_open_page_keeps_the_phone_and_a_closed_one_lets_it_go(app: Flask, erin: User, as_: As) -> None:
    browser = as_(erin)
    ask(browser, OFFICE)
    tabs = [socket(app, as_(erin), str(OFFICE)) for _ in range(2)]
    pass_by(seconds=50)
    presence.beat()
    pass_by(seconds=50)
    assert holder(browser, HOME) == "elsewhere"
    presence.beat()
    before = line().device_until
    tabs.pop().disconnect()
    assert line().device_until == before, "there is another tab"
    presence.beat()
    tabs.pop().disconnect()
    assert holder(browser, HOME) == "elsewhere", "it may only be loaded anew"
    assert line().device_until <= now() + presence.RELOADS
    presence.beat()
    pass_by(seconds=presence.RELOADS.total_seconds())
    assert holder(browser, HOME) == "nobody"


def test_a_page_that_is_connected_again_keeps_it_at_once(app: Flask, erin: User, as_: As) -> None:
    """After a restart of the server, say: no device that waits is to be faster than the next beat."""
    ask(as_(erin), OFFICE)
    pass_by(seconds=59)
    page = socket(app, as_(erin), str(OFFICE))
    assert line().device_until > now() + timedelta(seconds=50)
    page.disconnect()


def test_to_close_a_page_prolongs_nothing(app: Flask, erin: User, as_: As) -> None:
    ask(as_(erin), OFFICE)
    page = socket(app, as_(erin), str(OFFICE))
    pass_by(seconds=50)
    before = line().device_until
    page.disconnect()
    assert line().device_until == before


def test_another_devices_page_does_not_keep_it(app: Flask, erin: User, alice: User, as_: As) -> None:
    browser = as_(erin)
    ask(browser, OFFICE)
    before = line().device_until
    others = [socket(app, as_(erin), str(HOME)), socket(app, as_(alice), str(OFFICE))]
    presence.beat()
    assert line().device_until == before
    for other in others:
        other.disconnect()
    assert line().device_until == before


@pytest.mark.parametrize("device", [None, 7, "", "the office", ["x"], {"device": {}}])
def test_a_device_that_is_none_listens_all_the_same(app: Flask, erin: User, as_: As, device: object) -> None:
    page = socket(app, as_(erin), device)
    assert page.is_connected()
    page.disconnect()


def test_who_logs_out_has_it_at_the_next_desk_at_once(erin: User, as_: As) -> None:
    ask(as_(erin), OFFICE)
    with transaction():
        logged_out(db.session.get_one(User, erin.id))
    assert line().device is None
    with transaction():
        logged_in(db.session.get_one(User, erin.id))
    assert ask(as_(erin), HOME).status_code == 200


def test_who_logs_out_on_one_device_has_a_phone_where_a_page_is_still_open(erin: User, as_: As, ari: FakeAri) -> None:
    browser = as_(erin)
    ask(browser, HOME)
    with transaction():
        logged_out(db.session.get_one(User, erin.id))
    put_away_accounts()
    assert (ari.objects, holder(browser, HOME)) == ({}, "nobody")
    assert ask(browser, HOME).status_code == 200
    put_away_accounts()
    assert ari.names() == ["erin"]
    pass_by(seconds=61)  # that page is closed as well
    put_away_accounts()
    assert ari.objects == {}


def test_an_account_that_no_page_renewed_is_nobodys(erin: User, as_: As) -> None:
    ask(as_(erin), OFFICE)
    assert line().device == OFFICE
    put_away_accounts(now() + timedelta(minutes=61))
    assert holder(as_(erin), HOME) == "nobody"


def test_a_program_without_a_device_takes_it_from_nobody_and_gives_way_to_a_page(erin: User, as_: As) -> None:
    browser = as_(erin)
    assert browser.post("/phone/account", headers=JSON).status_code == 200
    assert ask(browser, OFFICE).status_code == 200
    assert browser.post("/phone/account", headers=JSON).status_code == 409
    answer = browser.post("/phone/account", data={"take": "yes"}, headers=JSON)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["device"])
    assert holder(browser, OFFICE) == "here"


def test_a_device_that_cannot_be_one_is_named(erin: User, as_: As, ari: FakeAri) -> None:
    answer = as_(erin).post("/phone/account", data={"device": "the office"}, headers=JSON)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["device"])
    assert as_(erin).get("/phone/holder?device=x", headers=JSON).status_code == 422
    assert ari.objects == {}


def test_the_phone_bar_and_the_check_offer_it_where_the_page_is_the_phone(erin: User, alice: User, as_: As) -> None:
    hers, desk = as_(erin), as_(alice)
    bar, check = hers.get("/desk/callbar").text, hers.get("/phone/check").text
    assert 'id="cb-taken" aria-label="Your phone is on another device" hidden' in bar
    assert 'data-act="take-phone">Use here<' in bar
    assert 'data-do="take" hidden>Use here<' in check
    assert "take" not in steps_of(desk.get("/phone/check").text) and "cb-taken" not in desk.get("/desk/callbar").text


def steps_of(page: str) -> set[str]:
    """What can be pressed there."""
    return {part.partition('"')[0] for part in page.split('data-do="')[1:]}
