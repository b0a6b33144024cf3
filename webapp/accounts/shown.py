"""People and their absences as pages show them."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import format_date, format_datetime

from webapp.accounts.models import Absence


def span(absence: Absence) -> str:
    """From when until when, on the firm's clock; of whole days only the days are named."""
    begins, ends = _local(absence.begins_at), _local(absence.ends_at)
    first = _day(begins) if begins.time() == time() else _moment(begins)
    last = _day(ends - timedelta(days=1)) if ends.time() == time() else _moment(ends)
    return first if first == last else f"{first} – {last}"


def _local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(current_app.config["BABEL_DEFAULT_TIMEZONE"])).replace(tzinfo=None)


def _day(local: datetime) -> str:
    return str(format_date(local, "d MMM y", rebase=False))


def _moment(local: datetime) -> str:
    return str(format_datetime(local, "d MMM y HH:mm", rebase=False))
