"""Scripts as pages show them: the step at which an agent is, and what was answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.scripts.actions import current
from webapp.scripts.models import Script, ScriptRun, ScriptStep
from webapp.wrapup.shown import Field, fields_of, word

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Way:
    """A button, and the digit that presses it."""

    at: int
    key: int
    label: str


@dataclass(frozen=True, slots=True)
class Said:
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    name: str
    step_id: str
    title: str
    paragraphs: list[str]
    fields: list[Field]
    ways: list[Way]
    number: int  # of the step, on this way
    done: bool
    answers: list[Said]


@dataclass(frozen=True, slots=True)
class Run:
    """What one agent answered by a script."""

    author: str
    name: str
    at: datetime
    answers: list[Said]


def panel(call: Call, reader: User, script: Script, run: ScriptRun | None) -> Panel:
    """Where this agent is; before the first word at the beginning."""
    step = (current(run) if run else None) or script.steps[0]
    going_on = run is not None and current(run) is not None
    typed = dict(run.typed.get(str(step.id), {})) if run else {}
    if run and not typed:
        typed = {f"answer-{answer.key}": answer.value for answer in run.answers if answer.step_id == str(step.id)}
    return Panel(
        name=script.name,
        step_id=str(step.id),
        title=step.title,
        paragraphs=[part for part in _filled(step.text, call, reader).split("\n") if part.strip()],
        fields=fields_of(step.questions, typed),
        ways=_ways(script, step),
        number=len(run.path) if run and going_on else 1,
        done=bool(run and going_on and run.done),
        answers=_answers(run) if run else [],
    )


def runs(rows: Sequence[ScriptRun]) -> list[Run]:
    return [Run(row.user.name, row.name, row.begun_at, _answers(row)) for row in rows if row.answers]


def _ways(script: Script, step: ScriptStep) -> list[Way]:
    labels = [branch.label for branch in step.branches]
    if not labels:
        last = step.position == max(other.position for other in script.steps)
        labels = [_("Done") if last else _("On")]
    return [Way(at, at + 1, label) for at, label in enumerate(labels)]


def _answers(run: ScriptRun) -> list[Said]:
    return [Said(answer.label, word(answer.kind, answer.value)) for answer in run.answers]


def _filled(text: str, call: Call, reader: User) -> str:
    """With the names of this call; a place that nobody knows stays as it was written."""
    party = call.party
    known = {
        "customer": party.name if party else call.name_raw or _("the customer"),
        "company": party.company.name if party and party.company else _("your company"),
        "agent": reader.name,
        "queue": call.queue or "",
    }
    return _PLACE.sub(lambda place: known.get(place[1], place[0]), text)
