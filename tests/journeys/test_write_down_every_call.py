"""Every way in which a call can go on a PBX, played on a real one, and what the product has of it afterwards.

The stories of a group are played all at once; each says what truly happened, and Asterisk's own record is asked too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest

from tests.journeys.stories import callers, outbound, phones, queues, transfers
from tests.lab.stage import Play, Stage, Story
from webapp.trial.install import Installation

pytestmark = [pytest.mark.journey, pytest.mark.patient]

GROUPS = {
    "queues": queues.STORIES,
    "phones": phones.STORIES,
    "transfers": transfers.STORIES,
    "outbound": outbound.STORIES,
    "callers": callers.STORIES,
}


@pytest.fixture(scope="module")
def stage(
    asterisk_installation: tuple[Installation, tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with Stage(*asterisk_installation, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, stage: Stage) -> Callable[[str], Play]:
    """The stories of a group, as far as they were asked for; each group is played once."""
    asked = {
        (item.callspec.params["group"], item.callspec.params["story"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.fixturenames.count("story") and item.module is request.module
    }

    @functools.cache
    def play(group: str) -> Play | AssertionError:
        try:
            return stage.play([story for story in GROUPS[group] if (group, story) in asked])
        except AssertionError as error:  # nobody plays it again
            return error

    def of(group: str) -> Play:
        if isinstance(result := play(group), AssertionError):
            raise result
        return result

    return of


@pytest.mark.parametrize(
    ("group", "story"),
    [pytest.param(name, story, id=f"{name}-{story}") for name, stories in GROUPS.items() for story in stories],
)
def test_the_rows_say_what_happened(played: Callable[[str], Play], group: str, story: Story) -> None:
    stories, _ = played(group)
    stories[story.name].check()


@pytest.mark.parametrize("group", GROUPS)
def test_one_row_for_each_conversation(played: Callable[[str], Play], group: str) -> None:
    _, unbalanced = played(group)
    assert unbalanced == []
