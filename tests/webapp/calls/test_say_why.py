"""For every call the chain from what the switch said to what was on a screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from telephony.events import Caller, CallsMerged, CallStarted, Direction, LegRinging
from tests.factories import make_party
from webapp.accounts.models import User
from webapp.calls import capture, reasons
from webapp.calls.models import Call
from webapp.db import db, now

DANA = "+306944000001"


def ring(alice: User, number: str = "6944000001", *, uid: str = "1.0", withheld: bool = False) -> Call:
    at = now() - timedelta(milliseconds=40)
    caller = Caller(number, withheld=withheld)
    line = alice.lines[0].endpoint
    for event in (
        CallStarted(uid=uid, at=at, direction=Direction.INBOUND, customer=caller, did="2100000100"),
        LegRinging(uid=uid, at=at, leg=f"{uid}.1", line=line),
        LegRinging(uid=uid, at=at, leg=f"{uid}.2", line="PJSIP/kitchen"),
    ):
        capture.record(event, switch="main")
    return db.session.scalars(sa.select(Call).where(Call.uid == uid)).unique().one()


def texts(call: Call) -> list[str]:
    return [reason.text for reason in reasons.of(call)]


@pytest.mark.req("N5")
def test_from_the_trunk_to_alices_page_each_step_is_told(alice: User) -> None:
    make_party("Dana Reyes", DANA)

    told = texts(ring(alice))

    assert told[:3] == [
        "Inbound, since its first channel came from a trunk. It called 2100000100.",
        f"“6944000001”, read with the rules of GR, is {DANA}.",
        "Dana Reyes has this number, and nobody else.",
    ]
    rings = told.index(f"{alice.lines[0].endpoint} rings.")
    assert told[rings + 1] == f"{alice.lines[0].endpoint} is the phone of Alice Martin."
    assert "The pages of Alice Martin were told to look." in told
    assert "PJSIP/kitchen is nobody's phone here, so no page is told." in told


def test_telling_an_event_again_adds_no_step(alice: User) -> None:
    before = texts(ring(alice))

    assert texts(ring(alice)) == before


def test_a_withheld_number_is_in_no_step(alice: User) -> None:
    call = ring(alice, withheld=True)

    assert "The number is withheld, so nobody is looked for." in texts(call)
    assert "6944000001" not in repr(reasons.of(call))


def test_a_number_that_is_withheld_only_later_on_is_in_no_step_either(alice: User) -> None:
    make_party("Dana Reyes", DANA)
    call = ring(alice)
    private = Caller("6944000001", withheld=True)

    at = now()
    capture.record(
        CallStarted(uid="1.0", at=at, direction=Direction.INBOUND, customer=private, did="2100000100"), switch="main"
    )

    assert "The number is withheld, so nobody is looked for." in texts(call)
    assert "6944000001" not in repr(reasons.of(call))
    assert "Dana" not in repr(reasons.of(call))


def test_two_with_the_same_number_and_none_chosen_is_a_question(alice: User) -> None:
    make_party("Dana Reyes", DANA)
    make_party("Evi Reyes", DANA)

    assert "2 contacts have this number; none was chosen yet, so the card asks." in texts(ring(alice))


def test_the_steps_of_a_merged_call_are_kept(alice: User) -> None:
    ring(alice)
    ring(alice, uid="2.0")
    capture.record(CallsMerged(uid="1.0", merged="2.0", at=now()), switch="main")

    call = db.session.scalars(sa.select(Call)).unique().one()
    assert texts(call).count("Inbound, since its first channel came from a trunk. It called 2100000100.") == 2


def test_alices_page_says_when_it_showed_the_card_and_the_calls_page_says_why(
    alice: User, as_: Callable[[User], FlaskClient]
) -> None:
    call, browser = ring(alice), as_(alice)

    for _twice in range(2):
        sent = {"uid": str(call.id), "version": call.version, "ms": 31.4}
        assert browser.post("/live/painted", json=sent).status_code == 204

    page = browser.get(f"/calls/{call.id}").text
    assert page.count("The card was on the screen of Alice Martin.") == 1
    assert "31 ms" in page
    assert "Why it popped, or did not" in page
