"""What stands in an agent's call bar: every call in which their own phone takes part, and nothing of any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from telephony.events import Direction, LegResult
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_disposition, make_party
from webapp.accounts.models import User
from webapp.calls.actions import choose_party
from webapp.calls.models import Call, CallState
from webapp.calls.queries import SHOWN_FOR
from webapp.contacts.actions import Details, Phone, add_party
from webapp.db import db, now, transaction
from webapp.desk.cards import Card, cards_of


def ringing(*agents: User, **more: object) -> Call:
    return make_call(state=CallState.RINGING, ringing=agents, started_at=now(), **more)  # type: ignore[arg-type]


def states(user: User) -> list[tuple[str, str]]:
    return [(card.call.uid, card.call.state) for card in cards_of(user)]


def card_of(user: User) -> Card:
    (card,) = cards_of(user)
    return card


@pytest.fixture(autouse=True)
def a_switch(switch: FakeSwitch) -> FakeSwitch:
    return switch


def test_it_rings_at_alice_and_bob_and_charlie_hears_nothing(
    alice: User, bob: User, charlie: User, as_: Callable[[User], FlaskClient]
) -> None:
    call = ringing(alice, bob)
    assert states(alice) == states(bob) == [(str(call.id), "ringing")]
    assert card_of(alice).also_ringing == ["Bob Keller"]
    assert cards_of(charlie) == []
    bar = as_(charlie).get("/desk/callbar").text
    assert str(call.id) not in bar
    assert "+30" not in bar
    assert "694" not in bar
    assert as_(charlie).get(f"/calls/{call.id}").status_code == 404


def test_a_supervisor_who_may_see_the_call_has_no_card_of_it(alice: User, sofia: User) -> None:
    ringing(alice)
    assert cards_of(sofia) == []


def test_the_card_tells_who_where_and_how_long(alice: User) -> None:
    with transaction():
        dana = add_party(Details("Dana Reyes", company="Acme", phones=[Phone("6944000001")], note="Prefers mornings"))
    earlier = make_call(answered_by=None, party=dana, started_at=now() - timedelta(days=1))
    make_callback("+306944000001")
    ringing(alice, party=dana)
    card = card_of(alice)
    assert card.party is not None
    assert (card.party.name, card.party.company, card.party.note) == ("Dana Reyes", "Acme", "Prefers mornings")
    assert (card.call.number_display, card.call.queue, card.call.did_label) == ("694 400 0001", "sales", "Sales line")
    assert [row.uid for row in card.last_calls] == [str(earlier.id)]
    assert (card.calls_in_7_days, card.open_tasks, card.matches) == (1, 1, [])
    assert card.call.can_answer


def test_the_last_three_calls_are_shown_the_newest_first(alice: User, bob: User) -> None:
    earlier = [make_call(answered_by=bob, started_at=now() - timedelta(days=days)) for days in (4, 1, 3, 2)]
    ringing(alice)
    days = {str(call.id): number for call, number in zip(earlier, (4, 1, 3, 2), strict=True)}
    assert [days[row.uid] for row in card_of(alice).last_calls] == [1, 2, 3]
    assert {row.url for row in card_of(alice).last_calls} == {None}  # Bob's


def test_several_with_the_number_are_a_choice_the_last_talked_to_first(alice: User, bob: User) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    eli = make_party("Eli Reyes", "+306944000001")
    earlier = make_call(answered_by=bob)
    with transaction():
        choose_party(db.session.get_one(Call, earlier.id), eli, by=bob)
    with transaction():
        db.session.get_one(Call, earlier.id).party_id = eli.id
    ringing(alice, number="+306944000001")
    card = card_of(alice)
    assert [match.name for match in card.matches] == ["Eli Reyes", "Dana Reyes"]
    assert card.party is not None
    assert card.party.id == eli.id  # remembered from last time
    assert dana.id in {match.id for match in card.matches}


def test_nobody_is_chosen_for_a_shared_number_that_nobody_chose_for(alice: User) -> None:
    make_party("Dana Reyes", "+306944000001")
    make_party("Eli Reyes", "+306944000001")
    ringing(alice)
    assert card_of(alice).party is None
    assert len(card_of(alice).matches) == 2


def test_an_unknown_number_offers_a_new_contact_and_a_withheld_one_says_so(
    alice: User, bob: User, as_: Callable[[User], FlaskClient]
) -> None:
    ringing(alice, number="+442079460958")
    bar = as_(alice).get("/desk/callbar").text
    assert 'action="/contacts"' in bar
    assert 'value="+442079460958"' in bar
    ringing(bob, number=None)
    bar = as_(bob).get("/desk/callbar").text
    assert "withheld" in bar
    assert 'action="/contacts"' not in bar


def test_when_bob_answers_alices_card_says_so_and_goes(
    alice: User, bob: User, as_: Callable[[User], FlaskClient]
) -> None:
    call = make_call(state=CallState.ANSWERED, ringing=(alice,), answered_by=bob, started_at=now())
    with transaction():
        leg = db.session.get_one(Call, call.id).leg_of(alice.id)
        assert leg is not None
        leg.ended_at, leg.result = now(), LegResult.ANSWERED_ELSEWHERE
    card = card_of(alice)
    assert (card.call.state, card.answered_elsewhere_by) == ("answered_elsewhere", "Bob Keller")
    assert card.expires_in is not None
    assert card.expires_in <= 5.2
    assert "Answered by Bob Keller" in as_(alice).get("/desk/callbar").text
    assert cards_of(alice, now() + timedelta(seconds=6)) == []
    assert states(bob) == [(str(call.id), "answered")]


def test_a_phone_that_rings_for_longer_than_phones_do_is_a_ghost(alice: User) -> None:
    make_call(state=CallState.RINGING, ringing=(alice,), started_at=now() - timedelta(minutes=3, seconds=1))
    assert cards_of(alice) == []


def test_a_caller_who_gives_up_is_shown_for_a_moment(alice: User) -> None:
    call = make_call(ringing=(alice,), started_at=now() - timedelta(seconds=66))
    assert states(alice) == [(str(call.id), "unanswered")]
    assert cards_of(alice, now() + timedelta(seconds=6)) == []


def test_how_long_a_card_stays_is_said_in_one_place(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHOWN_FOR, "unanswered", timedelta(seconds=30))
    make_call(ringing=(alice,), started_at=now() - timedelta(seconds=65))
    (card,) = cards_of(alice, now() + timedelta(seconds=20))
    assert card.expires_in is not None
    assert 9 < card.expires_in < 11
    assert cards_of(alice, now() + timedelta(seconds=31)) == []


def test_a_call_that_goes_on_with_a_colleague_is_wrap_up_for_alice(alice: User, bob: User) -> None:
    make_disposition("sale", "Sale")
    call = make_call(state=CallState.ANSWERED, ringing=(bob,), answered_by=alice, started_at=now())
    with transaction():
        for leg in db.session.get_one(Call, call.id).legs:
            if leg.user_id == alice.id:
                leg.ended_at = now()
            else:
                leg.answered_at = now()
    assert states(alice) == [(str(call.id), "wrap_up")]
    assert states(bob) == [(str(call.id), "answered")]
    form = card_of(alice).form
    assert form is not None
    assert [(choice.code, choice.key) for group in form.groups for choice in group.choices] == [("sale", 1)]


def test_a_call_that_alice_asked_for_stands_there_at_once_and_not_for_ever(alice: User) -> None:
    call = make_call(
        state=CallState.REQUESTED, direction=Direction.OUTBOUND, requested_by_id=alice.id, started_at=now()
    )
    assert states(alice) == [(str(call.id), "requested")]
    assert cards_of(alice, now() + timedelta(seconds=61)) == []


def test_what_needs_alice_now_comes_first(alice: User) -> None:
    done = make_call(answered_by=alice, started_at=now() - timedelta(minutes=2))
    rings = ringing(alice, number="+306944000002")
    assert states(alice) == [(str(rings.id), "ringing"), (str(done.id), "wrap_up")]


def test_alices_second_phone_does_not_hide_that_she_answered_at_the_first(alice: User) -> None:
    call = make_call(state=CallState.ANSWERED, answered_by=alice, started_at=now())
    with transaction():
        row = db.session.get_one(Call, call.id)
        second = type(row.legs[0])(uid="second", line="PJSIP/alice-home", rang_at=now(), user_id=alice.id)
        second.ended_at, second.result, second.talk_seconds = now(), LegResult.ANSWERED_ELSEWHERE, 0.0
        row.legs.append(second)
    card = card_of(alice)
    assert card.call.state == "answered"
    assert card.call.line == "PJSIP/alice"


def test_more_cards_ask_no_more_questions(alice: User, questions: Callable[[Callable[[], object]], int]) -> None:
    def rings(*numbers: int) -> None:
        for number in numbers:
            party = make_party(f"Party {number}", f"+30694400010{number}")
            make_call(party=party, number=f"+30694400010{number}")
            ringing(alice, party=party, number=f"+30694400010{number}")
        db.session.rollback()

    def count() -> int:
        db.session.rollback()
        db.session.expunge_all()
        reader = db.session.get_one(User, alice_id)
        return questions(lambda: cards_of(reader))

    alice_id = alice.id
    rings(1)
    one = count()
    db.session.add(alice)
    rings(2, 3, 4)
    assert count() == one
    assert one <= 16


def test_the_bar_is_in_every_page_from_the_start(alice: User, as_: Callable[[User], FlaskClient]) -> None:
    call = ringing(alice)
    browser = as_(alice)
    for page in ("/desk", "/contacts", "/calls", "/callbacks", "/contacts/new", "/no/such/page"):
        assert f'id="card-{call.id}"' in browser.get(page).text, page


def test_a_long_call_stays_in_the_bar_however_many_came_after_it(alice: User) -> None:
    talk = make_call(state=CallState.ANSWERED, answered_by=alice, started_at=now() - timedelta(hours=2))
    for minutes in range(1, 10):
        make_call(answered_by=alice, started_at=now() - timedelta(minutes=minutes + 2))
    assert states(alice)[0] == (str(talk.id), "answered")
