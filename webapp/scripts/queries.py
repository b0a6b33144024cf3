from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import lazyload

from webapp.calls.models import Call
from webapp.db import db
from webapp.errors import NotFound
from webapp.scripts.models import Script, ScriptRun, ScriptStep
from webapp.wrapup.queries import queue_of

# by their heads: what is said in them is read when somebody opens one
_IN_USE = (
    sa.select(Script)
    .where(Script.active, sa.exists().where(ScriptStep.script_id == Script.id))
    .order_by(Script.name, Script.id)
    .options(lazyload(Script.steps))
)


def script(script_id: UUID) -> Script:
    """Raises `NotFound`."""
    found = db.session.get(Script, script_id)
    if found is None:
        raise NotFound(_("There is no such script."))
    return found


def all_scripts() -> Sequence[Script]:
    return db.session.scalars(sa.select(Script).order_by(Script.active.desc(), Script.queue, Script.name)).all()


def scripts_for(calls: Iterable[Call], user_id: UUID) -> dict[UUID, Script]:
    """For each call the script that says most exactly what it is for, if there is one."""
    calls = list(calls)
    known = db.session.scalars(_IN_USE).all() if calls else []
    found = {call.id: _best(known, call, queue_of(call, user_id)) for call in calls}
    return {call_id: row for call_id, row in found.items() if row}


def script_for(call: Call, user_id: UUID) -> Script:
    """Raises `NotFound`."""
    found = scripts_for([call], user_id).get(call.id)
    if found is None:
        raise NotFound(_("There is no script for this call."))
    return found


def run_of(call_id: UUID, user_id: UUID) -> ScriptRun | None:
    return db.session.scalar(sa.select(ScriptRun).where(ScriptRun.call_id == call_id, ScriptRun.user_id == user_id))


def runs_of(call_id: UUID) -> Sequence[ScriptRun]:
    """Everybody's, in order."""
    query = sa.select(ScriptRun).where(ScriptRun.call_id == call_id).order_by(ScriptRun.begun_at)
    return db.session.scalars(query).unique().all()


def _best(scripts: Iterable[Script], call: Call, queue: str | None) -> Script | None:
    fitting = [
        row
        for row in scripts
        if row.queue in ("", queue or "") and row.direction in (None, call.direction) and (not row.queue or queue)
    ]
    return max(fitting, key=lambda row: (bool(row.queue), row.direction is not None), default=None)
