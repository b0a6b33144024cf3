"""Recordings as a bad connection, a bad disk and a busy switch might give them: several calls at once, frames that come
late, twice, never, or cut short."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from telephony.ami.frames import Frame
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallHeld,
    CallResumed,
    CallsMerged,
    CallStarted,
    CallSummary,
    LegEnded,
    LegRinging,
)
from telephony.fake.recast import stamped
from tests.telephony.recordings import SCENARIOS, filtered, truth

_UID = re.compile(rb"(?<=[ \r\n:])(\d{10})\.(\d+)(?=\r\n|$)")
_BRIDGE = re.compile(rb"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)")
_CHANNEL = re.compile(rb"((?:PJSIP|Local)/[^\s;]+)-([0-9a-f]{8})")


@dataclass(frozen=True)
class Mix:
    """`frames` as they arrive; `honest` are the Linkedids that truly were calls, `known` all that were there
    or seem to have been."""

    scenarios: tuple[str, ...]
    frames: tuple[Frame, ...]
    stories: tuple[tuple[Frame, ...], ...]
    known: frozenset[str]
    internal: frozenset[str]

    def __repr__(self) -> str:
        return f"Mix({', '.join(self.scenarios)}: {len(self.frames)} frames)"


@st.composite
def mixes(draw: st.DrawFn, *, most: int = 3, whole: bool = False) -> Mix:
    scenarios = tuple(draw(st.lists(st.sampled_from(SCENARIOS), min_size=1, max_size=most)))
    chance = draw(st.randoms(use_true_random=False))
    by_channel = draw(st.booleans())
    lost, doubled, late, cut = (draw(st.sampled_from([0.0, 0.05, 0.3])) for _ in range(4))
    placed: list[tuple[float, Frame]] = []
    stories: list[tuple[Frame, ...]] = []
    known, internal = set[str](), set[str]()
    for number, scenario in enumerate(scenarios):
        story = [_as_another_call(frame, number) for frame in at_once(filtered(scenario))]
        stories.append(tuple(story))
        linkedids = set(_ids(story))
        known |= linkedids
        if not truth(scenario):
            internal |= linkedids
        if whole:
            speed = chance.uniform(0.5, 2.0)
            placed += [(place * speed, frame) for place, frame in enumerate(story)]
        else:
            placed += _disturbed(story, chance, by_channel, lost, doubled, late, cut)
    placed.sort(key=lambda one: one[0])
    known.update(_ids(frame for _, frame in placed))  # where two frames grew together, two ids may have as well
    return Mix(scenarios, tuple(frame for _, frame in placed), tuple(stories), frozenset(known), frozenset(internal))


def _ids(frames: Iterable[Frame]) -> Iterator[str]:
    for frame in frames:
        yield from (uid for name, uid in frame.items() if name.endswith(("Linkedid", "Uniqueid", "ActionID")))


BEGINNING = 1_795_426_000.0


def at_once(story: Sequence[Frame]) -> list[Frame]:
    """On the clock of one day, whenever it was recorded."""
    stamps = [float(frame["Timestamp"]) for frame in story if "Timestamp" in frame]
    shift = BEGINNING - stamps[0]
    return [
        Frame(stamped(frame.raw, float(frame["Timestamp"]) + shift)) if "Timestamp" in frame else frame
        for frame in story
    ]


def _as_another_call(frame: Frame, number: int) -> Frame:
    """Each story of a mix with ids and channels of its own."""
    if not number:
        return frame
    raw = _UID.sub(lambda found: b"%s.%d%s" % (found[1], number, found[2].zfill(4)), frame.raw)
    raw = _BRIDGE.sub(b"%08d" % number, raw)
    return Frame(_CHANNEL.sub(lambda found: b"%s-%d%s" % (found[1], number, found[2][1:]), raw))


def _disturbed(
    story: Sequence[Frame],
    chance: random.Random,
    by_channel: bool,
    lost: float,
    doubled: float,
    late: float,
    cut: float,
) -> list[tuple[float, Frame]]:
    """`by_channel`: frames of one channel keep their order, as Asterisk's do; else nothing keeps any."""
    last: dict[str, float] = {}
    placed: list[tuple[float, Frame]] = []
    for place, frame in enumerate(story):
        if chance.random() < lost:
            continue
        channel = frame.get("Uniqueid") or frame.get("DestUniqueid") or ""
        at = place + (chance.random() * 20 if chance.random() < late else 0.0)
        if by_channel:
            at = last[channel] = max(last.get(channel, 0.0), at)
        if chance.random() < cut:
            frame = _cut(frame, story[chance.randrange(len(story))], chance)
        placed.append((at, frame))
        if chance.random() < doubled:
            placed.append((at + chance.random() * 20 * chance.choice([0, 1]), frame))
    return placed


def _cut(frame: Frame, other: Frame, chance: random.Random) -> Frame:
    """Its last lines are missing; or with them what stood between it and the rest of another."""
    if chance.random() < 0.5:
        lines = frame.raw.split(b"\r\n")
        return Frame(b"\r\n".join(lines[: chance.randrange(1, len(lines) + 1)]))
    return Frame(frame.raw[: chance.randrange(1, len(frame.raw))] + other.raw[chance.randrange(len(other.raw)) :])


RANKS = {CallStarted: 0, LegRinging: 1, CallAnswered: 2, CallHeld: 2, CallResumed: 2, CallEnded: 3}


class Witness:
    """Hears what is told, and objects to whatever could not have happened."""

    def __init__(self, mix: Mix) -> None:
        self.mix = mix
        self.rank: dict[str, int] = {}
        self.ended: dict[str, CallSummary] = {}
        self.merged: set[str] = set()
        self._legs: set[tuple[str, str]] = set()

    def hears(self, events: Iterable[CallEvent]) -> None:
        for event in events:
            self._no_ghost(event)
            if isinstance(event, CallsMerged):
                self.merged.add(event.merged)
            elif type(event) in RANKS:
                self._forward(event)
            if isinstance(event, LegEnded):
                assert (event.uid, event.leg) not in self._legs, f"{event} ends twice"
                self._legs.add((event.uid, event.leg))
            if isinstance(event, CallEnded):
                self.ended[event.uid] = event.summary
                no_negative_time(event.summary)

    def unfinished(self) -> set[str]:
        return {uid for uid, rank in self.rank.items() if rank < RANKS[CallEnded]} - self.merged

    def _no_ghost(self, event: CallEvent) -> None:
        assert event.uid not in self.merged, f"{event} is of a call that became another"
        assert event.uid in self.mix.known or not event.uid, f"{event} is of a call that never was"
        if isinstance(event, CallStarted):
            self.rank.setdefault(event.uid, 0)
        assert event.uid in self.rank, f"{event} before its call began"

    def _forward(self, event: CallEvent) -> None:
        now, was = RANKS[type(event)], self.rank[event.uid]
        assert not (was == 3 and now in (1, 2)), f"{event} after the end"
        self.rank[event.uid] = max(now, was)


def no_negative_time(call: CallSummary) -> None:
    for seconds in (call.wait, call.talk, call.hold, *(leg.talk for leg in call.legs)):
        assert seconds >= 0.0
    in_order(call.started_at, call.answered_at, call.ended_at)
    for leg in call.legs:
        in_order(leg.rang_at, leg.answered_at, leg.ended_at)


def in_order(*moments: object) -> None:
    known = [moment for moment in moments if moment is not None]
    assert known == sorted(known), f"{known} goes backwards"  # type: ignore[type-var]
