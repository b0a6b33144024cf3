"""The pages that say when customers may be called, which of our numbers they see, and whose phone rings first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from telephony.commands import First
from webapp import hours, incoming, switches
from webapp.accounts import queries as accounts
from webapp.accounts.permissions import Permission, requires
from webapp.calls import rules, shown
from webapp.contacts import queries as contacts
from webapp.contacts.models import OwnNumber
from webapp.db import transaction
from webapp.errors import Invalid, NotFound
from webapp.settings.views import bp
from webapp.tasks.policy_rows import queues


@bp.get("/settings/calling")
@requires(Permission.QUEUE_MANAGE)
def calling() -> Any:
    return _calling_page()


def _calling_page(problem: str = "") -> str:
    callers = accounts.people_who_may(Permission.CALL_PLACE)
    own = {rule.queue: rule for rule in rules.all_rules()}
    names = ["", *sorted({*queues(), *(queue for queue in own if queue)}, key=str.casefold)]
    return render_template(
        "settings/calling.html",
        rules=[(name, rules.as_typed(own.get(name)), name in own) for name in names],
        numbers=[(number, shown.own_number_display(number)) for number in contacts.own_numbers()],
        labels={number.value: number.label or shown.own_number_display(number) for number in contacts.own_numbers()},
        days=_days(),
        firsts=_firsts(),
        callers=callers,
        problem=problem,
    )


@bp.post("/settings/calling/agent")
@requires(Permission.QUEUE_MANAGE)
def save_agents_first() -> Any:
    """Whose phone rings first when one agent calls."""
    sent = incoming.body()
    agent_id, value = incoming.uuid(sent, "agent"), incoming.text(sent, "rings_first")
    try:
        with transaction():
            agent = next((each for each in accounts.people_who_may(Permission.CALL_PLACE) if each.id == agent_id), None)
            if agent is None:
                raise NotFound(_("There is no such person."))
            rules.choose_first(agent, value)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _calling_page(next(iter(error.fields.values()))), 422
    return _done()


@bp.get("/settings/calling/rule")
@requires(Permission.QUEUE_MANAGE)
def edit_calling_rule() -> Any:
    queue = request.args.get("queue", "").replace("\x00", "")[:80]
    typed = rules.as_typed(_own_rule(queue) or rules.rule_for(queue))
    if queue and _own_rule(queue) is None:
        typed |= {"rings_first": ""}  # what is said for everybody comes after what is said for the agent
    return _rule_form(queue, typed)


@bp.post("/settings/calling/rule")
@requires(Permission.QUEUE_MANAGE)
def save_calling_rule() -> Any:
    typed = _typed()
    queue = typed.get("queue", "")
    try:
        with transaction():
            rules.save_rule(queue, typed)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _rule_form(queue, typed, error.fields), 422
    return _done()


@bp.post("/settings/calling/rule/remove")
@requires(Permission.QUEUE_MANAGE)
def remove_calling_rule() -> Any:
    queue = incoming.text(incoming.body(), "queue")
    with transaction():
        rules.remove_rule(queue)
    return _done()


@bp.get("/settings/calling/number")
@requires(Permission.QUEUE_MANAGE)
def edit_own_number() -> Any:
    number = contacts.own_number(request.args.get("number", ""))
    return _number_form(number, _number_as_typed(number))


@bp.post("/settings/calling/number")
@requires(Permission.QUEUE_MANAGE)
def save_own_number() -> Any:
    typed = _typed()
    try:
        with transaction():
            rules.save_own_number(
                typed.get("number", ""), typed.get("label", ""), typed.get("switch", ""), bool(typed.get("shown"))
            )
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _number_form(contacts.own_number(typed.get("number", "")), typed, error.fields), 422
    return _done()


def _own_rule(queue: str) -> Any:
    return next((rule for rule in rules.all_rules() if rule.queue == queue), None)


def _typed() -> dict[str, str]:
    sent = incoming.body()
    return {name: incoming.text(sent, name) for name in sent}


def _done() -> Any:
    return redirect(url_for(".calling"), 303) if not incoming.wants_json() else ("", 204)


def _rule_form(queue: str, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    return render_template(
        "settings/calling_rule.html",
        queue=queue,
        typed=typed,
        own=_own_rule(queue) is not None,
        problems=problems or {},
        days=_days(),
        numbers=[(number, shown.own_number_display(number)) for number in rules.shown_numbers()],
        firsts=_firsts(),
        labels={
            "queue": _("Queue"),
            "holidays": _("Not on public holidays of"),
            "shown_number": _("Customers see"),
            "rings_first": _("Rings first"),
        }
        | {f"hours-{day}": name for day, name in zip(hours.DAYS, _days(), strict=True)},
    )


def _number_as_typed(number: OwnNumber | None) -> dict[str, str]:
    if number is None:
        return {"shown": "1"}
    return {
        "number": number.value, "label": number.label, "switch": number.switch, "shown": "1" if number.shown else "",
    }  # fmt: skip


def _number_form(number: OwnNumber | None, typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> str:
    return render_template(
        "settings/own_number.html",
        number=number,
        display=shown.own_number_display(number) if number else "",
        typed=typed,
        problems=problems or {},
        switches=switches.names(),
        labels={"number": _("Number"), "label": _("Name"), "switch": _("Telephone system")},
    )


def _firsts() -> dict[str, str]:
    return {First.AGENT.value: _("The agent's phone"), First.CUSTOMER.value: _("The customer's phone")}


def _days() -> list[str]:
    names = get_locale().days["stand-alone"]["wide"]
    return [names[day] for day in hours.DAYS]
