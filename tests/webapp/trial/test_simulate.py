"""Who calls whom, and what the phones do: decided by dice, here with dice that are known."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from telephony.numbers import e164
from webapp.trial.people import cast
from webapp.trial.phones import FOREVER, Behaviour, answers, customer, desk_phone
from webapp.trial.traffic import Customer, _identity, busy_agents, plan_call

KNOWN = [(f"+3069{i:08d}", f"Πελάτης {i}") for i in range(50)]


def test_whoever_waited_longest_is_called() -> None:
    for seed in range(50):
        plan = plan_call(cast(), {"alice": 5.0, "bob": 60.0, "dora": 20.0}, KNOWN, Random(seed))
        assert plan.did in (cast().did("bob"), cast().did("sales"))


def test_agents_who_are_on_the_phone_are_left_alone() -> None:
    for seed in range(50):
        assert plan_call(cast(), {"dora": 1.0}, KNOWN, Random(seed)).did in (cast().did("dora"), cast().did("support"))


def test_customers_are_known_unknown_withheld_and_impatient() -> None:
    dice = Random(1)
    plans = [plan_call(cast(), {"alice": 5.0}, KNOWN, dice) for _ in range(500)]
    numbers = {number for number, _ in KNOWN}
    kinds = Counter(
        "withheld" if plan.customer.withheld else "known" if plan.customer.number in numbers else "unknown"
        for plan in plans
    )
    assert kinds["known"] > kinds["unknown"] > kinds["withheld"] > 10
    assert 40 < sum(plan.patience < 10 for plan in plans) < 120
    assert all(plan.patience > 4 for plan in plans)


def test_without_known_customers_strangers_call_whom_one_can_call_back() -> None:
    for seed in range(200):
        stranger = plan_call(cast(), {"alice": 5.0}, [], Random(seed)).customer
        assert stranger.withheld or e164(stranger.number, "GR") == stranger.number


def test_a_colleagues_phone_leaves_time_to_be_quicker() -> None:
    dice = Random(1)
    habits = [desk_phone(dice) for _ in range(500)]
    assert min(habit.ring for habit in habits) >= 6
    answered = sum(habit.ring < FOREVER and habit.code == 200 for habit in habits)
    assert 0.55 < answered / len(habits) < 0.75
    assert all(habit.own_ring <= 3 and habit.own_code == 200 for habit in habits)


def test_customers_who_are_called_back_answer_are_busy_or_do_not_hear() -> None:
    dice = Random(1)
    habits = Counter((habit.code, habit.ring == FOREVER) for habit in (customer(dice) for _ in range(300)))
    assert set(habits) == {(200, False), (200, True), (486, False)}


def test_a_behaviour_is_a_line_in_tenths_of_a_second() -> None:
    assert answers(after=0.5, stay=3).row() == "5;200;5;200;30"
    assert Behaviour(6.04, 603, 8, 1.5).row() == "60;603;15;200;80"


def test_who_is_busy_is_read_from_the_channels() -> None:
    concise = "PJSIP/alice-0000001!from-agents!\nPJSIP/trunk-00000002!from-trunk!PJSIP/bob-1\nPJSIP/dora-00000003!x!\n"
    assert busy_agents(concise) == {"alice", "dora"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (Customer("+301", 'Ann "Q" \\ O'), '"Ann \\"Q\\" \\\\ O" <sip:+301@127.0.0.2>'),
        (Customer("+301", "A\r\nB\x00C"), '"A B C" <sip:+301@127.0.0.2>'),
        (Customer("1\r\nEvent: x@y>", ""), '"" <sip:1%0D%0AEvent%3A%20x%40y%3E@127.0.0.2>'),
        (Customer("", withheld=True), '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        (Customer("+301", "Ann", withheld=True), '"Anonymous" <sip:anonymous@anonymous.invalid>'),
    ],
)
def test_nothing_in_a_name_or_number_breaks_out_of_its_header(given: Customer, sent: str) -> None:
    assert _identity(given)["from"] == sent
