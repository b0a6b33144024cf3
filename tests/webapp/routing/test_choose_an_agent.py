"""Who gets whom: priority before patience, ability before idleness, and nobody twice before everybody once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.routing.decision import Agent, Caller, match

pytestmark = pytest.mark.req("T26")

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALICE, BOB, CHARLIE = (UUID(int=n) for n in (1, 2, 3))


def caller(name: str, waits: int = 0, **facts: object) -> Caller:
    return Caller(name, "sales", NINE - timedelta(seconds=waits), **facts)  # type: ignore[arg-type]


def agent(who: UUID, idle: int = 0, **skills: int) -> Agent:
    return Agent(who, f"Client/{who.int}", NINE - timedelta(seconds=idle), skills)


def pairs(callers: list[Caller], agents: list[Agent]) -> list[tuple[str, UUID]]:
    return [(found.caller.uid, found.agent.id) for found in match(callers, agents)]


def test_who_waits_longest_gets_who_is_idle_longest() -> None:
    found = pairs([caller("dana", 10), caller("eve", 50)], [agent(ALICE, 5), agent(BOB, 60)])
    assert found == [("eve", BOB), ("dana", ALICE)]


def test_a_caller_of_more_weight_is_first_however_long_others_wait() -> None:
    assert pairs([caller("dana", 500), caller("eve", 1, priority=5)], [agent(ALICE)]) == [("eve", ALICE)]


def test_only_who_can_take_a_caller_gets_them_and_the_ablest_first() -> None:
    greek = caller("dana", needs={"greek": 3})
    assert pairs([greek], [agent(ALICE, 99, greek=2), agent(BOB, 50, greek=4), agent(CHARLIE, 1, greek=8)]) == [
        ("dana", CHARLIE)
    ]
    assert pairs([greek], [agent(ALICE, 99, german=9)]) == []


def test_a_caller_whom_nobody_can_take_holds_up_nobody() -> None:
    found = pairs([caller("dana", 99, needs={"greek": 1}), caller("eve")], [agent(ALICE)])
    assert found == [("eve", ALICE)]


def test_who_did_not_pick_up_is_asked_again_only_after_the_others() -> None:
    dana = caller("dana", rung={ALICE: 1})
    assert pairs([dana], [agent(ALICE, 99), agent(BOB, 1)]) == [("dana", BOB)]
    assert pairs([dana], [agent(ALICE)]) == [("dana", ALICE)]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 3), st.booleans()), max_size=8),
    st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=8),
)
def test_nobody_is_given_twice_and_nobody_waits_while_somebody_could_come(
    waiting: list[tuple[int, int, bool]], free: list[tuple[int, bool]]
) -> None:
    callers = [
        caller(str(n), waits, priority=priority, needs={"greek": 1} if greek else {})
        for n, (waits, priority, greek) in enumerate(waiting)
    ]
    agents = [agent(UUID(int=n), idle, **({"greek": 5} if greek else {})) for n, (idle, greek) in enumerate(free)]
    found = match(callers, agents)
    assert len({each.agent.id for each in found}) == len({each.caller.uid for each in found}) == len(found)
    left = [each for each in agents if each.id not in {pair.agent.id for pair in found}]
    alone = [each for each in callers if each.uid not in {pair.caller.uid for pair in found}]
    assert not any(someone.can_take(nobody) for someone in left for nobody in alone)
