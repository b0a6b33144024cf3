from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import PASSWORD
from webapp.accounts.actions import add_user, set_head
from webapp.accounts.models import User
from webapp.accounts.permissions import Permission, may
from webapp.db import db, transaction
from webapp.errors import Invalid, NotFound


def problems(**values: object) -> set[str]:
    good: dict[str, object] = {"username": "eve", "name": "Eve Stone", "role": "agent", "password": PASSWORD}
    with pytest.raises(Invalid) as refused, transaction():
        add_user(**(good | values))  # type: ignore[arg-type]
    return set(refused.value.fields)


def test_an_agent_takes_and_places_calls_and_manages_nobody(alice: User) -> None:
    assert may(alice, Permission.CALL_TAKE)
    assert may(alice, Permission.CALL_PLACE)
    assert not may(alice, Permission.USER_MANAGE)
    assert not may(alice, Permission.CALL_READ_ALL)


def test_a_supervisor_may_what_agents_may_and_more(sofia: User) -> None:
    assert may(sofia, Permission.CALL_TAKE)
    assert may(sofia, Permission.CALL_READ_TEAM)
    assert not may(sofia, Permission.USER_MANAGE)


def test_an_admin_may_all(person: Callable[..., User]) -> None:
    admin = person("root", "Ada Admin", role="admin", lines=())
    assert all(may(admin, permission) for permission in Permission)


def test_everything_that_is_wrong_is_named_at_once(app: Flask) -> None:
    said = problems(username="E V", name=" ", role="boss", password="short", email="x", lines=("alice",))
    assert said == {"username", "name", "role", "password", "email", "line"}


def test_a_name_and_a_phone_belong_to_one_person(app: Flask, alice: User) -> None:
    assert problems(username="alice") == {"username"}
    assert problems(lines=("PJSIP/alice",)) == {"line"}


@pytest.mark.parametrize("line", ["PJSIP/alice\r\nAction: x", "PJSIP/a&PJSIP/b", "Local/a@b", "PJSIP/", "alice"])
def test_only_one_plain_endpoint_is_a_line(app: Flask, line: str) -> None:
    assert problems(lines=(line,)) == {"line"}


def test_a_team_has_a_head(app: Flask, alice: User, sofia: User) -> None:
    with transaction():
        set_head("Sales", sofia)
    db.session.expire_all()
    assert alice.team is not None
    assert alice.team.head is not None
    assert alice.team.head.name == "Sofia Head"
    with pytest.raises(NotFound), transaction():
        set_head("Nowhere", sofia)
