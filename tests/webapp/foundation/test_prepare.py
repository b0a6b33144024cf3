"""What is there before anybody works: words for wrapping up, roles, the firm's own numbers."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from flask import Flask

from config.settings import Settings
from tests.factories import make_call
from webapp import install, leases
from webapp.accounts.models import Role, User
from webapp.calls.models import CallState, Disposition
from webapp.contacts.models import OwnNumber
from webapp.db import db
from webapp.run import unready


def test_a_new_installation_can_wrap_calls_up_and_knows_itself(app: Flask, settings: Settings) -> None:
    switch = replace(settings.switch("main"), own_numbers=("210 0000100",))
    app.extensions["ringback.settings"] = replace(settings, switches=(switch,))
    try:
        for _ in range(2):  # doing it twice does nothing
            install.prepare(app)
    finally:
        app.extensions["ringback.settings"] = settings
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Disposition)) == len(install.DISPOSITIONS)
    assert set(db.session.scalars(sa.select(Role.name))) == {"agent", "supervisor", "admin"}
    assert db.session.scalars(sa.select(OwnNumber.value)).all() == ["+302100000100"]


def test_a_call_of_a_switch_that_nobody_follows_any_more_is_over(app: Flask, settings: Settings, alice: User) -> None:
    call = make_call(state=CallState.RINGING, ringing=(alice,))

    prepare_without_switches(app, settings)

    db.session.refresh(call)
    assert call.is_over


def test_a_command_beside_the_trial_leaves_the_calls_of_its_switch_alone(
    app: Flask, settings: Settings, alice: User
) -> None:
    call = make_call(state=CallState.RINGING, ringing=(alice,))
    assert leases.take("bridge:main", "the trial")

    prepare_without_switches(app, settings)

    db.session.refresh(call)
    assert not call.is_over


def prepare_without_switches(app: Flask, settings: Settings) -> None:
    app.extensions["ringback.settings"] = replace(settings, switches=())
    try:
        install.prepare(app)
    finally:
        app.extensions["ringback.settings"] = settings


def test_whoever_starts_without_a_pbx_and_people_is_told_what_to_do(app: Flask, settings: Settings) -> None:
    app.extensions["ringback.settings"] = replace(settings, switches=())
    try:
        assert [advice.split(":")[0] for advice in unready(app)] == [
            "No PBX is configured, so no calls are followed",
            "Nobody can log in yet",
        ]
    finally:
        app.extensions["ringback.settings"] = settings


def test_whoever_has_both_is_told_nothing(app: Flask, alice: User) -> None:
    assert unready(app) == []
