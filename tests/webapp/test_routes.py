"""Who reaches what: every route that there is, asked for by everybody. A new route has to be written down here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_disposition, make_party
from webapp.accounts.actions import add_absence
from webapp.accounts.models import BreakReason, User
from webapp.db import db, now, transaction
from webapp.notices.models import Notice
from webapp.scripts import script_rows

As = Callable[[User], FlaskClient]
Ask = Callable[..., Any]

ROLES = ("agent", "supervisor", "admin")
TO_LOG_IN, FORBIDDEN, NOT_FOUND, NOT_SO = 401, 403, 404, 405
# the way in and out, what pages are made of, whether all is well: for nobody, for somebody
FOR_ANYBODY = {
    "GET /": (302, 302),  # to the desk
    "GET /login": (200, 200),
    "POST /login": (400, 400),
    "POST /logout": (200, 200),
    "GET /health": (200, 200),
    "GET /sw.js": (200, 200),
    "GET /offline": (200, 200),
    "POST /books/<switch>/<kind>": (401, 401),  # a spooler's, which has a token
    "GET /static/<path:filename>": (200, 200),
    "GET /fs-static/<path:filename>": (404, 404),
}
# whoever is logged in, about themselves
FOR_EMPLOYEES = {
    "GET /desk": 200,
    "GET /desk/badges": 200,
    "GET /desk/callbar": 200,
    "GET /palette": 200,
    "POST /push/key": 200,
    "POST /push/subscriptions": 422,  # no browser
    "POST /push/subscriptions/remove": 204,
    "POST /calling": 422,  # no list of numbers
    "GET /desk/status": 200,
    "GET /live/since": 200,
    "POST /live/painted": 204,
    "GET /notices": 200,
    "GET /notices/bell": 200,
    "POST /notices/read": 204,
    "POST /notices/<uuid:notice_id>/read": 204,
    "POST /me/preferences": 204,
    "POST /me/here": 204,
    "POST /me/status": 204,
    "GET /verify": 200,
    "POST /verify": 400,
}
# who has the permission: agents, supervisors and administrators alike
FOR_ROLES = {
    "GET /callbacks": 200,
    "GET /callbacks/rows": 200,
    "GET /callbacks/schedule": 200,
    "POST /callbacks/schedule": 201,
    "GET /callbacks/<uuid:callback_id>/details": 200,
    "POST /callbacks/<uuid:callback_id>/call": 201,
    "POST /callbacks/<uuid:callback_id>/claim": 204,
    "POST /callbacks/<uuid:callback_id>/dismiss": 204,
    "POST /callbacks/<uuid:callback_id>/release": 409,  # it is not theirs
    "POST /callbacks/<uuid:callback_id>/restore": 409,  # nobody dismissed it
    "POST /callbacks/<uuid:callback_id>/renew": 409,  # nor is this
    "GET /calls": 200,
    "POST /calls": 201,
    "GET /calls/<uuid:call_id>": 200,
    "POST /calls/<uuid:call_id>/answer": 409,  # it is over
    "POST /calls/<uuid:call_id>/wrap-up": 204,
    "PUT /calls/<uuid:call_id>/wrap-up": 204,
    "GET /calls/<uuid:call_id>/script": 200,
    "PUT /calls/<uuid:call_id>/script": 204,
    "POST /calls/<uuid:call_id>/script": 409,  # no step was said
    "POST /calls/<uuid:call_id>/script/back": 409,  # nor here
    "POST /calls/<uuid:call_id>/script/restart": 200,
    "POST /calls/<uuid:call_id>/digits": 409,  # it is over
    "POST /calls/<uuid:call_id>/hold": 409,  # it is over
    "POST /calls/<uuid:call_id>/mute": 409,  # it is over
    "POST /calls/<uuid:call_id>/consultation": 422,  # of what
    "POST /calls/<uuid:call_id>/park": 409,  # it is over
    "POST /calls/<uuid:call_id>/transfer": 422,  # to whom
    "POST /phone/parked/<uuid:call_id>/retrieve": 404,  # nobody is
    "GET /desk/colleagues": 422,  # for which call
    "POST /phone/gone": 204,
    "GET /phone/check": 200,
    "GET /phone/state": 200,
    "POST /phone/test-call": 204,
    "POST /phone/account": 409,  # theirs is on the desk
    "POST /calls/<uuid:call_id>/hangup": 409,  # it is over
    "POST /calls/<uuid:call_id>/more-time": 409,  # no time runs out
    "PUT /calls/<uuid:call_id>/notes": 200,
    "POST /calls/<uuid:call_id>/party": 204,
    "GET /contacts": 200,
    "POST /contacts": 201,
    "GET /contacts/<uuid:party_id>": 200,
    "GET /contacts/<uuid:party_id>/edit": 200,
    "POST /contacts/<uuid:party_id>/edit": 303,
    "GET /day": 200,
    "GET /dial": 200,
    "GET /dial/matches": 200,
    "POST /me/shown-number": 204,
    "GET /settings/absences": 200,
    "POST /settings/absences": 204,
    "POST /settings/absences/<uuid:absence_id>/end": 204,  # their own
    "GET /contacts/new": 200,
    "POST /contacts/new": 201,
}
# administrators alone
FOR_ADMINISTRATORS = {
    "GET /pops": 200,
    "GET /settings/breaks": 200,
    "GET /settings/breaks/new": 200,
    "POST /settings/breaks/new": 204,
    "GET /settings/breaks/<uuid:reason_id>": 200,
    "POST /settings/breaks/<uuid:reason_id>": 204,
    "GET /settings/dispositions": 200,
    "GET /settings/dispositions/new": 200,
    "POST /settings/dispositions/new": 204,
    "GET /settings/dispositions/<uuid:disposition_id>": 200,
    "POST /settings/dispositions/<uuid:disposition_id>": 204,
    "GET /settings/scripts": 200,
    "GET /settings/scripts/new": 200,
    "POST /settings/scripts/new": 204,
    "GET /settings/scripts/<uuid:script_id>": 200,
    "POST /settings/scripts/<uuid:script_id>": 204,
    "POST /settings/scripts/<uuid:script_id>/remove": 204,
    "GET /settings/scripts/<uuid:script_id>/steps/new": 200,
    "POST /settings/scripts/<uuid:script_id>/steps/new": 204,
    "GET /settings/scripts/<uuid:script_id>/steps/<uuid:step_id>": 200,
    "POST /settings/scripts/<uuid:script_id>/steps/<uuid:step_id>": 204,
    "POST /settings/scripts/<uuid:script_id>/steps/<uuid:step_id>/move": 204,
    "GET /settings/wrap-up": 200,
    "GET /settings/wrap-up/edit": 200,
    "POST /settings/wrap-up/edit": 204,
    "POST /settings/wrap-up/remove": 204,
    "GET /settings/calling": 200,
    "GET /settings/calling/number": 200,
    "POST /settings/calling/number": 204,
    "GET /settings/calling/rule": 200,
    "POST /settings/calling/rule": 204,
    "POST /settings/calling/agent": 422,
    "POST /settings/calling/rule/remove": 204,
    "POST /settings/queues/edit": 204,
    "POST /settings/queues/remove": 204,
}
# who looks after the others
FOR_HEADS = {
    "GET /agents": 200,
    "GET /settings/queues": 200,
    "GET /settings/queues/edit": 200,
    "POST /callbacks/<uuid:callback_id>/take-away": 204,
    "GET /ledger": 200,
    "POST /ledger/check": 204,
    "GET /recoveries": 200,
    "GET /settings/targets": 200,
    "POST /settings/targets": 204,
}
# route: nobody, somebody without a role, each of ROLES
TABLE = (
    {route: (nobody, *[somebody] * 4) for route, (nobody, somebody) in FOR_ANYBODY.items()}
    | {route: (TO_LOG_IN, *[status] * 4) for route, status in FOR_EMPLOYEES.items()}
    | {route: (TO_LOG_IN, FORBIDDEN, *[status] * 3) for route, status in FOR_ROLES.items()}
    | {route: (TO_LOG_IN, *[FORBIDDEN] * 3, status) for route, status in FOR_ADMINISTRATORS.items()}
    | {route: (TO_LOG_IN, FORBIDDEN, FORBIDDEN, status, status) for route, status in FOR_HEADS.items()}
    | {"POST /callbacks/bulk": (TO_LOG_IN, FORBIDDEN, FORBIDDEN, 422, 422)}  # nothing was chosen
)
OF_ONE_THING = [route for route in TABLE if "<uuid:" in route]
OF_ONE_CALL = sorted({route.split()[1] for route in TABLE if "<uuid:call_id>" in route})
numbers = count(6944000001)
days = count(10)


@pytest.fixture(autouse=True)
def _a_disposition(app: Flask) -> None:
    make_disposition("sale", "Sale")


@pytest.fixture
def crew(person: Callable[..., User]) -> list[User]:
    """Somebody without a role, and one of each."""
    people = [person("eve", "Eve New"), *(person(role, role.title(), role=role) for role in ROLES)]
    with transaction():
        people[0].roles = []
    return people


@pytest.fixture
def writes(app: Flask) -> Iterator[list[str]]:
    """What the database is told to change."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def ask(switch: FakeSwitch) -> Ask:
    """A request with all that any route wants to have."""

    def ask(browser: FlaskClient, route: str, ids: dict[str, UUID], method: str = "") -> Any:
        own_method, path = route.split()
        for name, value in (ids | {"filename": "favicon.svg"}).items():
            path = path.replace(f"<uuid:{name}>", str(value)).replace(f"<path:{name}>", str(value))
        sent = {
            "name": "Eli Reyes", "number": f"+30{next(numbers)}", "key": str(uuid4()), "party": str(ids["party_id"]),
            "text": "x", "reason": "x", "disposition": "sale", "status": "on_break", "theme": "dark",
            "uid": str(uuid4()), "version": "1", "ms": "1", "at": f"{now() + timedelta(days=1):%Y-%m-%dT%H:%M}",
            "zone": "UTC", "always_open": "1", "callback_minutes": "30", "second_step_minutes": "30",
            "ticket_minutes": "5", "short_seconds": "0",
            "code": f"code-{next(numbers)}", "label_en": "Lunch", "label_el": "Γεύμα", "label": "Lunch", "title": "Thanks",
            "from": f"{now() + timedelta(days=2):%Y-%m-%d}", "until": f"{now() + timedelta(days=2):%Y-%m-%d}",
            "date": f"{now() + timedelta(days=2):%Y-%m-%d}", "time": "14:30",
        }  # fmt: skip
        method = method or own_method
        headers = {"Accept": "application/json", "X-Requested-With": "fetch"}
        return browser.open(path, method=method, data=None if method == "GET" else sent, headers=headers)

    return ask


def things(of: User | None = None) -> dict[str, UUID]:
    """A call that this user answered, and what everybody sees."""
    number = f"+30{next(numbers)}"
    call = make_call(answered_by=of, number=number)
    return {
        "call_id": call.id, "callback_id": make_callback(number).id, "party_id": make_party().id,
        "notice_id": _notice(of) if of else uuid4(), "absence_id": _absence(of) if of else uuid4(),
        "reason_id": _break_reason(), "disposition_id": make_disposition(f"d-{next(numbers)}").id,
        **_script(),
    }  # fmt: skip


def _script() -> dict[str, UUID]:
    """For every call."""
    with transaction():
        script = script_rows.save_script({"name": "Orders", "active": "1"})
    return {"script_id": script.id, "step_id": script.steps[0].id}


def _notice(of: User) -> UUID:
    notice = Notice(user_id=of.id, kind="callback.overdue", key=str(uuid4()), facts={"who": "Dana"}, link="/callbacks")
    with transaction():
        db.session.add(notice)
    return notice.id


def _break_reason() -> UUID:
    reason = BreakReason(code=f"reason-{next(numbers)}", label_en="Lunch", label_el="Γεύμα")
    with transaction():
        db.session.add(reason)
    return reason.id


def _absence(of: User) -> UUID:
    """Far from the one that the request asks for."""
    begins = now() + timedelta(days=next(days))
    with transaction():
        return add_absence(db.session.merge(of), begins, begins + timedelta(hours=1)).id


def test_every_route_is_in_the_table(app: Flask) -> None:
    routes = {f"{way} {rule.rule}" for rule in app.url_map.iter_rules() for way in rule.methods or ()}
    assert {route for route in routes if not route.startswith(("HEAD", "OPTIONS"))} == set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_everybody_reaches_what_they_may(route: str, client: FlaskClient, crew: list[User], as_: As, ask: Ask) -> None:
    people = [(client, None), *((as_(user), user) for user in crew)]
    assert tuple(ask(browser, route, things(of=user)).status_code for browser, user in people) == TABLE[route]


@pytest.mark.parametrize("route", sorted(set(TABLE) - set(FOR_ANYBODY)))
def test_a_page_leads_nobody_to_the_log_in(route: str, client: FlaskClient) -> None:
    method, path = route.split()
    answer = client.open(re.sub(r"<uuid:\w+>", str(uuid4()), path), method=method, headers={"Accept": "text/html"})
    assert (answer.status_code, urlsplit(answer.location).path) == (302, "/login")


@pytest.mark.parametrize("route", [route for route in TABLE if route.startswith("GET ")])
def test_looking_changes_nothing(
    route: str, client: FlaskClient, crew: list[User], as_: As, ask: Ask, writes: list[str]
) -> None:
    people = [(client, None), *((as_(user), user) for user in crew)]
    asked = [(browser, things(of=user)) for browser, user in people]
    writes.clear()
    for browser, ids in asked:
        ask(browser, route, ids)
    assert writes == []


@pytest.mark.parametrize("route", OF_ONE_THING)
def test_what_does_not_exist_is_not_found(route: str, client: FlaskClient, crew: list[User], as_: As, ask: Ask) -> None:
    allowed = [user for user, status in zip(crew, TABLE[route][1:], strict=True) if status != FORBIDDEN]
    names = ("call_id", "callback_id", "notice_id", "absence_id", "reason_id", "disposition_id", "script_id", "step_id")
    nowhere = {name: uuid4() for name in names} | {"party_id": make_party().id}
    if "party_id" in route:
        nowhere["party_id"] = uuid4()
    assert {ask(as_(user), route, nowhere).status_code for user in allowed} == {NOT_FOUND}
    assert ask(client, route, nowhere).status_code == TO_LOG_IN  # who is nobody learns nothing


@pytest.mark.parametrize("path", OF_ONE_CALL)
def test_a_colleagues_call_is_like_none_at_all(
    path: str, alice: User, charlie: User, as_: As, ask: Ask, switch: FakeSwitch, writes: list[str]
) -> None:
    browser, theirs = as_(charlie), things(of=alice)
    none = theirs | {"call_id": uuid4()}
    writes.clear()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer, otherwise = (ask(browser, f"{method} {path}", ids) for ids in (theirs, none))
        assert answer.status_code == (NOT_FOUND if f"{method} {path}" in TABLE else NOT_SO)
        assert _said(answer) == _said(otherwise)
    assert (writes, switch.commands) == ([], [])


def _said(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.json["error"].items() if name != "request_id"}
