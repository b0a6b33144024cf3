"""`ringback recoveries` and `ringback ledger check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from config.settings import Settings

if TYPE_CHECKING:
    from telephony.events import CallSummary
    from webapp.books.ledger import Balance
    from webapp.books.models import Recovery

ISO = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"])


@click.command()
@click.option("--since", type=ISO, help="Recovered since then, in the firm's time zone (default: the last 30 days).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, instead of a table.")
def recoveries(since: datetime | None, as_json: bool) -> None:
    """Calls that were made whole from the switches' own books: what was wrong, what it is now, from where, how late."""
    from webapp.books import queries

    app, settings = _app()
    begin = _moment(since, settings) if since else datetime.now(UTC) - timedelta(days=30)
    with app.test_request_context():
        for recovery in queries.recovered_since(begin):
            told = _recovery(recovery)
            click.echo(json.dumps(told, ensure_ascii=False) if as_json else _recovery_line(told))


@click.group()
def ledger() -> None:
    """Does every caller whom the switches offered count, once?"""


@ledger.command()
@click.option("--from", "begin", type=ISO, help="In the firm's time zone (default: its midnight).")
@click.option("--to", "end", type=ISO, help="Up to then, not included; a day without a time: its end (default: now).")
@click.option("--switch", help="Only this one.")
@click.option("--cel", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Check against this file of CEL instead of what was read of the books.")  # fmt: skip
@click.option("--queue-log", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="With --cel.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def check(
    begin: datetime | None, end: datetime | None, switch: str | None, cel: Path | None, queue_log: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Offered = answered + closed + open, and each call of the switch's books is one of ours and told alike.

    Exit status 1 if not.
    """
    from webapp.books.days import bounds, day_at
    from webapp.books.ledger import balance, balance_of
    from webapp.books.patience import GRACE

    app, settings = _app()
    at = datetime.now(UTC)
    first = _moment(begin, settings) if begin else bounds(day_at(at, settings.timezone), settings.timezone)[0]
    last = _end(end, settings) if end else at
    with app.test_request_context():
        if cel or queue_log:
            booked, switch = _files(settings, switch, cel, queue_log)
            found = balance_of(booked, first, last, switch=switch, over_before=at - 2 * GRACE)
        else:
            found = balance(first, last, switch=switch)
    click.echo(json.dumps(_balance(found), ensure_ascii=False, indent=2) if as_json else _balance_text(found))
    sys.exit(not found.balances)


def _app() -> tuple[Any, Settings]:
    from webapp import install
    from webapp.app import create_app

    settings = Settings.from_env()
    app = create_app(settings)
    install.prepare(app)
    return app, settings


def _files(
    settings: Settings, switch: str | None, cel: Path | None, queue_log: Path | None
) -> tuple[list[CallSummary], str]:
    from webapp.books.reading import read_all

    if cel is None or queue_log is None:
        raise click.UsageError("--cel and --queue-log belong together")
    known = {each.name: each for each in settings.switches}
    if switch is None and len(known) != 1:
        raise click.UsageError("--switch: whose books are these?")
    name = switch or next(iter(known))
    if name not in known:
        raise click.BadParameter(f"one of {', '.join(known) or 'none'}", param_hint="--switch")
    return read_all(cel, queue_log, known[name].trunks), name


def _moment(at: datetime, settings: Settings) -> datetime:
    return at.replace(tzinfo=ZoneInfo(settings.timezone)).astimezone(UTC)


def _end(at: datetime, settings: Settings) -> datetime:
    from webapp.books.days import bounds

    whole_day = (at.hour, at.minute, at.second) == (0, 0, 0)
    return bounds(at.date(), settings.timezone)[1] if whole_day else _moment(at, settings)


def _recovery(recovery: Recovery) -> dict[str, Any]:
    call = recovery.call
    return {
        "kind": recovery.kind.value,
        "switch": recovery.switch,
        "call": str(call.id),
        "uid": call.uid,
        "number": call.number,
        "contact": call.party.name if call.party else None,
        "direction": call.direction.value,
        "before": recovery.before,
        "after": recovery.after,
        "source": recovery.source.value,
        "happened_at": recovery.happened_at.isoformat(),
        "recovered_at": recovery.recovered_at.isoformat(),
    }


def _recovery_line(told: dict[str, Any]) -> str:
    happened, recovered = (datetime.fromisoformat(told[name]) for name in ("happened_at", "recovered_at"))
    late = (recovered - happened).total_seconds()
    what = ", ".join(f"{name} {told['before'].get(name, '–')} → {value}" for name, value in told["after"].items())
    who = _plain(told["contact"] or told["number"] or "number withheld")
    told_as = f"a call of {told['direction']}: {told['after'].get('result')}" if told["kind"] == "created" else what
    return f"{happened:%Y-%m-%d %H:%M:%S}Z  {told['kind']:<8}  {who:<24.24}  {late:8.0f} s late  {told_as}"


def _balance(found: Balance) -> dict[str, Any]:
    return {
        "offered": found.offered,
        "answered": found.answered,
        "closed": found.closed,
        "open": found.open,
        "difference": found.difference,
        "balances": found.balances,
        "offenders": [each.as_json() for each in found.offenders],
    }


def _balance_text(found: Balance) -> str:
    first = (
        f"offered {found.offered} = answered {found.answered} + closed {found.closed} + open {found.open}"
        f"{'' if found.difference == 0 else f' + {found.difference} of whom nobody knows'}"
    )
    return "\n".join([first, f"difference {found.difference}", *_offenders(found.offenders)])


def _offenders(found: Sequence[Any]) -> list[str]:
    from webapp.books.shown import FAULTS

    return [
        f"  {each.started_at:%Y-%m-%d %H:%M:%S}Z  {each.switch} {_plain(each.uid)}  {FAULTS[each.fault]}"
        f"{f' ({_plain(each.said)})' if each.said else ''}"
        for each in found
    ]


def _plain(text: str) -> str:
    """A terminal obeys what a caller wrote; here it only shows it."""
    return "".join(mark if mark.isprintable() else "�" for mark in text)
