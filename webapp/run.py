"""Entry points of the `ringback` command: all in one process, or each part alone."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from random import Random
from typing import Any, Literal

import click
import flask.cli
import sqlalchemy as sa
from flask import Flask

from config.settings import BadSettings, Settings
from webapp import demo, install, jobs, switches
from webapp.accounts.models import User
from webapp.app import create_app
from webapp.bridges import BridgeKeeper
from webapp.db import db
from webapp.demo_contacts import contacts
from webapp.live import socketio
from webapp.trial import recordings
from webapp.trial.install import default_cache, ensure_sipp, find_or_install
from webapp.trial.pbx import NoTrial, Pbx, PbxFailed, RunningTrial
from webapp.trial.people import cast
from webapp.trial.phones import Phones, everyone
from webapp.trial.traffic import Customer, Traffic, place_call
from webapp.trial.twilio import TwilioTrial

SWITCH = "main"


def say(words: str) -> None:
    click.echo(f"ringback: {words}")


def run_all(*, pbx: str, port: int | None, traffic: bool) -> None:
    """Until Ctrl-C, which ends all of it."""
    settings = _settings(pbx, port)
    _interrupt_on_termination()
    with ExitStack() as everything:
        everything.enter_context(_alone(settings))
        settings = _on_a_free_port(settings, asked=port is not None or "RINGBACK_PORT" in os.environ)
        settings, customers = _with_switch(settings, pbx, traffic, everything)
        app = create_app(settings)
        install.prepare(app)
        if pbx != "none":
            _plant(app)
        everything.callback(switches.close_all, app)
        everything.enter_context(_background(app))
        for begin in customers:
            everything.enter_context(begin)
        _greet(app)
        serve(app)


def serve(app: Flask) -> None:
    """Threads of this process; behind gunicorn, webapp.wsgi is served instead."""
    settings: Settings = app.extensions["ringback.settings"]
    flask.cli.show_server_banner = lambda *_: None
    with suppress(KeyboardInterrupt):  # which werkzeug itself takes when it comes between two requests
        socketio.run(app, host=settings.host, port=settings.port, allow_unsafe_werkzeug=True, log_output=False)
    say("ending …")


def run_bridge(app: Flask, name: str) -> None:
    settings: Settings = app.extensions["ringback.settings"]
    try:
        switch = settings.any_switch(name)
    except StopIteration:
        known = ", ".join(switch.name for switch in settings.all_switches) or "none"
        raise click.ClickException(f"no switch is called {name}; RINGBACK_SWITCHES has: {known}") from None
    _interrupt_on_termination()
    try:
        BridgeKeeper(app, switch).run()
    except KeyboardInterrupt:
        say("ending …")


def run_worker(app: Flask) -> None:
    settings: Settings = app.extensions["ringback.settings"]
    if not settings.redis_url:
        raise click.ClickException("RINGBACK_REDIS_URL is not set; without Redis `ringback run` does the jobs itself")
    jobs.celery.worker_main(["worker", "--beat", "--loglevel=WARNING", "--pool=threads", "--concurrency=4",
                             f"--schedule={settings.data_dir / 'beat'}"])  # fmt: skip


def demo_call(number: str | None, name: str, queue: str, answered: bool | None) -> str:
    """From another terminal, into the trial that runs."""
    settings = Settings.from_env()
    people = cast()
    if queue not in {each.name for each in people.queues}:
        raise click.BadParameter(f"one of {', '.join(each.name for each in people.queues)}", param_hint="--queue")
    if number and not re.fullmatch(r"\+?[0-9]{3,15}", number):
        raise click.BadParameter("digits, with a + in front if you like", param_hint="--from")
    sipp = ensure_sipp(default_cache(), say)
    if sipp is None:
        raise click.ClickException("SIPp cannot be installed here, so nobody can be simulated")
    dice = Random()
    regular, its_name = dice.choice(_callers())
    customer = Customer(number or regular, name or ("" if number else its_name))
    mode: Literal["answer", "abandon", "wait"] = "wait" if answered is None else "answer" if answered else "abandon"
    try:
        trial = RunningTrial.at(settings.data_dir / "trial")
        place_call(trial, sipp, customer, people.did(queue), mode=mode, after=4.0, say=say)
    except (NoTrial, PbxFailed) as error:
        raise click.ClickException(str(error)) from error
    return ""


def demo_twilio(product_url: str, *, port: int, traffic: bool) -> None:
    """Until Ctrl-C."""
    _interrupt_on_termination()
    customers = [number for number, _ in _callers()]
    with TwilioTrial(cast(), product_url.rstrip("/"), say, port=port) as trial:
        say(f"an account to try Ringback with; its API is at {trial.base_url}. In the switches file:")
        click.echo(trial.table("twilio"))
        if traffic:
            trial.start_traffic(customers)
            say("customers call as soon as a number leads to Ringback")
        with suppress(KeyboardInterrupt):
            trial.wait()
        say("ending …")


def beside_trial(settings: Settings) -> Settings:
    """For another terminal: where no switch is configured, the one of the trial that runs in the same data directory."""
    if settings.switches:
        return settings
    try:
        return replace(settings, switches=(RunningTrial.at(settings.data_dir / "trial").switch(SWITCH),))
    except NoTrial:
        return settings


def _settings(pbx: str, port: int | None) -> Settings:
    env = dict(os.environ)
    if pbx != "none":
        env.setdefault("RINGBACK_TRIAL", "yes")
    if port is not None:
        env["RINGBACK_PORT"] = str(port)
    return Settings.from_env(env)


def _on_a_free_port(settings: Settings, *, asked: bool) -> Settings:
    """The next free one, unless somebody asked for just this."""
    if _is_free(settings.host, settings.port):
        return settings
    if asked:
        raise BadSettings([f"RINGBACK_PORT: {settings.port} is in use"])
    free = next(candidate for candidate in range(settings.port + 1, 65536) if _is_free(settings.host, candidate))
    say(f"port {settings.port} is in use, so this runs on {free}")
    return replace(settings, port=free)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two of these in one data directory would play with one PBX and write one journal."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise click.ClickException(
                f"Ringback runs already with {settings.data_dir}. End it first, or give this one another RINGBACK_DATA_DIR."
            ) from None
        yield


def _interrupt_on_termination() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _with_switch(settings: Settings, pbx: str, traffic: bool, everything: ExitStack) -> tuple[Settings, list[Any]]:
    """The settings with their switch, and what is to begin when the web server is about to: phones and customers."""
    if pbx == "none":
        return settings, []
    if pbx == "trial":
        made = _trial(settings, traffic, everything)
        if made is not None:
            return made
        say("so recordings of real calls are played instead: the same way from the AMI socket up")
    fake = everything.enter_context(recordings.Player(cast(), say))
    return replace(settings, switches=(fake.switch(SWITCH),)), [fake.playing(_callers())] if traffic else []


def _trial(settings: Settings, traffic: bool, everything: ExitStack) -> tuple[Settings, list[Any]] | None:
    cache = default_cache()
    installation = find_or_install(cache, say)
    if installation is None:
        return None
    sipp = ensure_sipp(cache, say)
    if sipp is None:
        return None
    say("starting the trial's Asterisk")
    pbx = Pbx(installation, settings.data_dir / "trial")
    try:
        everything.enter_context(pbx)
    except PbxFailed as error:
        say(f"the trial's Asterisk did not start: {error}")
        return None
    phones = Phones(pbx, sipp, everyone(pbx, Random()), say)
    begin: list[Any] = [phones, *([Traffic(pbx, sipp, _callers(), say)] if traffic else [])]
    return replace(settings, switches=(pbx.switch(SWITCH),)), begin


def _callers() -> list[tuple[str, str]]:
    regulars = list(contacts())[: demo.REGULARS]
    return [(phone, customer.name) for customer in regulars for phone, _label in customer.phones[:1]]


def _plant(app: Flask) -> None:
    with app.test_request_context():
        for line in demo.seed():
            say(line)
    app.extensions["ringback.demo_logins"] = demo.logins(app.extensions["ringback.settings"].data_dir)


@contextmanager
def _background(app: Flask) -> Iterator[None]:
    settings: Settings = app.extensions["ringback.settings"]
    keepers = [BridgeKeeper(app, settings.any_switch(switch.name)) for switch in settings.all_switches]
    embedded = jobs.Embedded() if not settings.redis_url else None
    for keeper in keepers:
        keeper.start()
    if embedded:
        embedded.start()
    try:
        yield
    finally:
        if embedded:
            embedded.stop()
        for keeper in keepers:
            keeper.stop()


def unready(app: Flask) -> list[str]:
    """What somebody who begins with an own PBX has not done yet."""
    settings: Settings = app.extensions["ringback.settings"]
    with app.app_context():
        alone = db.session.scalar(sa.select(sa.func.count()).select_from(User)) == 0
    missing = []
    if not settings.all_switches:
        missing.append("No PBX is configured, so no calls are followed: see RINGBACK_SWITCHES in the README.")
    if alone:
        missing.append("Nobody can log in yet: ringback user add NAME --name … --line PJSIP/…")
    return missing


def _greet(app: Flask) -> None:
    settings: Settings = app.extensions["ringback.settings"]
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host  # noqa: S104
    click.echo(f"\n  Ringback is at  http://{host}:{settings.port}\n")
    for person in app.extensions.get("ringback.demo_logins", []):
        click.echo(f"  {person['username']:<8} {person['password']:<14} {person['name']}, {person['role']}")
    for advice in unready(app):
        click.echo(f"  {advice}")
    if app.extensions.get("ringback.demo_logins"):
        click.echo("\n  Log in as an agent: within half a minute a customer calls. Ctrl-C ends everything.")
    click.echo(f"  {time.strftime('%H:%M:%S')} ready\n")
    sys.stdout.flush()
