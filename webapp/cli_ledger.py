"""`ringback recoveries` and `ringback ledger check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from config.settings import Settings

if TYPE_CHECKING:
    from telephony.events import CallSummary
    from webapp.books.checking import IncompleteDay
    from webapp.books.ledger import Balance
    from webapp.books.models import Recovery

INCOMPLETE = 3  # exit status
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
        found = queries.recovered_since(begin)
        for recovery in found:
            told = _recovery(recovery)
            click.echo(json.dumps(told, ensure_ascii=False) if as_json else _recovery_line(told))
        if not found:
            click.echo(f"Nothing was recovered since {begin:%Y-%m-%d %H:%M}Z.", err=True)


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

    \b
    Exit status
      0  it balances, and the books of all these days were read whole
      1  it does not balance
      2  the command was wrong
      3  nothing wrong was found, but the books of a day were not read whole: that proves nothing yet

    Files that are given with --cel count as whole.
    """
    from webapp.books import ledger
    from webapp.books.checking import incomplete_days
    from webapp.books.days import bounds, day_at
    from webapp.books.patience import GRACE
    from webapp.tasks.queries import broken_rules

    app, settings = _app()
    at = datetime.now(UTC)
    first = _moment(begin, settings) if begin else bounds(day_at(at, settings.timezone), settings.timezone)[0]
    last = min(_end(end, settings), at) if end else at
    if first >= at:
        raise click.BadParameter("this time has not come yet", param_hint="--from")
    with app.test_request_context():
        if cel or queue_log:
            booked, switch = _files(settings, switch, cel, queue_log)
            found = ledger.balance_of(booked, first, last, switch=switch, over_before=at - 2 * GRACE)
            incomplete, read = [], {}
        else:
            switches = _switches(settings, switch)
            found = ledger.balance(first, last, switch=switch)
            named = [offender.call_id for offender in found.offenders]
            found.offenders += ledger.broken(broken_rules(), first, last, switch=switch, but=named)
            incomplete, read = incomplete_days(first, last, switches, at=at), _read_up_to(switches)
        told = _balance(found, incomplete) | {"read_up_to": {name: at and at.isoformat() for name, at in read.items()}}
        click.echo(
            json.dumps(told, ensure_ascii=False, indent=2) if as_json else _balance_text(found, incomplete, read)
        )
    sys.exit(1 if not found.balances else INCOMPLETE if incomplete else 0)


def _read_up_to(switches: Sequence[str]) -> dict[str, datetime | None]:
    from webapp.books import queries

    places = {name: queries.place_of(name) for name in switches}
    return {name: place.read_up_to if place else None for name, place in places.items()}


def _switches(settings: Settings, asked: str | None) -> list[str]:
    """Those whose books are to be looked at: of a switch whose books nobody reads, nothing is proven either."""
    from webapp.books import queries

    known = sorted({switch.name for switch in settings.switches} | set(queries.switches_with_books()))
    if asked is not None and asked not in known:
        raise click.BadParameter(f"one of {', '.join(known) or 'none'}", param_hint="--switch")
    return [asked] if asked else known


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


def _balance(found: Balance, incomplete: Sequence[IncompleteDay]) -> dict[str, Any]:
    return {
        "offered": found.offered,
        "answered": found.answered,
        "closed": found.closed,
        "open": found.open,
        "difference": found.difference,
        "balances": found.balances and not incomplete,
        "incomplete": [
            {"day": each.day.isoformat(), "switch": each.switch, "why": each.why.value} for each in incomplete
        ],
        "offenders": [each.as_json() for each in found.offenders],
    }


def _balance_text(found: Balance, incomplete: Sequence[IncompleteDay], read: Mapping[str, datetime | None]) -> str:
    from webapp.books.shown import why_incomplete

    first = (
        f"offered {found.offered} = answered {found.answered} + closed {found.closed} + open {found.open}"
        f"{'' if found.difference == 0 else f' + {found.difference} of whom nobody knows'}"
    )
    days = [f"  {each.day}  {each.switch}  not complete: {why_incomplete(each.why)}" for each in incomplete]
    books = [
        f"books of {name}: {f'read up to {at:%Y-%m-%d %H:%M:%S}Z' if at else 'never read'}" for name, at in read.items()
    ]
    return "\n".join([first, f"difference {found.difference}", *_offenders(found.offenders), *days, *books])


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
