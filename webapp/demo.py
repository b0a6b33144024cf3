"""The invented firm of the trial: people, customers, and a week of calls that went through the same door as real ones."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa
from flask import current_app

from telephony.events import (
    CallEnded,
    Caller,
    CallSummary,
    Direction,
    HungUpBy,
    LegResult,
    LegSummary,
    Result,
)
from webapp.accounts.actions import add_user, set_head
from webapp.accounts.models import User
from webapp.accounts.queries import by_username
from webapp.calls import capture
from webapp.calls.actions import log_disposition
from webapp.calls.models import Call, Disposition
from webapp.contacts.actions import Details, Email, Phone, add_party
from webapp.contacts.models import Party
from webapp.db import db, now, transaction
from webapp.demo_contacts import Invented, contacts
from webapp.scripts import script_rows
from webapp.scripts.models import Script
from webapp.trial.people import Agent, cast
from webapp.wrapup import form_rows
from webapp.wrapup.models import WrapUpForm

CAST = cast()
TEAMS = {"alice": "Sales", "bob": "Sales", "charlie": "Support", "dora": "Support", "erin": "Sales", "frank": "Support"}
REGULARS = 60  # customers who call again and again, so that cards have a past to show


def seed() -> Iterator[str]:
    """Plant what is missing; says what it did. Call inside a request context (texts are translated)."""
    if by_username(CAST.agents[0].username) is None:
        yield f"{len(_people())} employees"
    if _count(Party) == 0:
        yield f"{_customers()} contacts and the companies they work for"
    if _count(WrapUpForm) == 0 and _count(Script) == 0:
        yield f"a wrap-up form and a script for {_forms()}"
    if _count(Call) == 0:
        yield f"{_history()} calls of the last week"


def _count(model: type[Party] | type[Call] | type[WrapUpForm] | type[Script]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def logins(data_dir: Path) -> list[dict[str, str]]:
    """The demo log-ins, for the trial's log-in page and terminal; empty where there is no demo."""
    try:
        found: list[dict[str, str]] = json.loads((data_dir / "demo-logins.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return found


def _people() -> list[dict[str, str]]:
    """Passwords are made for this installation and kept beside its other secrets."""
    people = [_person(agent.username, agent.name, "agent") for agent in CAST.agents]
    people += [_person(*CAST.supervisor, "supervisor"), _person(*CAST.admin, "admin")]
    with transaction():
        for person, agent in zip(people, CAST.agents, strict=False):
            _hire(person, team=TEAMS[agent.username], agent=agent)
        head = _hire(people[-2], team="Sales")
        _hire(people[-1])
        for team in dict.fromkeys(TEAMS.values()):
            set_head(team, head)
    path = current_app.extensions["ringback.settings"].data_dir / "demo-logins.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(people, file, ensure_ascii=False, indent=1)
    return people


def _person(username: str, name: str, role: str) -> dict[str, str]:
    return {"username": username, "name": name, "role": role, "password": secrets.token_urlsafe(9)}


def _hire(person: dict[str, str], *, team: str | None = None, agent: Agent | None = None) -> User:
    lines = (agent.endpoint,) if agent and not agent.in_browser else ()
    browser_lines = (agent.endpoint,) if agent and agent.in_browser else ()
    return add_user(
        person["username"], person["name"], role=person["role"], password=person["password"], team=team, lines=lines,
        browser_lines=browser_lines,
    )  # fmt: skip


def _customers() -> int:
    with transaction():
        for customer in contacts():
            add_party(
                Details(
                    name=customer.name,
                    company=customer.company,
                    phones=[Phone(number, label) for number, label in customer.phones],
                    emails=[Email(customer.email)] if customer.email else [],
                    note=customer.note,
                )
            )
    return sum(1 for _ in contacts())


def _forms() -> str:
    """What the agents of the first queue ask after a call, and say in it."""
    queue = CAST.queues[0].name
    with transaction():
        form_rows.save_form(queue, WRAP_UP)
        script = script_rows.save_script({"name": "An order by phone", "queue": queue, "active": "1"})
        greeting = script.steps[0]
        steps = {name: script_rows.save_step(script, step) for name, step in SCRIPT.items()}
        ways = {name: str(step.id) for name, step in steps.items()}
        script_rows.save_step(
            script, GREETING | {f"branch-{at}-to": to for at, to in enumerate(ways.values())}, greeting
        )
    return queue


WRAP_UP = {
    "disposition_required": "1", "next_step": "1", "more_seconds": "60",
    "field-0-label": "Order number", "field-0-kind": "number",
    "field-1-label": "How did they find us?", "field-1-kind": "choice",
    "field-1-options": "Search engine\nA friend\nNewspaper\nThey know us",
    "field-2-label": "May we write to them?", "field-2-kind": "yes_no",
}  # fmt: skip
GREETING = {
    "title": "Greeting", "text": "Good day, this is {agent}. How may I help you?",
    "branch-0-label": "Wants to order", "branch-1-label": "Something is broken",
}  # fmt: skip
SCRIPT = {
    "order": {
        "title": "The order", "text": "With pleasure, {customer}. What may I send you, and when shall it be there?",
        "field-0-label": "What is ordered", "field-0-kind": "text", "field-0-required": "1",
        "field-1-label": "To be there on", "field-1-kind": "date", "branch-0-label": "That is all", "branch-0-to": "end",
    },
    "complaint": {
        "title": "What is broken", "text": "I am sorry to hear that. May I have the number of your order?",
        "field-0-label": "Order number", "field-0-kind": "number", "field-1-label": "What is broken", "field-1-kind": "text",
        "branch-0-label": "A colleague calls them", "branch-0-to": "end",
    },
}  # fmt: skip


def _history() -> int:
    dice = Random(7)
    customers = list(contacts())[:REGULARS]
    made = 0
    for days_ago in range(7, 0, -1):
        day = (now() - timedelta(days=days_ago)).replace(hour=7, minute=0, second=0, microsecond=0)
        for _ in range(dice.randrange(12, 20)):
            at = day + timedelta(seconds=dice.randrange(9 * 3600))
            _past_call(dice, made, dice.choice(customers), at)
            made += 1
    return made + _win_back(dice, made, customers)


def _past_call(dice: Random, i: int, customer: Invented, at: datetime) -> None:
    roll = dice.random()
    if roll < 0.2:
        _told(i, customer, at, Direction.OUTBOUND, dice.choice(CAST.agents), Result.ANSWERED, dice)
    elif roll < 0.85:
        _told(i, customer, at, Direction.INBOUND, dice.choice(CAST.agents), Result.ANSWERED, dice)
    else:
        _told(i, customer, at, Direction.INBOUND, None, Result.ABANDONED, dice)


def _win_back(dice: Random, first: int, customers: list[Invented]) -> int:
    """Most of whom nobody talked to were called back; a few are still open, so that there is something to do."""
    missed = db.session.scalars(
        sa.select(Call).where(Call.result == Result.ABANDONED, Call.number.is_not(None)).order_by(Call.started_at)
    ).all()
    reached = missed[:-3]
    by_number = {phone: customer for customer in customers for phone, _label in customer.phones}
    for i, call in enumerate(reached):
        assert call.number is not None and call.ended_at is not None
        at = call.ended_at + timedelta(minutes=dice.randrange(4, 25))
        _told(
            first + i, by_number[call.number], at, Direction.OUTBOUND, dice.choice(CAST.agents), Result.ANSWERED, dice
        )
    return len(reached)


def _told(
    i: int, customer: Invented, at: datetime, direction: Direction, agent: Agent | None, result: Result, dice: Random
) -> None:
    wait, talk = float(dice.randrange(4, 40)), float(dice.randrange(40, 400)) if agent else 0.0
    answered_at = at + timedelta(seconds=wait) if agent else None
    ended_at = at + timedelta(seconds=wait + talk)
    queue = dice.choice(CAST.queues)
    legs: tuple[LegSummary, ...] = ()
    if agent:
        legs = (LegSummary(uid=f"demo-{i}.1", line=agent.endpoint, rang_at=at, answered_at=answered_at,
                           ended_at=ended_at, result=LegResult.ANSWERED, talk=talk),)  # fmt: skip
    summary = CallSummary(
        uid=f"demo-{i}", linkedid=None, direction=direction, customer=Caller(customer.phones[0][0], customer.name),
        did=queue.did if direction is Direction.INBOUND else None,
        queue=queue.name if direction is Direction.INBOUND else None,
        agent=agent.endpoint if agent else None, result=result, hangup_by=HungUpBy.CUSTOMER, cause=16,
        started_at=at, answered_at=answered_at, ended_at=ended_at, answered_by=(agent.endpoint,) if agent else (),
        wait=wait, talk=talk, legs=legs,
    )  # fmt: skip
    capture.record(CallEnded(uid=summary.uid, at=ended_at, summary=summary), switch="main")
    if agent:
        _wrap_up(summary.uid, agent.username, dice)


def _wrap_up(uid: str, username: str, dice: Random) -> None:
    with transaction():
        call = db.session.scalars(sa.select(Call).where(Call.uid == uid)).one()
        by = db.session.scalars(sa.select(User).where(User.username == username)).one()
        dispositions = db.session.scalars(sa.select(Disposition).order_by(Disposition.position)).all()
        log_disposition(call, dice.choice(dispositions[:5]), by=by)
