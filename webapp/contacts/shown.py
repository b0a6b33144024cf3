"""Contacts as pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app

from telephony.numbers import display
from webapp.accounts.models import User
from webapp.contacts import queries
from webapp.contacts.models import Party
from webapp.db import db


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Who it is, wherever a name is shown."""

    id: UUID
    url: str
    name: str
    kind: str
    company: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Brief):
    number_display: str
    number_e164: str
    more_numbers: int
    email: str
    last_call_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    e164: str
    display: str
    label: str
    extension: str
    shared_with: int  # how many others have it too
    do_not_call_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    address: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Brief):
    company_url: str
    created_at: datetime
    created_by: str
    owner: str
    do_not_call_at: datetime | None
    numbers: list[Number]
    emails: list[Address]
    people: list[Brief]


def url(party: Party) -> str:
    return f"/contacts/{party.id}"


def brief(party: Party) -> Brief:
    return Brief(**_who(party))


def rows(parties: Sequence[Party]) -> list[Row]:
    last = queries.last_calls_at([party.id for party in parties])
    return [_row(party, last.get(party.id)) for party in parties]


def whole(party: Party) -> Whole:
    creator = db.session.get(User, party.created_by_id) if party.created_by_id else None
    owner = queries.owner_of(party)
    sharing = queries.parties_with_numbers([point.value for point in party.phones])
    return Whole(
        **_who(party),
        company_url=url(party.company) if party.company else "",
        created_at=party.created_at,
        created_by=creator.name if creator else "",
        owner=owner.name if owner else "",
        do_not_call_at=party.do_not_call_at,
        numbers=[
            Number(
                e164=point.value,
                display=display(point.value, current_app.config["RINGBACK_REGION"]),
                label=point.label,
                extension=point.extension,
                shared_with=sum(other.id != party.id for other in sharing.get(point.value, [])),
                do_not_call_at=point.do_not_call_at,
            )
            for point in party.phones
        ],
        emails=[Address(address=point.value, label=point.label) for point in party.emails],
        people=[brief(member) for member in queries.members(party)],
    )


def _row(party: Party, last_call_at: datetime | None) -> Row:
    first = party.phones[0].value if party.phones else ""
    return Row(
        **_who(party),
        number_display=display(first, current_app.config["RINGBACK_REGION"]) if first else "",
        number_e164=first,
        more_numbers=max(0, len(party.phones) - 1),
        email=party.emails[0].value if party.emails else "",
        last_call_at=last_call_at,
    )


def _who(party: Party) -> dict[str, Any]:
    return {
        "id": party.id,
        "url": url(party),
        "name": party.name,
        "kind": party.kind.value,
        "company": party.company.name if party.company else "",
        "note": party.note,
    }
