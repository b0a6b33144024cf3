"""When customers may be called, which of our numbers they see, and whose phone rings first: what is said for a queue, else
for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from flask_babel import gettext as _

from telephony.commands import First
from telephony.numbers import e164
from webapp import hours, switches, text
from webapp.accounts.models import User
from webapp.calls.models import CallingRule
from webapp.clock import Calendar
from webapp.contacts.models import OwnNumber
from webapp.db import db
from webapp.errors import Invalid


def rule_for(queue: str | None) -> CallingRule | None:
    """The queue's own, else the one for all."""
    return (db.session.get(CallingRule, queue) if queue else None) or db.session.get(CallingRule, "")


def hours_of(queue: str | None) -> Calendar | None:
    """On no clock yet: the callee's is put in. None: at any time."""
    rule = rule_for(queue)
    if rule is None or not (any(rule.hours.values()) or rule.holidays):
        return None
    return Calendar.of("UTC", rule.hours, rule.holidays)


def all_rules() -> Sequence[CallingRule]:
    return db.session.scalars(sa.select(CallingRule).order_by(CallingRule.queue)).all()


def save_rule(queue: str, typed: Mapping[str, str]) -> CallingRule:
    """Raises Invalid, by field."""
    problems: dict[str, str] = {}
    week, holidays, shown, first = {}, "", None, None
    try:
        queue = text.line(queue, "queue", most=80)
        week = hours.read_week(typed)
    except Invalid as error:
        problems |= error.fields
    try:
        holidays = hours.read_holidays(typed)
    except Invalid as error:
        problems |= error.fields
    try:
        shown = chosen(typed.get("shown_number", ""))
    except Invalid as error:
        problems |= error.fields
    try:
        first = read_first(typed.get("rings_first", ""))
    except Invalid as error:
        problems |= error.fields
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    rule = db.session.get(CallingRule, queue)
    if rule is None:
        rule = CallingRule(queue=queue)
        db.session.add(rule)
    rule.hours, rule.holidays, rule.shown_number, rule.rings_first = week, holidays, shown, first
    db.session.flush()
    return rule


def remove_rule(queue: str) -> None:
    db.session.execute(sa.delete(CallingRule).where(CallingRule.queue == queue))


def as_typed(rule: CallingRule | None) -> dict[str, str]:
    week = rule.hours if rule else {}
    return {
        "always_open": "" if any(week.values()) else "1",
        "holidays": rule.holidays if rule else "",
        "shown_number": (rule.shown_number or "") if rule else "",
        "rings_first": (rule.rings_first or "") if rule else "",
    } | hours.week_as_typed(week)


# whose phone rings first


def rings_first(user: User, queue: str | None) -> First:
    """What is said for the queue, else for this agent, else for everybody; else the agent's own."""
    own_rule = db.session.get(CallingRule, queue) if queue else None
    for_all = db.session.get(CallingRule, "")
    candidates = (own_rule and own_rule.rings_first, user.rings_first, for_all and for_all.rings_first)
    return next((first for first in candidates if first), First.AGENT)


def read_first(value: str) -> First | None:
    """ "": as it is said elsewhere. Raises Invalid."""
    try:
        return First(value) if value else None
    except ValueError as error:
        problem = _("Choose one of those that are offered.")
        raise Invalid(problem, fields={"rings_first": problem}) from error


def choose_first(agent: User, value: str) -> None:
    """Whose phone rings first when this agent calls and nothing else is said for the queue. Raises Invalid."""
    agent.rings_first = read_first(value)


# the numbers that customers may see


def shown_numbers(switch: str | None = None) -> list[OwnNumber]:
    """Those that may be shown to customers, of one switch or of all."""
    query = sa.select(OwnNumber).where(OwnNumber.shown).order_by(OwnNumber.label, OwnNumber.value)
    return [number for number in db.session.scalars(query) if switch is None or number.switch in ("", switch)]


def chosen(value: str) -> str | None:
    """A number that may be shown; "": none in particular. Raises Invalid."""
    if not value:
        return None
    number = db.session.get(OwnNumber, value)
    if number is None or not number.shown:
        problem = _("This number cannot be shown to customers.")
        raise Invalid(problem, fields={"shown_number": problem})
    return number.value


def shown_to_customer(user: User, queue: str | None, switch: str, wanted: str = "") -> str | None:
    """What the agent chose for this call, else the queue's, else the agent's own, else what holds for all; None: as the
    telephone system is set up. Of a number that may not be shown (any more) nothing is asked. Raises Invalid."""
    own_rule = db.session.get(CallingRule, queue) if queue else None
    for_all = db.session.get(CallingRule, "")
    allowed = {number.value for number in shown_numbers(switch)}
    if wanted and chosen(wanted) not in allowed:
        problem = _("This number belongs to another telephone system.")
        raise Invalid(problem, fields={"shown_number": problem})
    candidates = (
        wanted, own_rule.shown_number if own_rule else None, user.shown_number, for_all.shown_number if for_all else None,
    )  # fmt: skip
    return next((number for number in candidates if number and number in allowed), None)


def choose_shown_number(user: User, value: str) -> None:
    """What customers see when this agent calls and nothing else is said."""
    user.shown_number = chosen(value)


def save_own_number(written: str, label: str, switch: str, shown: bool) -> OwnNumber:
    """Raises Invalid, by field (number, label, switch)."""
    problems: dict[str, str] = {}
    if switch and switch not in switches.names():
        problems["switch"] = _("There is no such telephone system.")
    value = e164(written, switches.region_of(switch))
    if value is None:
        problems["number"] = _("This is not a telephone number.")
    try:
        label = text.line(label, "label", most=80)
    except Invalid as error:
        problems |= error.fields
    if value is None or problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    number = db.session.get(OwnNumber, value)
    if number is None:
        number = OwnNumber(value=value)
        db.session.add(number)
    number.label, number.switch, number.shown = label, switch, shown
    db.session.flush()
    return number
