"""Who works in the trial and which numbers ring where: said here alone, for PBX, traffic and demo data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    username: str
    name: str
    extension: str
    did: str
    in_browser: bool = False  # their phone is the page itself

    @property
    def endpoint(self) -> str:
        return f"PJSIP/{self.username}"


@dataclass(frozen=True, slots=True)
class TrialQueue:
    name: str
    label: str
    did: str
    members: tuple[str, ...]  # usernames, in the order in which they are rung


@dataclass(frozen=True, slots=True)
class Cast:
    agents: tuple[Agent, ...]
    queues: tuple[TrialQueue, ...]
    supervisor: tuple[str, str]  # username, name
    admin: tuple[str, str]
    shown_number: str  # what customers see when they are called

    @property
    def desk_agents(self) -> tuple[Agent, ...]:
        """Whose phone is a thing on a desk."""
        return tuple(agent for agent in self.agents if not agent.in_browser)

    def agent(self, username: str) -> Agent:
        return next(agent for agent in self.agents if agent.username == username)

    def queue(self, name: str) -> TrialQueue:
        return next(queue for queue in self.queues if queue.name == name)

    def did(self, target: str) -> str:
        """The number that leads to a queue (by name) or to an agent (by username). Raises KeyError."""
        numbers = {queue.name: queue.did for queue in self.queues}
        return (numbers | {agent.username: agent.did for agent in self.agents})[target]

    @property
    def did_labels(self) -> dict[str, str]:
        return {queue.did: queue.label for queue in self.queues} | {agent.did: agent.name for agent in self.agents}


def cast() -> Cast:
    return Cast(
        agents=(
            Agent("alice", "Alice Martin", "101", "+302100000101"),
            Agent("bob", "Bob Keller", "102", "+302100000102"),
            Agent("charlie", "Charlie Dupont", "103", "+302100000103"),
            Agent("dora", "Δώρα Παππά", "104", "+302100000104"),
            Agent("erin", "Erin Walsh", "105", "+302100000105", in_browser=True),
            Agent("frank", "Frank Osei", "106", "+302100000106", in_browser=True),
        ),
        queues=(
            TrialQueue("sales", "Sales", "+302100000100", ("alice", "bob", "charlie", "erin")),
            TrialQueue("support", "Support", "+302100000200", ("charlie", "dora", "frank")),
        ),
        supervisor=("sofia", "Sofia Lindqvist"),
        admin=("admin", "Administrator"),
        shown_number="+302100000100",
    )
