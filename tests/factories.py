"""Rows for stories, with the least that makes them true."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

from telephony.events import Direction, LegResult, Result
from webapp.accounts.models import User
from webapp.calls.models import Call, CallState, Disposition, Leg
from webapp.contacts.models import ContactPoint, Party, PointKind
from webapp.contacts.text import folded
from webapp.db import db, new_id, now, transaction
from webapp.tasks.models import Callback, CallbackState

_numbers = count(1)


def make_party(name: str = "Dana Reyes", *phones: str) -> Party:
    party = Party(name=name, search_name=folded(name))
    party.points = [ContactPoint(kind=PointKind.PHONE, value=phone, position=i) for i, phone in enumerate(phones)]
    with transaction():
        db.session.add(party)
    return party


def make_call(
    *,
    number: str | None = "+306944000001",
    direction: Direction = Direction.INBOUND,
    state: CallState = CallState.ENDED,
    result: Result | None = None,
    ringing: tuple[User, ...] = (),
    answered_by: User | None = None,
    party: Party | None = None,
    started_at: datetime | None = None,
    **columns: object,
) -> Call:
    """By default an inbound call; with `answered_by` it was answered, otherwise nobody talked to the customer."""
    started = started_at or now() - timedelta(minutes=2)
    over = state is CallState.ENDED
    call = Call(
        switch="main", uid=f"made.{next(_numbers)}", direction=direction, state=state, number=number,
        number_raw=number or "", withheld=number is None, started_at=started, queue="sales", did="2100000100", version=1,
        **columns,
    )  # fmt: skip
    call.party = party
    if answered_by:
        call.answered_at = started + timedelta(seconds=5)
    if over:
        call.ended_at = started + timedelta(seconds=65)
        call.result = result or (Result.ANSWERED if answered_by else Result.ABANDONED)
        call.talk_seconds = 60.0 if answered_by else 0.0
    for user in {*ringing, *([answered_by] if answered_by else [])}:
        leg = Leg(uid=f"leg.{next(_numbers)}", line=f"PJSIP/{user.username}", channel=f"PJSIP/{user.username}-0001")
        leg.user_id, leg.rang_at, leg.talk_seconds = user.id, started, 0.0
        if user is answered_by:
            leg.answered_at = call.answered_at
        if over:
            leg.ended_at = call.ended_at
            leg.result = LegResult.ANSWERED if leg.answered_at else LegResult.CANCELLED
        call.legs.append(leg)
    with transaction():
        db.session.add(call)
    return call


def make_callback(number: str = "+306944000001", **columns: object) -> Callback:
    at = now() - timedelta(minutes=5)
    values: dict[str, object] = {
        "open_key": f"tel:{number}", "number": number, "number_raw": number, "switch": "main", "queue": "sales",
        "state": CallbackState.OPEN, "missed": 1, "first_missed_at": at, "last_missed_at": at,
        "due_at": at + timedelta(minutes=30),
    }  # fmt: skip
    callback = Callback(**(values | columns))
    with transaction():
        db.session.add(callback)
    return callback


def make_disposition(code: str = "sale", label: str = "Sale", position: int = 1) -> Disposition:
    disposition = Disposition(code=code, label=label, position=position)
    with transaction():
        db.session.add(disposition)
    return disposition


FIRST = (
    "Μαρία Γιώργος Ελένη Νίκος Κατερίνα Dimitris Anna Søren Zoë Łukasz Fatima João Chloé Yiannis Ayşe Δέσποινα".split()
)
LAST = "Παπαδοπούλου Οικονόμου Καραγιάννης Reyes Müller García Nowak Keller Al-Masri Ferreira Αντωνίου Vlachos Brown".split()
FIRMS = ["Αφοί Καραμήτρου Ο.Ε.", "Northwind Logistics", "Πλατεία Ε.Π.Ε.", "Baltic Timber AB", "Hotel Ακρόπολη", ""]
PREFIXES = ["+3069440", "+3021030", "+4420794", "+4917612", "+3368200", "+3931234"]


def many_callbacks(
    how_many: int, *, first: int = 0, holders: tuple[UUID, ...] = (), at: datetime | None = None
) -> list[Party | Callback]:
    """As a bad week leaves them: from all over Europe, overdue and not, known callers and new ones. Each has a number
    of its own, counted from `first`; `holders` have every third. Rows that belong together refer to each other by id,
    and the same `how_many` are always the same.
    """
    at, dice = at or now(), Random(7)
    made: list[Party | Callback] = []
    for i in range(first, first + how_many):
        number = f"{PREFIXES[i % len(PREFIXES)]}{i:05}"
        party = _customer(dice, number) if i % 4 else None
        missed, waits = dice.choice([1, 1, 1, 2, 3, 5]), timedelta(minutes=dice.randrange(1, 2000))
        callback = Callback(
            open_key=f"tel:{number}", number=number, number_raw=number, switch="main",
            name_raw="" if party or i % 8 else "Mobile caller", queue=("sales", "support", "billing")[i % 3],
            state=CallbackState.OPEN, missed=missed, first_missed_at=at - waits, last_missed_at=at - waits / 2,
            due_at=at - waits + timedelta(minutes=dice.randrange(30, 2400)), attempts=dice.choice([0, 0, 0, 1, 2]),
            party_id=party.id if party else None,
        )  # fmt: skip
        if holders and i % 3 == 0:
            callback.assigned_to_id = holders[i // 3 % len(holders)]
        made += [party, callback] if party else [callback]
    return made


def _customer(dice: Random, number: str) -> Party:
    name, firm = f"{dice.choice(FIRST)} {dice.choice(LAST)}", dice.choice(FIRMS)
    party = Party(id=new_id(), name=name, search_name=folded(f"{name} {firm}"))
    party.points = [ContactPoint(kind=PointKind.PHONE, value=number, position=0)]
    return party
