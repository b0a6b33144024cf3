"""What agents do after a call: it ends when they save, or when the queue's time for it is over.

Where a queue has such a time, its agents are out of all queues during it, so that "save and ready" means something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import text
from webapp.accounts.actions import hold_back, let_go
from webapp.accounts.models import AgentStatus, User
from webapp.calls import capture
from webapp.calls.actions import log_disposition
from webapp.calls.models import Call, Disposition, Leg
from webapp.calls.queries import disposition as disposition_by_code
from webapp.db import db, lock
from webapp.errors import Conflict, Invalid
from webapp.events import publish
from webapp.tasks import moments, promises
from webapp.tasks.models import Callback
from webapp.wrapup.answers import Answer, read
from webapp.wrapup.events import DraftKept
from webapp.wrapup.models import WrapUp, WrapUpAnswer, WrapUpForm
from webapp.wrapup.queries import form_for, queue_of, wrap_up_of

LONGEST_NOTE = 500  # of a promise
LONGEST_DRAFT = 20_000


def save(call: Call, by: User, typed: Mapping[str, str], at: datetime, *, note: str | None = None) -> WrapUp:
    """What the agent says of a call, by the form of its queue; ends their wrap-up. `typed`: by the names of the fields.

    Raises Invalid with all that is wrong, each by its field, and Conflict while the agent still talks."""
    lock(call)
    form, problems = form_for(queue_of(call, by.id)), dict[str, str]()
    disposition = _disposition(form, typed, problems)
    answers = read(form.questions, typed, problems)
    row = wrap_up_of(call.id, by.id) or _begun(call, by)
    step = _next_step(call, form, typed, at, problems, wanted=_asks(disposition) and row.callback_id is None)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    log_disposition(call, disposition, by=by, note=note)
    if step:
        row.callback_id = _promised(call, by, step).id
    row.disposition_id = disposition.id if disposition else None
    row.answers = [_kept(answer, position) for position, answer in enumerate(answers)]
    row.draft, row.saved_at = {}, at
    db.session.flush()
    return row


def keep_draft(call: Call, by: User, typed: Mapping[str, str]) -> WrapUp:
    """What is typed and not saved yet, so that no reload and no other device loses it. `typed`: what was changed; the
    other fields stay as another tab or device left them. Raises Invalid when it is too long."""
    lock(call)
    row = wrap_up_of(call.id, by.id) or _begun(call, by)
    draft = row.draft | {name: value.replace("\x00", "") for name, value in typed.items()}
    if sum(map(len, draft.values())) + sum(map(len, draft)) > LONGEST_DRAFT:
        problem = _("At most %(most)s characters.", most=LONGEST_DRAFT)
        raise Invalid(problem, fields={"draft": problem})
    row.draft = draft
    db.session.flush()
    publish(DraftKept(call_id=call.id, user_id=by.id, version=row.version))
    return row


def follow(call: Call, at: datetime) -> None:
    """Inside the transaction that changed the call: a wrap-up began, was extended, or is done."""
    for leg in call.legs:
        if leg.wants_wrap_up and leg.wrap_up_until is None and _was_at_screen(leg):
            seconds = form_for(leg.queue or call.queue).limit_seconds
            if seconds and leg.ended_at:
                leg.wrap_up_until = leg.ended_at + timedelta(seconds=seconds)
    db.session.flush()
    for user in {leg.user for leg in call.legs if leg.wrap_up_until}:
        if user is not None:
            hold(user, at)


def more_time(call: Call, user: User, at: datetime) -> None:
    """Raises Conflict when there is no more, or nothing to extend."""
    lock(call)
    legs = [leg for leg in call.legs if leg.user_id == user.id and leg.wants_wrap_up and leg.wrap_up_until]
    if not legs:
        raise Conflict(_("There is no time that runs out."))
    for leg in legs:
        more = form_for(leg.queue or call.queue).more_seconds
        if not more:
            raise Conflict(_("This queue gives no more time."))
        assert leg.wrap_up_until is not None
        leg.wrap_up_until = max(leg.wrap_up_until, at) + timedelta(seconds=more)
    capture.changed(call)


def end(call: Call, at: datetime) -> None:
    """What they wrote is kept, and can be completed on the call's page."""
    lock(call)
    over = [leg for leg in call.legs if leg.wants_wrap_up and leg.wrap_up_until and leg.wrap_up_until <= at]
    for leg in over:
        leg.wrapped_up_at = leg.wrap_up_until
    if over:
        capture.changed(call)


def hold(user: User, at: datetime) -> None:
    """As long as any wrap-up of theirs has a time that is not over."""
    theirs = sa.and_(Leg.user_id == user.id, Leg.wrapped_up_at.is_(None), Leg.wrap_up_until > at)
    until = db.session.scalar(sa.select(sa.func.max(Leg.wrap_up_until)).where(theirs))
    if until:
        hold_back(user, until)
    else:
        let_go(user)


def move(merged: Call, into: Call) -> None:
    """Two rows were one conversation: what was said of the one that goes was said of this."""
    for row in db.session.scalars(sa.select(WrapUp).where(WrapUp.call_id == merged.id)).unique().all():
        own = wrap_up_of(into.id, row.user_id)
        if own is None:
            row.call_id = into.id
        elif own.saved_at is None and row.saved_at is not None:
            db.session.delete(own)
            db.session.flush()
            row.call_id = into.id
        else:
            own.draft = row.draft | own.draft
    db.session.flush()


def _was_at_screen(leg: Leg) -> bool:
    user, ended = leg.user, leg.ended_at
    if user is None or ended is None or user.status is AgentStatus.LOGGED_OUT:
        return False
    return user.logged_in_at is not None and ended > user.logged_in_at


def _begun(call: Call, by: User) -> WrapUp:
    row = WrapUp(call_id=call.id, user_id=by.id, draft={}, answers=[])
    db.session.add(row)
    db.session.flush()
    return row


def _disposition(form: WrapUpForm, typed: Mapping[str, str], problems: dict[str, str]) -> Disposition | None:
    code = typed.get("disposition", "").strip()
    if not code:
        if form.disposition_required:
            problems["disposition"] = _("Say how it ended.")
        return None
    try:
        found = disposition_by_code(text.line(code, "disposition", most=40))
    except Invalid as error:
        problems.update(error.fields)
        return None
    if not form.offers(found):
        problems["disposition"] = _("This queue does not use it.")
    return found


def _asks(disposition: Disposition | None) -> bool:
    return disposition is not None and disposition.asks_callback


def _next_step(
    call: Call, form: WrapUpForm, typed: Mapping[str, str], at: datetime, problems: dict[str, str], *, wanted: bool
) -> promises.Step | None:
    """When to call again, where somebody said so, or where how it ended asks for it."""
    if call.number is None or not form.next_step or not (wanted or typed.get("next")):
        return None
    wrong: dict[str, str] = {}
    zone = typed.get("next_zone", "")
    moment = moments.read(typed.get("next_date", ""), typed.get("next_time", ""), zone, at, wrong)
    note = moments.note(typed.get("next_note", ""), wrong)
    problems |= {f"next_{field}": problem for field, problem in wrong.items()}
    if moment is None or wrong:
        return None
    owner = promises.Owner.ANYONE if typed.get("next_whose") == promises.Owner.ANYONE else promises.Owner.ME
    return promises.Step(moment, zone, owner, note)


def _promised(call: Call, by: User, step: promises.Step) -> Callback:
    assert call.number is not None
    return promises.promise(
        call.number, step.at, by=by, owner=step.owner, zone=step.zone, party=call.party, note=step.note,
        switch=call.switch,
    )  # fmt: skip


def _kept(answer: Answer, position: int) -> WrapUpAnswer:
    asked = answer.question
    return WrapUpAnswer(
        field_id=UUID(asked.key), position=position, label=asked.label, kind=asked.kind, value=answer.value
    )
