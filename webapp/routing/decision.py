"""Who gets whom. Pure: callers and agents in, pairs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """`rung`: how often each agent's phone rang for them already."""

    uid: str
    queue: str
    since: datetime
    priority: int = 0
    needs: Mapping[str, int] = field(default_factory=dict)
    rung: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agent:
    id: UUID
    line: str
    idle_since: datetime
    skills: Mapping[str, int] = field(default_factory=dict)

    def can_take(self, caller: Caller) -> bool:
        return all(self.skills.get(skill, 0) >= level for skill, level in caller.needs.items())


@dataclass(frozen=True, slots=True)
class Match:
    caller: Caller
    agent: Agent


def match(callers: Sequence[Caller], agents: Sequence[Agent]) -> list[Match]:
    """Callers by priority, then by how long they wait. Each gets, of those who can take them, whoever was not asked yet;
    of these the ablest; of these who is idle longest."""
    free, found = list(agents), []
    for caller in sorted(callers, key=lambda caller: (-caller.priority, caller.since, caller.uid)):
        able = [agent for agent in free if agent.can_take(caller)]
        if not able:
            continue
        best = min(able, key=lambda agent: _rank(agent, caller))
        free.remove(best)
        found.append(Match(caller, best))
    return found


def _rank(agent: Agent, caller: Caller) -> tuple[int, int, datetime, UUID]:
    ability = sum(agent.skills.get(skill, 0) for skill in caller.needs)
    return caller.rung.get(agent.id, 0), -ability, agent.idle_since, agent.id
