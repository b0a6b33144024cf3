"""The time after a call: it ends when the agent says so, or when the queue's time for it is over.

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
from webapp.agents.models import WrapUpRule
from webapp.calls import capture
from webapp.calls.models import Call, Leg
from webapp.db import db, lock
from webapp.errors import Conflict, Invalid

LIMITS = {"wrap_up_seconds": (0, 3600), "wrap_up_more_seconds": (0, 3600)}
MORE = 60  # seconds, until somebody decides otherwise


def rule_for(queue: str | None) -> WrapUpRule:
    """The queue's own, else the one for all, else none."""
    own = db.session.get(WrapUpRule, queue) if queue else None
    return own or db.session.get(WrapUpRule, "") or WrapUpRule(queue="", seconds=0, more_seconds=MORE)


def follow(call: Call, at: datetime) -> None:
    """Inside the transaction that changed the call: a wrap-up began, was extended, or is done."""
    for leg in call.legs:
        if leg.wants_wrap_up and leg.wrap_up_until is None and _was_at_screen(leg):
            seconds = rule_for(leg.queue or call.queue).seconds
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
        more = rule_for(leg.queue or call.queue).more_seconds
        if not more:
            raise Conflict(_("This queue gives no more time."))
        assert leg.wrap_up_until is not None
        leg.wrap_up_until = max(leg.wrap_up_until, at) + timedelta(seconds=more)
    capture.changed(call)


def expired(at: datetime) -> list[UUID]:
    """Calls in which somebody's time is over."""
    over = sa.and_(Leg.wrap_up_until <= at, Leg.wrapped_up_at.is_(None))
    return list(db.session.scalars(sa.select(Leg.call_id).where(over).distinct()))


def held_too_long(at: datetime) -> list[UUID]:
    """Whose time is over, though no call says so any more."""
    return list(db.session.scalars(sa.select(User.id).where(User.held_back_until <= at)))


def end(call: Call, at: datetime) -> None:
    """What they wrote is kept, and the disposition can be said on the call's page."""
    lock(call)
    over = [leg for leg in call.legs if leg.wants_wrap_up and leg.wrap_up_until and leg.wrap_up_until <= at]
    for leg in over:
        leg.wrapped_up_at = leg.wrap_up_until
    if over:
        capture.changed(call)


def save_rule(queue: str, typed: Mapping[str, str]) -> WrapUpRule:
    """Raises Invalid, by field."""
    problems: dict[str, str] = {}
    seconds, more = (_number(typed, name, problems) for name in LIMITS)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    queue = text.line(queue, "queue", most=80)
    rule = db.session.get(WrapUpRule, queue)
    if rule is None:
        rule = WrapUpRule(queue=queue)
        db.session.add(rule)
    rule.seconds, rule.more_seconds = seconds, more
    db.session.flush()
    return rule


def remove_rule(queue: str) -> None:
    db.session.execute(sa.delete(WrapUpRule).where(WrapUpRule.queue == queue))


def as_typed(queue: str) -> dict[str, str]:
    rule = rule_for(queue)
    return {"wrap_up_seconds": str(rule.seconds), "wrap_up_more_seconds": str(rule.more_seconds)}


def _was_at_screen(leg: Leg) -> bool:
    user, ended = leg.user, leg.ended_at
    if user is None or ended is None or user.status is AgentStatus.LOGGED_OUT:
        return False
    return user.logged_in_at is not None and ended > user.logged_in_at


def hold(user: User, at: datetime) -> None:
    """As long as any wrap-up of theirs has a time that is not over."""
    theirs = sa.and_(Leg.user_id == user.id, Leg.wrapped_up_at.is_(None), Leg.wrap_up_until > at)
    until = db.session.scalar(sa.select(sa.func.max(Leg.wrap_up_until)).where(theirs))
    if until:
        hold_back(user, until)
    else:
        let_go(user)


def _number(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> int:
    low, high = LIMITS[name]
    written = typed.get(name, "").strip() or "0"
    if written.isascii() and written.isdigit() and len(written) < 6 and low <= int(written) <= high:
        return int(written)
    problems[name] = _("A number from %(low)s to %(high)s.", low=low, high=high)
    return low
