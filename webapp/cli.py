"""The `ringback` command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

import click

from config.settings import VARIABLES, BadSettings, Settings
from webapp import cli_ledger

if TYPE_CHECKING:
    from flask import Flask

    from telephony.ami.frames import Frame
    from webapp.accounts.models import User


class Commands(click.Group):
    """Settings and users' mistakes end a command with a sentence, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from webapp.errors import RingbackError

        try:
            return super().invoke(ctx)
        except BadSettings as error:
            raise click.ClickException("these settings are wrong:\n  " + "\n  ".join(error.problems)) from error
        except RingbackError as error:
            fields = "".join(f"\n  {field}: {problem}" for field, problem in error.fields.items())
            raise click.ClickException(f"{error.message}{fields}") from error
        except Exception as error:
            from webapp.db import AWAY  # not before: not every command needs a database

            if not isinstance(error, AWAY):
                raise
            told = str(error.__cause__ or error).splitlines()
            raise click.ClickException(f"the database does not answer: {told[0] if told else error!r}") from error


@click.group(cls=Commands)
@click.version_option(package_name="ringback")
def main() -> None:
    """Ringback: a call-centre CRM in which the phone is native and no lead is lost."""


def _app() -> Flask:
    from webapp import install
    from webapp.app import create_app

    app = create_app(Settings.from_env())
    install.prepare(app)
    return app


@main.command()
@click.option("--pbx", type=click.Choice(["trial", "fake", "none"]), default="trial", show_default=True,
              help="trial: a local Asterisk with simulated customers; fake: recordings; none: your own PBX.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (RINGBACK_PORT).")
@click.option("--quiet-traffic", is_flag=True, help="No simulated customers of their own accord.")
def run(pbx: str, port: int | None, quiet_traffic: bool) -> None:
    """Everything in one process: web, bridge, jobs, and a trial PBX to look at it with."""
    from webapp.run import run_all

    run_all(pbx=pbx, port=port, traffic=not quiet_traffic)


@main.command()
def web() -> None:
    """The web server alone (for development; in production gunicorn serves webapp.wsgi)."""
    from webapp.run import serve

    serve(_app())


@main.command()
@click.argument("switch")
def bridge(switch: str) -> None:
    """Follow one switch and write down its calls."""
    from webapp.run import run_bridge

    run_bridge(_app(), switch)


@main.command()
def worker() -> None:
    """Background jobs and their clock, on Redis."""
    from webapp.run import run_worker

    run_worker(_app())


@main.group()
def db() -> None:
    """The database's schema."""


@db.command()
def upgrade() -> None:
    """Bring the schema up to date; nothing is lost, and doing it twice does nothing."""
    _app()
    click.echo("The database is up to date.")


@db.command()
@click.argument("message")
def revise(message: str) -> None:
    """Write a migration for what the models have and the database has not (developers)."""
    from webapp import schema
    from webapp.app import create_app

    app = create_app(Settings.from_env())
    schema.upgrade(app)
    schema.revise(app, message)


@main.group()
def user() -> None:
    """Who works here."""


@user.command("add")
@click.argument("username")
@click.option("--name", required=True, help="As colleagues read it.")
@click.option("--role", type=click.Choice(["agent", "supervisor", "admin"]), default="agent", show_default=True)
@click.option("--email", default="", help="Also usable to log in.")
@click.option("--team", help="Made when it is not there.")
@click.option("--head", is_flag=True, help="Head of that team.")
@click.option("--line", "lines", multiple=True, help="A phone of theirs, e.g. PJSIP/alice. Repeatable.")
@click.option("--browser-line", "browser_lines", multiple=True, help="One that is their page itself, e.g. PJSIP/alice.")
@click.option("--switch", default="main", show_default=True, help="The switch of those lines.")
@click.option("--password-file", type=click.File("r"), help="Where the password is read from (- is standard input).")
def user_add(
    username: str, name: str, role: str, email: str, team: str | None, head: bool, lines: tuple[str, ...],
    browser_lines: tuple[str, ...], switch: str, password_file: Any,
) -> None:  # fmt: skip
    """Add an employee. Without --password-file the password is asked for."""
    from webapp.accounts.actions import add_user, set_head
    from webapp.db import transaction

    if password_file:
        password = password_file.read().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise click.ClickException("no terminal to ask for a password; give --password-file (- is standard input)")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    app = _app()
    known = [each.name for each in app.extensions["ringback.settings"].all_switches]
    if lines + browser_lines and known and switch not in known:
        raise click.BadParameter(f"one of {', '.join(known)}", param_hint="--switch")
    with app.test_request_context(), transaction():
        added = add_user(
            username, name, role=role, password=password, email=email, team=team, lines=lines,
            browser_lines=browser_lines, switch=switch,
        )  # fmt: skip
        if head and team:
            set_head(team, added)
    click.echo(f"{name} can log in as {added.username}.")


@user.command("phone")
@click.argument("username")
@click.argument("line")
@click.option("--browser/--desk", "in_browser", required=True, help="It is their page itself · a thing on their desk.")
def user_phone(username: str, line: str, in_browser: bool) -> None:
    """Where somebody's phone is. For one in the browser, take it out of pjsip.conf first: Ringback makes its account."""
    from webapp.accounts.actions import move_phone
    from webapp.db import transaction

    app = _app()
    with app.test_request_context(), transaction():
        found = _user(username)
        move_phone(found, line, in_browser=in_browser)
        click.echo(f"{line} is {'the page' if in_browser else 'on the desk'} of {found.name}, from the next page on.")


@user.command("deactivate")
@click.argument("username")
def user_deactivate(username: str) -> None:
    """Somebody does not work here any more: they are logged out everywhere, and what is theirs goes to others."""
    from webapp.accounts.actions import deactivate
    from webapp.db import now, transaction

    app = _app()
    with app.test_request_context():
        with transaction():
            found = _user(username)
            deactivate(found, at=now())
        click.echo(f"{found.name} cannot log in any more.")


@user.command("activate")
@click.argument("username")
def user_activate(username: str) -> None:
    """Somebody works here again, with the password that they had."""
    from webapp.accounts.actions import activate
    from webapp.db import transaction

    app = _app()
    with app.test_request_context():
        with transaction():
            found = _user(username)
            activate(found)
        click.echo(f"{found.name} can log in as {found.username}.")


def _user(username: str) -> User:
    from webapp.accounts.queries import by_username

    found = by_username(username)
    if found is None:
        raise click.BadParameter(f"nobody is called {username}", param_hint="USERNAME")
    return found


@user.command("absent")
@click.argument("username")
@click.option(
    "--from", "begins", required=True, help="A day or a moment in the firm's time: 2026-12-01, 2026-12-01T14:00."
)
@click.option("--until", "ends", required=True, help="The same; of a day the whole is meant.")
@click.option("--note", "--reason", "note", default="", help="Why, for supervisors.")
def user_absent(username: str, begins: str, ends: str, note: str) -> None:
    """Somebody is ill or on holiday: nothing new comes to them, and what is theirs goes to others."""
    from webapp.accounts.actions import add_absence
    from webapp.db import transaction

    app = _app()
    zone = app.extensions["ringback.settings"].timezone
    begins_at, ends_at = _moment(begins, zone, "--from"), _moment(ends, zone, "--until", end_of_day=True)
    with app.test_request_context(), transaction():
        found = _user(username)
        add_absence(found, begins_at, ends_at, note)
        click.echo(f"{found.name} is absent from {begins_at:%Y-%m-%d %H:%M} until {ends_at:%Y-%m-%d %H:%M} ({zone}).")


def _moment(text: str, zone: str, option: str, *, end_of_day: bool = False) -> datetime:
    """As somebody writes it, on the firm's clock."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("not like 2026-12-01 or 2026-12-01T14:00", param_hint=option) from error
    if end_of_day and len(text) <= len("2026-12-01"):
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


@main.group()
def demo() -> None:
    """A firm to look at."""


@demo.command()
def seed() -> None:
    """Four agents, a supervisor, an administrator, two queues and 200 contacts; does nothing where they are."""
    from webapp.demo import seed as plant

    app = _app()
    with app.test_request_context():
        for line in plant():
            click.echo(line)


@demo.command()
@click.option("--from", "number", help="The customer's number.")
@click.option("--name", default="", help="The name the line shows.")
@click.option("--queue", default="sales", show_default=True)
@click.option("--answer/--abandon", "answered", default=None, help="Somebody answers · the caller gives up.")
def call(number: str | None, name: str, queue: str, answered: bool | None) -> None:
    """One simulated customer calls the trial PBX of the running `make run`."""
    from webapp.run import demo_call

    click.echo(demo_call(number, name, queue, answered))


@demo.command()
@click.option("--product", default="http://127.0.0.1:5000", show_default=True, help="Where Ringback listens.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of its REST API; 0: a free one.")
@click.option("--traffic/--no-traffic", default=True, show_default=True, help="Simulated customers call.")
def twilio(product: str, port: int, traffic: bool) -> None:
    """A Twilio account that is none, on this machine alone: customers call, agents answer, nothing costs anything."""
    from webapp.run import demo_twilio

    demo_twilio(product, port=port, traffic=traffic)


@main.command()
@click.argument("files", nargs=-1, type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, instead of a table.")
@click.option("--trunk", "trunks", multiple=True, default=("PJSIP/trunk",), show_default=True,
              help="An endpoint behind which customers are. Repeatable.")  # fmt: skip
def replay(files: tuple[BinaryIO, ...], as_json: bool, trunks: tuple[str, ...]) -> None:
    """The customer calls in recorded AMI streams or journals (also .gz; - or nothing: standard input)."""
    from telephony.ami.frames import read_frames
    from telephony.replay import as_truth, derive

    show: Callable[[dict[str, Any]], str] = _json_line if as_json else _table_line
    for file in files or (sys.stdin.buffer,):
        frames = Counted(read_frames(file))
        for summary in derive(frames, trunks):
            click.echo(show(as_truth(summary)))
        if not frames.count:
            raise click.ClickException(f"{getattr(file, 'name', 'standard input')}: no AMI frame in it")


class Counted:
    """Frames, and how many there were."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames, self.count = frames, 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.count += bool(len(frame))
            yield frame


def _json_line(call: dict[str, Any]) -> str:
    return json.dumps(call, ensure_ascii=False)


def _table_line(call: dict[str, Any]) -> str:
    who = ", ".join(call["answered_by"]) or "nobody"
    return (
        f"{call['started_at'] or '?':<28} {call['direction']:<9} {call['customer']!s:<20.40} "
        f"{call['result'] or 'open':<18} by {who:<20} wait {call['wait']:6.1f} s  talk {call['talk']:6.1f} s"
    )


@main.command("settings")
def show_settings() -> None:
    """Every setting there is, and whether the present ones are right."""
    for name, meaning in VARIABLES.items():
        click.echo(f"{name:<28} {meaning}")
    Settings.from_env()
    click.echo("\nThe present settings are right.")


@main.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def examine(as_json: bool) -> None:
    """Is everything right? Each fault with its mend; exit status 1 if there is one. Changes nothing.

    Where no switch is configured and a trial runs (`make run`), the trial's is examined.
    """
    from dataclasses import replace

    from webapp import doctor
    from webapp.app import create_app
    from webapp.run import beside_trial

    app = create_app(replace(beside_trial(Settings.from_env()), log_level="CRITICAL"))
    examined = [*doctor.examine_all(app)]
    if as_json:
        click.echo(json.dumps(doctor.as_json(examined), ensure_ascii=False, indent=2))
    else:
        for line, colour in (*doctor.lines(examined), *((line, None) for line in doctor.summary(examined))):
            click.secho(line, fg=colour)
    sys.exit(doctor.has_fault(examined))


@main.group()
def assets() -> None:
    """What browsers load."""


@assets.command("build")
def build_assets() -> None:
    """Build scripts and styles if they are missing or older than their sources."""
    from webapp.assets_build import build

    build(say=click.echo)


main.add_command(cli_ledger.recoveries)
main.add_command(cli_ledger.ledger)


if __name__ == "__main__":
    main()
