"""Scripts and their steps as an administrator types them. What is wrong is named by its field."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from telephony.events import Direction
from webapp import text
from webapp.db import db
from webapp.errors import Invalid, NotFound
from webapp.scripts.models import Branch, Script, ScriptStep
from webapp.wrapup.form_rows import typed_questions

MOST_STEPS = 100
MOST_BRANCHES = 9  # as many as there are digits
LONGEST_TEXT = 4000


def save_script(typed: Mapping[str, str], script: Script | None = None) -> Script:
    """A new one has one step. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    name = _line(typed, "name", problems, required=True)
    queue = _line(typed, "queue", problems)
    written = typed.get("direction", "")
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    if script is None:
        script = Script(steps=[ScriptStep(position=0, title=_("Greeting"), asks=[], ways=[])])
        db.session.add(script)
    script.name, script.queue = name, queue
    script.direction = Direction(written) if written in (Direction.INBOUND, Direction.OUTBOUND) else None
    script.opens, script.active = bool(typed.get("opens")), bool(typed.get("active"))
    db.session.flush()
    return script


def remove_script(script: Script) -> None:
    """What was answered by it stays with the calls."""
    db.session.delete(script)
    db.session.flush()


def script_as_typed(script: Script | None) -> dict[str, str]:
    if script is None:
        return {"opens": "1", "active": "1"}
    return {
        "name": script.name,
        "queue": script.queue,
        "direction": script.direction.value if script.direction else "",
        "opens": "1" if script.opens else "",
        "active": "1" if script.active else "",
    }


def step_of(script: Script, step_id: UUID) -> ScriptStep:
    """Raises `NotFound`."""
    found = script.step(step_id)
    if found is None:
        raise NotFound(_("There is no such step."))
    return found


def save_step(script: Script, typed: Mapping[str, str], step: ScriptStep | None = None) -> ScriptStep:
    """A new one is the last. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    title = _line(typed, "title", problems, required=True)
    said = _lines(typed, "text", problems)
    questions = typed_questions(typed, problems)
    branches = _branches(script, typed, problems)
    if step is None and len(script.steps) >= MOST_STEPS:
        problems["title"] = _("At most %(most)s of these.", most=MOST_STEPS)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    if step is None:
        step = ScriptStep(position=len(script.steps))
        script.steps.append(step)
    step.title, step.text, step.questions, step.branches = title, said, questions, branches
    db.session.flush()
    return step


def step_as_typed(step: ScriptStep | None) -> dict[str, str]:
    if step is None:
        return {"branch-0-label": "", "branch-0-to": ""}
    typed = {"title": step.title, "text": step.text}
    for at, question in enumerate(step.questions):
        typed |= {
            f"field-{at}-id": question.key,
            f"field-{at}-label": question.label,
            f"field-{at}-kind": question.kind.value,
            f"field-{at}-required": "1" if question.required else "",
            f"field-{at}-options": "\n".join(question.options),
        }
    for at, branch in enumerate(step.branches):
        typed |= {f"branch-{at}-label": branch.label, f"branch-{at}-to": str(branch.to) if branch.to else "end"}
    return typed


def typed_branches(typed: Mapping[str, str]) -> list[dict[str, str]]:
    """Those that were typed, and an empty one after them."""
    rows = [
        {"label": typed.get(f"branch-{at}-label", ""), "to": typed.get(f"branch-{at}-to", "")}
        for at in range(MOST_BRANCHES)
    ]
    filled = [row for row in rows if row["label"].strip() or row["to"]]
    return filled + [{"label": "", "to": ""}] * (1 if len(filled) < MOST_BRANCHES else 0)


def move_step(script: Script, step: ScriptStep, by: int) -> None:
    steps = [other for other in script.steps if other is not step]
    steps.insert(min(max(step.position + by, 0), len(steps)), step)
    for position, each in enumerate(steps):
        each.position = position
    db.session.flush()
    db.session.refresh(script, ["steps"])


def remove_step(script: Script, step: ScriptStep) -> None:
    """Branches that led to it end the script. Raises Invalid for the last one."""
    if len(script.steps) < 2:
        raise Invalid(_("A script has at least one step."))
    script.steps.remove(step)
    for position, other in enumerate(script.steps):
        other.position = position
        other.branches = [Branch(way.label, None if way.to == step.id else way.to) for way in other.branches]
    db.session.flush()


def known_queues() -> list[str]:
    """Of scripts, for the list from which a queue is chosen."""
    return [queue for queue in db.session.scalars(sa.select(Script.queue).distinct()) if queue]


def _branches(script: Script, typed: Mapping[str, str], problems: dict[str, str]) -> list[Branch]:
    known = {str(step.id): step.id for step in script.steps}
    found = []
    for at, row in enumerate(typed_branches(typed)):
        if not row["label"].strip() and not row["to"]:
            continue
        label = _line({f"branch-{at}-label": row["label"]}, f"branch-{at}-label", problems, required=True)
        if row["to"] not in (*known, "end"):
            problems[f"branch-{at}-to"] = _("Say where it leads.")
        found.append(Branch(label, known.get(row["to"])))
    return found


def _line(typed: Mapping[str, str], name: str, problems: dict[str, str], *, required: bool = False) -> str:
    try:
        return text.line(typed.get(name, ""), name, most=80, required=required)
    except Invalid as error:
        problems |= error.fields
        return ""


def _lines(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> str:
    try:
        return text.lines(typed.get(name, ""), name, most=LONGEST_TEXT)
    except Invalid as error:
        problems |= error.fields
        return ""
