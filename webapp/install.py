"""What every installation has before anybody works with it: the schema, the roles, words for wrapping up, its own numbers."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from config.settings import Settings
from telephony.events import Resynced
from telephony.numbers import e164
from webapp import leases, schema
from webapp.accounts import breaks
from webapp.accounts.actions import ensure_roles
from webapp.calls import capture
from webapp.calls.models import Call, CallState, Disposition
from webapp.contacts.models import OwnNumber
from webapp.db import db, now, transaction

DISPOSITIONS = (
    ("sale", "Sale"),
    ("offer", "Offer sent"),
    ("question", "Question answered"),
    ("complaint", "Complaint"),
    ("callback", "Wants to be called back"),
    ("wrong_number", "Wrong number"),
)


def prepare(app: Flask) -> None:
    """At every start; does only what is missing."""
    schema.upgrade(app)
    settings: Settings = app.extensions["ringback.settings"]
    with app.app_context(), transaction():
        ensure_roles()
        _plant_dispositions()
        breaks.plant()
        _learn_own_numbers(settings)
    with app.app_context():
        _close_orphans(settings)


def _close_orphans(settings: Settings) -> None:
    """Calls of a switch that is no longer configured: nobody will ever tell their end.

    Unless a process with other settings follows it, as the trial does while `ringback user add` runs beside it."""
    known = [switch.name for switch in settings.all_switches]
    gone = sa.select(Call.switch).where(Call.state != CallState.ENDED, Call.switch.not_in(known)).distinct()
    orphaned = [name for name in db.session.scalars(gone) if leases.facts_of(f"bridge:{name}") is None]
    for name in orphaned:
        capture.reconcile(Resynced(at=now()), switch=name)


def _plant_dispositions() -> None:
    """Until the firm has its own words."""
    if not db.session.scalar(sa.select(sa.func.count()).select_from(Disposition)):
        for position, (code, label) in enumerate(DISPOSITIONS, 1):
            db.session.add(Disposition(code=code, label=label, position=position))


def _learn_own_numbers(settings: Settings) -> None:
    for switch in settings.all_switches:
        for written in switch.own_numbers:
            number = e164(written, switch.region)
            if number and not db.session.get(OwnNumber, number):
                label = switch.did_labels.get(written, "")
                db.session.add(OwnNumber(value=number, label=label, switch=switch.name, shown=True))
                db.session.flush()
