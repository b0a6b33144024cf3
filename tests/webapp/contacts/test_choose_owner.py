"""Whose contact it is: chosen on the contact's form, seen on its page."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from tests.factories import make_callback, make_party
from webapp.accounts.actions import logged_in
from webapp.accounts.models import User
from webapp.contacts.actions import set_owner
from webapp.contacts.models import Party
from webapp.db import db, transaction
from webapp.tasks.jobs import find_owners
from webapp.tasks.models import Callback

As = Callable[[User], FlaskClient]
NUMBER = "+306944000001"
SENT = {"name": "Dana Reyes", "numbers-0-number": NUMBER}


@pytest.fixture
def dana() -> Party:
    return make_party("Dana Reyes", NUMBER)


def owner_of(party_id: UUID) -> UUID | None:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Party, party_id).owner_id


def leave(user: User) -> None:
    with transaction():
        db.session.merge(user).active = False


def test_alice_makes_dana_hers_and_everybody_sees_it(alice: User, bob: User, as_: As, dana: Party) -> None:
    form = as_(alice).get(f"/contacts/{dana.id}/edit").text
    assert f'<option selected value="">Nobody in particular</option><option value="{alice.id}">Alice Martin' in form
    answer = as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"owner": str(alice.id)})
    assert answer.status_code == 303
    assert owner_of(dana.id) == alice.id
    assert "<dt>Owner</dt><dd><bdi>Alice Martin</bdi></dd>" in as_(bob).get(f"/contacts/{dana.id}").text
    assert f'<option selected value="{alice.id}">' in as_(bob).get(f"/contacts/{dana.id}/edit").text


def test_and_what_waits_for_dana_comes_to_her(alice: User, as_: As, dana: Party) -> None:
    callback = make_callback(NUMBER, party_id=dana.id)
    with transaction():
        logged_in(db.session.merge(alice))
    as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"owner": str(alice.id)})
    find_owners()
    db.session.expire_all()
    assert db.session.get_one(Callback, callback.id).assigned_to_id == alice.id


def test_a_new_contact_can_have_an_owner_at_once(alice: User, bob: User, as_: As) -> None:
    answer = as_(alice).post(
        "/contacts/new", data=SENT | {"owner": str(bob.id)}, headers={"Accept": "application/json"}
    )
    assert answer.json is not None
    assert owner_of(UUID(answer.json["id"])) == bob.id


def test_nobody_in_particular_is_a_choice_and_no_word_of_it_changes_nothing(alice: User, as_: As, dana: Party) -> None:
    with transaction():
        set_owner(db.session.merge(dana), alice)
    as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT)
    assert owner_of(dana.id) == alice.id
    as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"owner": ""})
    assert owner_of(dana.id) is None


@pytest.mark.parametrize("chosen", ["bob", str(uuid4()), "1' OR 1=1"])
def test_only_an_employee_can_be_chosen(alice: User, as_: As, dana: Party, chosen: str) -> None:
    page = as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"name": "Other", "owner": chosen})
    assert page.status_code == 422
    assert 'href="#owner"' in page.text
    assert owner_of(dana.id) is None
    assert db.session.get_one(Party, dana.id).name == "Dana Reyes"


def test_who_has_left_is_no_choice(alice: User, bob: User, as_: As, dana: Party) -> None:
    leave(bob)
    assert "Bob Keller" not in as_(alice).get(f"/contacts/{dana.id}/edit").text
    page = as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"owner": str(bob.id)})
    assert "Bob Keller does not work here any more." in page.text
    assert owner_of(dana.id) is None


def test_but_stays_the_owner_until_another_is_chosen(alice: User, bob: User, as_: As, dana: Party) -> None:
    with transaction():
        set_owner(db.session.merge(dana), db.session.merge(bob))
    leave(bob)
    assert f'<option selected value="{bob.id}">Bob Keller' in as_(alice).get(f"/contacts/{dana.id}/edit").text
    answer = as_(alice).post(f"/contacts/{dana.id}/edit", data=SENT | {"owner": str(bob.id)})
    assert answer.status_code == 303
    assert owner_of(dana.id) == bob.id
