from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, lazyload

from telephony.numbers import e164
from webapp.accounts import queries as accounts
from webapp.accounts.models import User
from webapp.contacts.models import ContactPoint, OwnNumber, Party, PointKind
from webapp.contacts.text import folded
from webapp.db import db
from webapp.errors import Invalid, NotFound
from webapp.paging import PAGE, Page
from webapp.timeline.models import Activity

FEWEST_DIGITS = 3  # of a number that is searched by a part of it


def party(party_id: UUID) -> Party:
    """Raises `NotFound`."""
    found = db.session.get(Party, party_id, options=[joinedload(Party.company)])
    if found is None:
        raise NotFound(_("There is no such contact."))
    return found


def possible_owners(party: Party | None) -> list[User]:
    """Who works here, and whoever is the owner now."""
    present = owner_of(party) if party else None
    employees = accounts.employees()
    return employees if present is None or present in employees else [present, *employees]


def owner_of(party: Party) -> User | None:
    return db.session.get(User, party.owner_id) if party.owner_id else None


def parties_with_number(number: str) -> list[Party]:
    """Everybody who can be reached under this E.164 number; nobody, if it is our own."""
    return parties_with_numbers([number]).get(number, [])


def parties_with_numbers(numbers: list[str]) -> dict[str, list[Party]]:
    """For several numbers in one question; own numbers are nobody's."""
    if not numbers:
        return {}
    owners = db.session.execute(
        sa.select(ContactPoint.value, Party)
        .join(Party, ContactPoint.party_id == Party.id)
        .where(ContactPoint.kind == PointKind.PHONE, ContactPoint.value.in_(numbers))
        .where(ContactPoint.value.not_in(sa.select(OwnNumber.value)))
        .order_by(Party.search_name, Party.id)
        .options(joinedload(Party.company), lazyload(Party.points))
    )
    found: dict[str, dict[UUID, Party]] = {}
    for value, owner in owners:
        found.setdefault(value, {})[owner.id] = owner
    return {value: list(parties.values()) for value, parties in found.items()}


@dataclass(frozen=True, slots=True)
class DoNotCall:
    """Who asked not to be called: numbers, whoever is called under them, and persons."""

    numbers: Mapping[str, datetime]
    owners: Mapping[str, Mapping[UUID, datetime]]  # of a number
    parties: Mapping[UUID, datetime]

    def of(self, number: str | None, party_id: UUID | None) -> datetime | None:
        """Since when this one is not to be called; of a number that several share, where nobody says who is meant, any."""
        if party_id and party_id in self.parties:
            return self.parties[party_id]
        if number is None:
            return None
        if number in self.numbers:
            return self.numbers[number]
        return None if party_id else min(self.owners.get(number, {}).values(), default=None)


def do_not_call(numbers: Sequence[str], party_ids: Sequence[UUID] = ()) -> DoNotCall:
    by_number: dict[str, datetime] = {}
    owners: dict[str, dict[UUID, datetime]] = {}
    parties: dict[UUID, datetime] = {}
    if numbers:
        query = (
            sa.select(ContactPoint.value, ContactPoint.do_not_call_at, Party.id, Party.do_not_call_at)
            .join(Party, Party.id == ContactPoint.party_id)
            .where(ContactPoint.kind == PointKind.PHONE, ContactPoint.value.in_(numbers))
            .where(sa.or_(ContactPoint.do_not_call_at.is_not(None), Party.do_not_call_at.is_not(None)))
        )
        for value, point_at, party_id, party_at in db.session.execute(query):
            if point_at:
                by_number[value] = min(point_at, by_number.get(value, point_at))
            if party_at:
                owners.setdefault(value, {})[party_id] = party_at
                parties[party_id] = party_at
    if others := set(party_ids) - parties.keys():
        flagged = sa.select(Party.id, Party.do_not_call_at).where(
            Party.id.in_(others), Party.do_not_call_at.is_not(None)
        )
        parties |= {party_id: at for party_id, at in db.session.execute(flagged) if at}
    return DoNotCall(by_number, owners, parties)


def own_numbers() -> Sequence[OwnNumber]:
    return db.session.scalars(sa.select(OwnNumber).order_by(OwnNumber.label, OwnNumber.value)).all()


def own_number(value: str) -> OwnNumber | None:
    return db.session.get(OwnNumber, value.replace("\x00", "")[:40]) if value else None


def own_numbers_among(numbers: Sequence[str]) -> set[str]:
    return set(db.session.scalars(sa.select(OwnNumber.value).where(OwnNumber.value.in_(numbers)))) if numbers else set()


def members(company: Party) -> Sequence[Party]:
    """Who belongs to this company, as many as a page shows."""
    query = sa.select(Party).where(Party.company_id == company.id).order_by(Party.search_name, Party.id).limit(PAGE)
    return db.session.scalars(query).all()


def search(text: str, after: str | None = None) -> Page[Party]:
    """By words of the name or the company, by e-mail, or by any part of a number; in order of name."""
    query = sa.select(Party).options(joinedload(Party.company)).where(_matches(text))
    if after:
        last = _last_seen(after)
        query = query.where(sa.tuple_(Party.search_name, Party.id) > sa.tuple_(last.search_name, last.id))
    rows = db.session.scalars(query.order_by(Party.search_name, Party.id).limit(PAGE + 1)).all()
    return Page(rows[:PAGE], str(rows[PAGE - 1].id) if len(rows) > PAGE else None)


def how_many(text: str) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Party).where(_matches(text))) or 0


def last_calls_at(party_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these was last talked to or called, as their history says."""
    query = (
        sa.select(Activity.party_id, sa.func.max(Activity.at))
        .where(Activity.party_id.in_(party_ids), Activity.kind == "call.ended")
        .group_by(Activity.party_id)
    )
    return dict(db.session.execute(query).all())  # type: ignore[arg-type]


def _matches(text: str) -> sa.ColumnElement[bool]:
    text = text.replace("\x00", " ").strip()[:200]
    if not text:
        return sa.true()
    words = folded(text).split()
    ways = [sa.and_(*(Party.search_name.contains(word, autoescape=True) for word in words))] if words else []
    if "@" in text or len(words) == 1:
        ways.append(_has_point(PointKind.EMAIL, ContactPoint.value.contains(text.lower(), autoescape=True)))
    number = _part_of_number(text)
    if number is not None:
        ways.append(_has_point(PointKind.PHONE, number))
    return sa.or_(*ways) if ways else sa.false()


def _part_of_number(text: str) -> sa.ColumnElement[bool] | None:
    """Digits as one reads or remembers them: the whole number or any part of it."""
    if not re.fullmatch(r"[+0-9()\-./\s]+", text):
        return None
    digits = re.sub(r"\D", "", text).lstrip("0")
    if len(digits) < FEWEST_DIGITS:
        return None
    whole = e164(text, current_app.config["RINGBACK_REGION"])
    return sa.or_(ContactPoint.value == (whole or ""), ContactPoint.value.contains(digits))


def _has_point(kind: PointKind, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return Party.id.in_(sa.select(ContactPoint.party_id).where(ContactPoint.kind == kind, condition))


def _last_seen(cursor: str) -> Party:
    try:
        found = db.session.get(Party, UUID(cursor))
    except ValueError:
        found = None
    if found is None:
        raise Invalid(_("This page does not exist."), fields={"after": "not a cursor"})
    return found
