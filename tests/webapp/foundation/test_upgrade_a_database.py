"""A database that is in use is brought up to date, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_call, make_callback
from webapp import schema
from webapp.db import db, transaction
from webapp.tasks.models import Callback, CallbackCall, CallbackKind, CallbackState

FIRST = "d420acb7025d"


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
