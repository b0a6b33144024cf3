"""What the books say of a conversation moves callers from one entry to another.

A bridge that comes back to a conversation does not know since when it is going on. The books do: who called while it
was, and hung up, was not talked to afterwards."""

from __future__ import annotations

from flask import Flask

from telephony.events import Result
from tests.webapp.books.stories import DANA_E164, all_of, answered, at, booked, ended, enter, only, started, tell
from webapp.accounts.models import User
from webapp.tasks.models import Callback, CallbackCall, ClosedAs


def talk(uid: str = "9.0", *, start: float) -> None:
    """As the bridge tells it: from the moment on at which it came."""
    tell(started(uid, start=start), answered(uid, seconds=start + 5))
    tell(ended(booked(uid, by="PJSIP/alice", start=start, end=start + 60)))


def test_who_called_while_it_was_going_on_already_is_called_back(app: Flask, alice: User) -> None:
    talk(start=95)
    enter(booked("1.0", start=80, end=90))
    assert only(Callback).closed_as is ClosedAs.RANG_IN

    enter(booked("9.0", by="PJSIP/alice", start=70, end=155))

    entry = only(Callback)
    assert entry.is_open and entry.open_key == f"tel:{DANA_E164}" and entry.closed_by_call_id is None
    assert only(CallbackCall).callback_id == entry.id


def test_who_called_before_it_as_well_has_an_entry_for_each(app: Flask, alice: User) -> None:
    enter(booked("1.0", start=0, end=30))
    enter(booked("2.0", start=80, end=90))
    talk(start=95)
    entry = only(Callback)
    assert (entry.missed, entry.closed_at) == (2, at(100))

    enter(booked("9.0", by="PJSIP/alice", start=70, end=155))

    past, present = sorted(all_of(Callback), key=lambda entry: entry.first_missed_at)
    assert (past.closed_as, past.closed_at, past.missed, past.last_missed_at) == (ClosedAs.RANG_IN, at(75), 1, at(30))
    assert present.is_open and (present.missed, present.first_missed_at) == (1, at(90))
    assert sorted(str(link.callback_id) for link in all_of(CallbackCall)) == sorted([str(past.id), str(present.id)])


def test_who_called_before_it_truly_began_is_not(app: Flask, alice: User) -> None:
    talk(start=60)
    enter(booked("1.0", start=70, end=80))
    assert only(Callback).is_open

    enter(booked("9.0", by="PJSIP/alice", start=90, end=120))

    entry = only(Callback)
    assert (entry.closed_as, entry.closed_at) == (ClosedAs.RANG_IN, at(95))


def test_an_entry_that_turned_out_to_be_for_nobody_counts_from_the_beginning(app: Flask, alice: User) -> None:
    tell(started("1.0"), ended(booked("1.0", result=Result.LOST)))
    talk(start=100)
    enter(booked("1.0", by="PJSIP/alice"))
    assert all_of(CallbackCall) == []

    enter(booked("2.0", start=50, end=60))

    entry = only(Callback)
    assert (entry.missed, entry.first_missed_at, entry.last_missed_at) == (1, at(60), at(60))
