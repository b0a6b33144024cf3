"""An agent goes through a script: on by a branch, back, and again from its beginning. All of it is kept at once."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import db, lock
from webapp.errors import Conflict, Invalid
from webapp.scripts.models import Script, ScriptAnswer, ScriptRun, ScriptStep
from webapp.scripts.queries import run_of, script_for
from webapp.wrapup.answers import Answer, read

LONGEST_DRAFT = 20_000


def begun(call: Call, by: User) -> ScriptRun:
    """The agent's way through this call's script; it begins when something is done in it. Raises `NotFound`."""
    lock(call)
    run = run_of(call.id, by.id)
    if run is not None and run.script is not None and current(run) is not None:
        return run
    script = script_for(call, by.id)
    if run is None:
        run = ScriptRun(call_id=call.id, user_id=by.id, typed={}, answers=[])
        db.session.add(run)
    run.script_id, run.script, run.name = script.id, script, script.name
    run.path, run.done = [str(script.steps[0].id)], False
    db.session.flush()
    return run


def current(run: ScriptRun) -> ScriptStep | None:
    """None: the script was changed since, and has this step no more."""
    return run.script.step(run.path[-1]) if run.script and run.path else None


def keep(call: Call, by: User, step_id: str, typed: Mapping[str, str]) -> None:
    """What is typed, at once; it need not be right yet. What an older page sends of another step is left alone."""
    if sum(map(len, typed.values())) + sum(map(len, typed)) > LONGEST_DRAFT:
        problem = _("At most %(most)s characters.", most=LONGEST_DRAFT)
        raise Invalid(problem, fields={"draft": problem})
    run = begun(call, by)
    if run.path[-1] != step_id:
        return
    _draft(run, step_id, typed)


def go_on(call: Call, by: User, step_id: str, way: int, typed: Mapping[str, str]) -> ScriptRun:
    """By one of the step's branches, or to the next one. Raises Invalid by field, Conflict if the page is old."""
    run, step = _at(call, by, step_id)
    problems: dict[str, str] = {}
    answers = read(step.questions, typed, problems)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    to = _target(_script(run), step, way)
    _keep_answers(run, step, answers)
    if to is None:
        run.done = True
    else:
        run.path = [*run.path, str(to.id)]
    _draft(run, step_id, {})
    return run


def go_back(call: Call, by: User, step_id: str, typed: Mapping[str, str]) -> ScriptRun:
    """To the step before; what was answered there stands in its fields again, and what is typed here stays."""
    run, _step = _at(call, by, step_id)
    _draft(run, step_id, typed)
    if run.done:
        run.done = False
    elif len(run.path) > 1:
        run.path = run.path[:-1]
    db.session.flush()
    return run


def restart(call: Call, by: User) -> ScriptRun:
    run = begun(call, by)
    run.path, run.done = [str(_script(run).steps[0].id)], False
    db.session.flush()
    return run


def move(merged: Call, into: Call) -> None:
    """Two rows were one conversation."""
    for run in db.session.scalars(sa.select(ScriptRun).where(ScriptRun.call_id == merged.id)).unique().all():
        if run_of(into.id, run.user_id) is None:
            run.call_id = into.id
    db.session.flush()


def _draft(run: ScriptRun, step_id: str, typed: Mapping[str, str]) -> None:
    kept = {name: value.replace("\x00", "") for name, value in typed.items() if value}
    run.typed = {step: draft for step, draft in run.typed.items() if step != step_id} | (
        {step_id: kept} if kept else {}
    )
    db.session.flush()


def _script(run: ScriptRun) -> Script:
    assert run.script is not None
    return run.script


def _at(call: Call, by: User, step_id: str) -> tuple[ScriptRun, ScriptStep]:
    run = begun(call, by)
    step = current(run)
    if step is None or run.path[-1] != step_id:
        raise Conflict(_("The script is at another step by now."))
    return run, step


def _target(script: Script, step: ScriptStep, way: int) -> ScriptStep | None:
    if not step.branches:
        later = [other for other in script.steps if other.position > step.position]
        return later[0] if later else None
    if not 0 <= way < len(step.branches):
        raise Conflict(_("The script was changed. Look again."))
    to: UUID | None = step.branches[way].to
    return script.step(to) if to else None


def _keep_answers(run: ScriptRun, step: ScriptStep, given: list[Answer]) -> None:
    """Instead of what was answered at this step before."""
    others = [answer for answer in run.answers if answer.step_id != str(step.id)]
    first = max((answer.position for answer in others), default=-1) + 1
    run.answers = others + [_row(step, answer, at) for at, answer in enumerate(given, first)]


def _row(step: ScriptStep, answer: Answer, position: int) -> ScriptAnswer:
    asked = answer.question
    return ScriptAnswer(
        step_id=str(step.id), key=asked.key, position=position, label=asked.label, kind=asked.kind, value=answer.value
    )
