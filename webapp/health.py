"""Is this installation well? For load balancers, and for the administrator who asks why."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, jsonify

from config.settings import Settings
from webapp import leases
from webapp.db import db
from webapp.mail.queries import stuck

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> Any:
    """503 when the database is away, so that nobody is sent here; a switch that is away is told with 200, since pages
    work without it. Names no secret and no person."""
    checks = {"database": _database()}
    settings: Settings = current_app.extensions["ringback.settings"]
    for switch in settings.all_switches:
        checks[f"switch:{switch.name}"] = _switch(switch.name)
    if settings.smtp_url:
        checks["mail"] = _mail()
    well = all(check["ok"] for check in checks.values())
    return jsonify(status="ok" if well else "degraded", checks=checks), 200 if checks["database"]["ok"] else 503


def _database() -> dict[str, Any]:
    try:
        db.session.execute(sa.text("SELECT 1"))
        return {"ok": True}
    except sa.exc.SQLAlchemyError as error:
        db.session.rollback()
        return {"ok": False, "problem": type(error).__name__}


def _mail() -> dict[str, Any]:
    try:
        waiting = stuck()
    except sa.exc.SQLAlchemyError:
        db.session.rollback()
        return {"ok": False, "problem": "not known"}
    return (
        {"ok": False, "problem": "the mail server does not take it", "waiting": len(waiting)}
        if waiting
        else {"ok": True}
    )


def _switch(name: str) -> dict[str, Any]:
    """As its bridge tells: here, or in the process that holds the lease for it."""
    here = current_app.extensions.get("ringback.bridges", {}).get(name)
    told: dict[str, Any] = here() if here is not None else {"ok": False, "problem": "no bridge follows this switch"}
    if "connected" in told:  # it is this process that follows it: what its lease says is older
        return told
    try:
        facts = leases.facts_of(f"bridge:{name}")
    except sa.exc.SQLAlchemyError:
        db.session.rollback()
        facts = None
    return facts or told
