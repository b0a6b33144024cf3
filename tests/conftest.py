"""What every test shares: an application on a database of its own, and the people of the stories.

`RINGBACK_TEST_DATABASE=postgresql` runs the same tests on a PostgreSQL that is started for them and stopped afterwards.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined

from config.settings import Settings
from telephony.fake.switch import FakeSwitch
from tests.postgresql import PostgreSQL, find_binaries
from webapp import live, schema, switches
from webapp.accounts.actions import add_user, ensure_roles
from webapp.accounts.models import User
from webapp.app import create_app
from webapp.db import db, transaction
from webapp.live import socketio

PASSWORD = "a long password"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "req(row): the row of the requirements that this test proves")
    config.addinivalue_line("markers", "postgresql: what cannot happen on SQLite")
    config.addinivalue_line("markers", "journey: drives real parts (Asterisk, Chromium, SIPp)")
    config.addinivalue_line("markers", "patient: a journey that waits more than it works, so it goes beside others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stories of PostgreSQL alone are told there alone; nothing is skipped."""
    if os.environ.get("RINGBACK_TEST_DATABASE", "sqlite") == "sqlite":
        elsewhere = [item for item in items if item.get_closest_marker("postgresql")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """On CI nothing may be missing: a test that is skipped there has failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI: {report.longrepr}"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if os.environ.get("RINGBACK_TEST_DATABASE", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('db') / 'ringback.db'}"
        return
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed")
    with PostgreSQL(binaries) as server:
        yield server.url


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    switches_file = tmp_path_factory.mktemp("switches") / "switches.toml"
    switches_file.write_text(SWITCHES, encoding="utf-8")
    return Settings.from_env(
        {
            "RINGBACK_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "RINGBACK_DATABASE_URL": database_url,
            "RINGBACK_SWITCHES": str(switches_file),
            "RINGBACK_LOG_LEVEL": "WARNING",
        }
    )


SWITCHES = """
[main]
host = "127.0.0.1"
port = 1
events_user = "ringback-events"
events_secret = "not used in these tests"
commands_user = "ringback-commands"
commands_secret = "not used in these tests"
trunks = ["PJSIP/trunk"]
did_labels = { "2100000100" = "Sales line" }
"""


@pytest.fixture(autouse=True)
def _leave_the_log_as_it_was() -> Iterator[None]:
    """An application, and each command, sets the level of the whole process; the linter of imports silences all others."""
    root = logging.getLogger()
    level, handlers, silent = root.level, list(root.handlers), {log for log in _loggers() if log.disabled}
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for log in _loggers():
        log.disabled = log in silent


def _loggers() -> list[logging.Logger]:
    return [log for log in logging.root.manager.loggerDict.values() if isinstance(log, logging.Logger)]


@pytest.fixture(scope="session")
def installed_app(settings: Settings) -> Flask:
    """The application as it is installed: its schema made by its own migrations."""
    app = create_app(settings)
    app.extensions["security"].pwd_context.update(argon2__time_cost=1, argon2__memory_cost=64)  # it is slow on purpose
    app.config["TESTING"] = True
    app.config["WTF_CSRF_ENABLED"] = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client_class = Browser
    app.jinja_env.undefined = StrictUndefined  # a template asks for nothing that nobody fills in
    schema.upgrade(app)
    return app


@pytest.fixture
def app(installed_app: Flask) -> Iterator[Flask]:
    if socketio.sockio_mw.flask_app is not installed_app:  # another one was made since, and has the sockets
        live.init(installed_app, installed_app.extensions["ringback.settings"])
    with installed_app.app_context():
        _empty()
        with transaction():
            ensure_roles()
        yield installed_app
        db.session.rollback()
        db.session.remove()


def _empty() -> None:
    """Of what the last story wrote; one question tells in which tables."""
    tables = db.metadata.sorted_tables
    with transaction():
        written = db.session.execute(_which_have_rows()).one()
        for table, has_rows in reversed(list(zip(tables, written, strict=True))):
            if has_rows:
                db.session.execute(table.delete())


@functools.cache
def _which_have_rows() -> sa.TextClause:
    return sa.text("SELECT " + ", ".join(f'EXISTS (SELECT 1 FROM "{table}")' for table in db.metadata.sorted_tables))


@pytest.fixture
def unwritten(app: Flask) -> Iterator[None]:
    """For what is so much that to delete it takes longer than to write it: nothing of it is ever committed."""
    yield
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":  # where rows that never were are in the way of those that are
        with transaction():
            names = ", ".join(f'"{table}"' for table in db.metadata.sorted_tables)
            db.session.execute(sa.text(f"TRUNCATE {names}"))


@pytest.fixture
def switch(app: Flask) -> FakeSwitch:
    """A switch that writes down what it is asked to do."""
    fake = FakeSwitch("main")
    switches.use(app, fake)
    return fake


@pytest.fixture
def person(app: Flask) -> Callable[..., User]:
    def add(username: str, name: str, role: str = "agent", **more: object) -> User:
        lines = more.pop("lines", (f"PJSIP/{username}",))
        with transaction():
            return add_user(username, name, role=role, password=PASSWORD, lines=lines, **more)  # type: ignore[arg-type]

    return add


@pytest.fixture
def alice(person: Callable[..., User]) -> User:
    return person("alice", "Alice Martin", team="Sales")


@pytest.fixture
def bob(person: Callable[..., User]) -> User:
    return person("bob", "Bob Keller", team="Sales")


@pytest.fixture
def charlie(person: Callable[..., User]) -> User:
    return person("charlie", "Charlie Dupont", team="Support")


@pytest.fixture
def sofia(person: Callable[..., User]) -> User:
    return person("sofia", "Sofia Head", role="supervisor", team="Sales", lines=())


class Browser(FlaskClient):
    """Each request as a server would see it: in a context of its own, not in the test's."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return contextvars.Context().run(super().open, *args, **kwargs)


@pytest.fixture
def as_(app: Flask) -> Callable[[User], FlaskClient]:
    """A browser in which this user is logged in."""

    def log_in(user: User) -> FlaskClient:
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = user.fs_uniquifier
            session["_fresh"] = True
            session["fs_cc"] = "set"
            session["identity.id"] = user.fs_uniquifier
        return client

    return log_in


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser in which nobody is logged in."""
    return app.test_client()


@pytest.fixture
def fixtures_dir() -> Path:
    return Path(__file__).parent / "fixtures"
