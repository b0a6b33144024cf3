"""Of a call that rang already when we came, the switch tells the number and not that it is withheld. Its books do."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from telephony.events import Caller
from tests.factories import make_party
from tests.webapp.books.stories import DANA, DANA_E164, all_of, at, booked, ended, enter, only, started, tell
from webapp.accounts.models import User
from webapp.books.models import BookedCall
from webapp.calls import why
from webapp.calls.models import Call
from webapp.db import db
from webapp.tasks.models import Callback, CallbackCall

HIDDEN = Caller(DANA, "Dana", withheld=True)


def of(uid: str) -> Call:
    return db.session.scalars(sa.select(Call).where(Call.uid == uid)).one()


def test_what_was_heard_without_it_is_forgotten(app: Flask, alice: User) -> None:
    make_party("Dana Reyes", DANA_E164)
    tell(started(), ended(booked(by="PJSIP/alice")))
    assert only(Call).number == DANA_E164

    enter(booked(by="PJSIP/alice", customer=HIDDEN))

    call = only(Call)
    assert (call.withheld, call.number, call.number_raw, call.name_raw, call.party_id) == (True, None, "", "", None)
    assert DANA not in repr([step.facts for step in why.steps_of(call)])
    assert DANA not in repr(only(BookedCall).summary)


def test_its_entry_has_no_number_either(app: Flask) -> None:
    tell(started(), ended(booked()))
    assert only(Callback).number == DANA_E164

    enter(booked(customer=HIDDEN))

    entry, call = only(Callback), only(Call)
    assert entry.is_open and (entry.number, entry.number_raw, entry.name_raw) == (None, "", "")
    assert entry.open_key == f"call:{call.id}"
    assert only(CallbackCall).call_id == call.id


def test_who_called_openly_too_is_still_called_back(app: Flask) -> None:
    tell(started("1.0"), ended(booked("1.0")), started("2.0", start=60), ended(booked("2.0", start=60, end=90)))
    assert only(Callback).missed == 2

    enter(booked("2.0", start=60, end=90, customer=HIDDEN))

    entries = {entry.number: entry for entry in all_of(Callback)}
    assert entries.keys() == {DANA_E164, None}
    assert (entries[DANA_E164].missed, entries[DANA_E164].last_missed_at) == (1, at(30))
    assert {link.call_id: link.callback_id for link in all_of(CallbackCall)} == {
        of("1.0").id: entries[DANA_E164].id,
        of("2.0").id: entries[None].id,
    }
