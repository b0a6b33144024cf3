"""A database that is in use is brought up to date, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from config.settings import Settings
from tests.factories import make_call, make_callback
from tests.webapp.tasks.callers import after, ended
from webapp import schema
from webapp.accounts import actions as accounts
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import ROLES, Permission
from webapp.books import actions
from webapp.books.ledger import Balance
from webapp.books.models import Incomplete
from webapp.cli import main
from webapp.db import db, transaction
from webapp.tasks import actions as tasks
from webapp.tasks import promises
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, CallbackState, ClosedAs
from webapp.wrapup import form_rows
from webapp.wrapup.queries import form_for

FIRST = "d420acb7025d"
BEFORE_FORMS = "e3f7a61c20d9"


@pytest.fixture
def old(app: Flask) -> Iterator[Flask]:
    """As the first release left it, with a callback for Dana in it."""
    call, callback = make_call(), make_callback()
    with transaction():
        db.session.add(CallbackCall(call_id=call.id, callback_id=callback.id))
    db.session.remove()
    db.engine.dispose()
    schema.downgrade(app, FIRST)
    yield app
    db.session.remove()
    schema.upgrade(app)


def test_danas_callback_and_its_call_are_still_there(old: Flask) -> None:
    schema.upgrade(old)

    callback = db.session.scalars(sa.select(Callback)).one()
    assert (callback.state, callback.kind, callback.attempts) == (CallbackState.OPEN, CallbackKind.MISSED, 0)
    assert db.session.scalars(sa.select(CallbackCall.callback_id)).all() == [callback.id]


def test_the_new_states_are_allowed_and_unknown_ones_are_not(old: Flask) -> None:
    schema.upgrade(old)

    with transaction():
        db.session.execute(sa.text("UPDATE callback SET state = 'waiting'"))
    with pytest.raises(sa.exc.IntegrityError), transaction():
        db.session.execute(sa.text("UPDATE callback SET state = 'forgotten'"))


@pytest.fixture
def busy(app: Flask, alice: User) -> Iterator[Flask]:
    """Something of everything that an older schema could not hold."""
    ended("1", 0)
    ended("2", 5, number="2310000001")
    with transaction():
        first, second = db.session.scalars(sa.select(Callback).order_by(Callback.first_missed_at)).unique().all()
        tasks.merge(first, second)
        promises.promise("+302310000002", after(60), by=db.session.merge(alice), at=after(0))
        for number, how in enumerate(ClosedAs):
            closed = Callback(number=f"+30231000001{number}", switch="main", state=CallbackState.CLOSED, closed_as=how,
                              first_missed_at=after(0), last_missed_at=after(0), due_at=after(30))  # fmt: skip
            db.session.add(closed)
        actions.open_books("main")
        actions.note_damage("main", after(0), gaps=1, unparseable=0, unwritten=0)
        actions.keep_check(after(0).date(), "main", Balance(), incomplete=Incomplete.DAMAGED)
    db.session.remove()
    db.engine.dispose()
    yield app
    db.session.remove()
    schema.upgrade(app)


def test_every_step_leads_down_and_up_again(busy: Flask) -> None:
    steps = schema.revisions()
    for older in [*steps[-2::-1], "base"]:
        schema.downgrade(busy, older)
    with db.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    for newer in steps:
        schema.upgrade(busy, newer)
    assert schema.is_current(busy) and schema.differences(busy) == []


def test_limits_of_wrap_up_go_into_forms_and_back(app: Flask) -> None:
    with transaction():
        form_rows.save_form("sales", {"limit_seconds": "45", "more_seconds": "15"})
    db.session.remove()
    schema.downgrade(app, BEFORE_FORMS)
    with db.engine.connect() as connection:
        rules = connection.execute(sa.text("SELECT queue, seconds, more_seconds FROM wrap_up_rule")).all()
    assert rules == [("sales", 45, 15)]
    schema.upgrade(app)
    form = form_for("sales")
    assert (form.limit_seconds, form.more_seconds, form.disposition_required, form.fields) == (45, 15, True, [])


@pytest.fixture
def command(app: Flask, settings: Settings) -> Callable[..., Result]:
    env: dict[str, str | None] = {
        "RINGBACK_TEST_DATABASE": None,
        "RINGBACK_DATA_DIR": str(settings.data_dir),
        "RINGBACK_DATABASE_URL": settings.database_url.replace("+psycopg", ""),
    }
    return lambda *arguments: CliRunner().invoke(main, arguments, env=env, catch_exceptions=False)


def may(role: str) -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Role).where(Role.name == role)).one().permissions)


def allow(role: str, *permissions: str) -> None:
    """As an administrator does."""
    with transaction():
        db.session.scalars(sa.select(Role).where(Role.name == role)).one().permissions = list(permissions)


def test_roles_get_what_is_new_and_stay_as_an_administrator_made_them(
    old: Flask, command: Callable[..., Result]
) -> None:
    with transaction():
        told = sa.text("UPDATE role SET permissions = :permissions WHERE name = :name")
        for name, permissions in (("agent", "call:take,call:read_team,callback:work"), ("supervisor", "")):
            db.session.execute(told, {"name": name, "permissions": permissions})

    assert command("db", "upgrade").exit_code == 0

    assert may("agent") == {"call:take", "call:read_team", "callback:work", "absence:own"}
    assert may("supervisor") == {"absence:own", "absence:manage", "ledger:read", "queue:read", "target:set"}
    assert may("admin") == {permission.value for permission in Permission}
    allow("agent", "call:take")
    assert command("db", "upgrade").exit_code == 0
    assert may("agent") == {"call:take"}, "nothing that was taken from them comes back"


def test_a_later_version_gives_what_is_new_and_takes_what_it_gives_no_more(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow("agent", "call:take", "callback:work", "ledger:read")
    new = {"agent": ROLES["agent"] - {Permission.CALLBACK_WORK} | {Permission.SYSTEM_READ}}
    monkeypatch.setattr(accounts, "ROLES", ROLES | new)
    with transaction():
        accounts.ensure_roles()
    assert may("agent") == {"call:take", "ledger:read", "system:read"}
