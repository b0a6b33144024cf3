"""By which rules callers are given to agents: weight and needs of queues, and what agents are good at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import switches
from webapp.accounts.models import Line, User
from webapp.db import db
from webapp.errors import Invalid
from webapp.routing.models import AgentSkill, QueueRouting
from webapp.routing.queries import skills_of

HEAVIEST, BEST, MOST_SKILLS = 9, 9, 20
_SKILL = re.compile(r"([^\W\d_][\w-]{0,38})\s*([1-9])?")


@dataclass(frozen=True, slots=True)
class QueueRule:
    key: str
    queue: str
    priority: int
    needs: str


@dataclass(frozen=True, slots=True)
class AgentRule:
    key: str
    name: str
    skills: str


def queue_rules() -> list[QueueRule]:
    """Of each queue whose callers we give to agents, whether it has rules or not."""
    own = {rule.queue: rule for rule in db.session.scalars(sa.select(QueueRouting))}
    names = sorted({*own, *(queue for name in switches.routed() for queue in switches.queues_of(name))})
    return [_queue_rule(name, own.get(name)) for name in names]


def _queue_rule(name: str, own: QueueRouting | None) -> QueueRule:
    return QueueRule(f"queue-{name}", name, own.priority if own else 0, text_of(own.needs if own else {}))


def agent_rules() -> list[AgentRule]:
    """Of each agent with a phone on such a switch, by name."""
    here = sa.select(Line.user_id).where(Line.switch.in_(switches.routed()))
    users = db.session.scalars(sa.select(User).where(User.active, User.id.in_(here)).order_by(User.name)).unique().all()
    skills = skills_of([user.id for user in users])
    return [AgentRule(f"agent-{user.id}", user.name, text_of(skills[user.id])) for user in users]


def save(typed: Mapping[str, str]) -> None:
    """Of the fields that were sent. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    for rule in queue_rules():
        _save_queue(rule.queue, typed, f"{rule.key}-priority", f"{rule.key}-needs", problems)
    for agent in agent_rules():
        if (written := typed.get(agent.key)) is not None:
            _save_agent(UUID(agent.key.partition("-")[2]), _read(written, agent.key, problems))
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    db.session.flush()


def _save_queue(queue: str, typed: Mapping[str, str], weight: str, needs: str, problems: dict[str, str]) -> None:
    if weight not in typed and needs not in typed:
        return
    text = typed.get(weight, "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        problems[weight] = _("A whole number from %(least)s to %(most)s.", least=0, most=HEAVIEST)
        text = "0"
    wanted = _read(typed.get(needs, ""), needs, problems)
    rule = db.session.get(QueueRouting, queue)
    if rule is None:
        rule = QueueRouting(queue=queue)
        db.session.add(rule)
    rule.priority, rule.needs = int(text), wanted


def _save_agent(user_id: UUID, skills: Mapping[str, int]) -> None:
    db.session.execute(sa.delete(AgentSkill).where(AgentSkill.user_id == user_id))
    db.session.add_all(AgentSkill(user_id=user_id, skill=skill, level=level) for skill, level in skills.items())


def _read(text: str, field: str, problems: dict[str, str]) -> dict[str, int]:
    """ "Greek 3, billing": how good, or how good at least; nothing said is 1."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        read = _SKILL.fullmatch(part)
        if read is None or len(found) >= MOST_SKILLS:
            problems[field] = _(
                "Words with a number from 1 to %(best)s, by commas: Greek 3, billing 5. At most %(most)s.",
                best=BEST,
                most=MOST_SKILLS,
            )
            return {}
        found[read[1].casefold()] = int(read[2] or 1)
    return found


def text_of(skills: Mapping[str, int] | Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{skill} {level}" for skill, level in sorted(dict(skills).items()))
