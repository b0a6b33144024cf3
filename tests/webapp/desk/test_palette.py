from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_party
from webapp.accounts import breaks
from webapp.accounts.models import User
from webapp.db import transaction

As = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("switch")


def found(browser: FlaskClient, typed: str = "") -> str:
    answer = browser.get("/palette", query_string={"q": typed})
    assert answer.status_code == 200
    return answer.text


def test_before_anything_is_typed_it_offers_pages_and_what_one_can_do(alice: User, as_: As) -> None:
    with transaction():
        breaks.plant()
    offered = found(as_(alice))
    for words in ("Desk", "Callbacks", "Available", "Take a break: Lunch", "Log out"):
        assert words in offered
    assert "/settings/queues" not in offered  # not hers


def test_a_name_finds_the_person_to_look_at_or_to_call_and_what_there_was_with_them(
    alice: User, bob: User, as_: As, switch: FakeSwitch
) -> None:
    dana = make_party("Dana Reyes", "+306944000001")
    own = make_call(party=dana, answered_by=alice)
    others = make_call(party=dana, answered_by=bob)
    make_callback("+306944000001", party_id=dana.id)
    offered = found(as_(alice), "dana")
    assert f'href="/contacts/{dana.id}"' in offered
    assert f'data-number="+306944000001" data-party="{dana.id}"' in offered
    assert f"/calls/{own.id}" in offered and f"/calls/{others.id}" not in offered
    assert "/callbacks?q=%2B306944000001" in offered
    assert "Log out" not in offered


def test_a_number_in_any_format_can_be_called(alice: User, as_: As) -> None:
    offered = found(as_(alice), "694 400-0009")
    assert 'data-number="+306944000009"' in offered


def test_accents_and_case_do_not_matter(alice: User, as_: As) -> None:
    make_party("Ελένη Οικονόμου", "+306944000002")
    assert "Ελένη" in found(as_(alice), "ελενη")
    assert "Take a break" not in found(as_(alice), "ÁVAIL") and "Available" in found(as_(alice), "ÁVAIL")


def test_who_has_no_phone_reads_so_at_the_call(sofia: User, as_: As) -> None:
    make_party("Dana Reyes", "+306944000001")
    assert 'data-refused="No phone is assigned to you.' in found(as_(sofia), "dana")


@pytest.mark.parametrize("typed", ["<script>x</script>", "\x00", "%", "_", "x" * 500, "'; drop table party; --"])
def test_what_finds_nothing_says_so(alice: User, as_: As, typed: str) -> None:
    make_party("Dana Reyes", "+306944000001")
    offered = found(as_(alice), typed)
    assert "<script>x" not in offered and "Dana" not in offered.replace("Dana Reyes", "Dana" if typed == "\x00" else "")


def test_it_asks_no_more_of_the_database_the_more_there_is(
    alice: User, as_: As, questions: Callable[[Callable[[], object]], int]
) -> None:
    browser = as_(alice)
    for n in range(2):
        make_party(f"Reyes {n}", f"+30694400001{n}")
    found(browser, "reyes")
    few = questions(lambda: found(browser, "reyes"))
    for n in range(2, 9):
        make_party(f"Reyes {n}", f"+30694400001{n}")
    assert questions(lambda: found(browser, "reyes")) <= few + 1
