"""What people do with contacts. Raises `Invalid` with all that is wrong at once, each field by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import email_validator
import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from telephony.numbers import e164
from webapp import text
from webapp.accounts.models import User
from webapp.contacts.events import PartyAdded, PhoneAdded
from webapp.contacts.models import ContactPoint, OwnNumber, Party, PartyKind, PointKind
from webapp.contacts.text import folded
from webapp.db import db, now
from webapp.errors import Invalid
from webapp.events import publish

T = TypeVar("T")
LONGEST_NAME = 200
MOST_POINTS = 20  # of each kind
_EXTENSION = re.compile(r"[0-9*#]{0,16}")
_WITH_EXTENSION = re.compile(r"(.*?)\s*(?:#|ext\.?|x|εσωτ\.?)\s*(\d{1,16})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phone:
    """As somebody typed it; "210 1234567 #12" has its extension in it."""

    number: str
    label: str = ""
    extension: str = ""
    do_not_call: bool | None = None  # None: as it is


@dataclass(frozen=True, slots=True)
class Email:
    address: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """What a form says of a party. Errors bear its fields' names: name, company, numbers-0-number,
    emails-0-address, owner."""

    name: str
    kind: PartyKind = PartyKind.PERSON
    company: str = ""
    phones: Sequence[Phone] = ()
    emails: Sequence[Email] = ()
    note: str = ""
    do_not_call: bool | None = None  # under any number; None: as it is
    owner: str | None = None  # the id of a user as it was chosen; "": nobody in particular; None: as it is


def add_party(details: Details, *, by: User | None = None, call_id: UUID | None = None) -> Party:
    """With `call_id`, the call from which it was made becomes the new party's."""
    checked = _check(details, owner_id=None)
    party = Party(created_by_id=by.id if by else None, created_at=now())
    db.session.add(party)
    new_numbers = _write(party, checked, by)
    publish(PartyAdded(party_id=party.id, by_id=party.created_by_id, call_id=call_id, at=party.created_at))
    _tell_numbers(party, new_numbers)
    return party


def update_party(party: Party, details: Details, *, by: User | None = None) -> None:
    checked = _check(details, owner_id=party.owner_id)
    _tell_numbers(party, _write(party, checked, by))
    for member in db.session.scalars(sa.select(Party).where(Party.company_id == party.id)):
        member.search_name = _search_name(member.name, party.name)


def set_owner(party: Party, owner: User | None) -> None:
    """Whose contact it is: what comes from them goes to the owner first. Raises Invalid for who is not here any more."""
    party.owner_id = _fit_owner(owner).id if owner else None


# checking: nothing is written before everything is known to be right


@dataclass(frozen=True, slots=True)
class _Point:
    kind: PointKind
    value: str
    extension: str
    label: str
    do_not_call: bool | None = None


@dataclass(slots=True)
class _Checked:
    name: str = ""
    kind: PartyKind = PartyKind.PERSON
    company: str = ""
    note: str = ""
    do_not_call: bool | None = None
    owner_id: UUID | None = None
    points: list[_Point] = field(default_factory=list)


def _check(details: Details, *, owner_id: UUID | None) -> _Checked:
    problems: dict[str, str] = {}

    def tried(check: Callable[[], T], otherwise: T) -> T:
        try:
            return check()
        except Invalid as error:
            problems.update(error.fields)
            return otherwise

    checked = _Checked(kind=details.kind, do_not_call=details.do_not_call)
    checked.name = tried(lambda: text.line(details.name, "name", most=LONGEST_NAME, required=True), "")
    checked.company = tried(lambda: text.line(details.company, "company", most=LONGEST_NAME), "")
    checked.note = tried(lambda: text.lines(details.note, "note", most=20_000), "")
    checked.owner_id = tried(lambda: _owner_id(details.owner, owner_id), None)
    for position, phone in enumerate(_at_most(details.phones, "numbers-0-number")):
        if phone.number.strip() or phone.extension.strip():
            checked.points += tried(lambda at=position, one=phone: [_phone(one, f"numbers-{at}-number")], [])  # type: ignore[misc]
    for position, email in enumerate(_at_most(details.emails, "emails-0-address")):
        if email.address.strip():
            checked.points += tried(lambda at=position, one=email: [_email(one, f"emails-{at}-address")], [])  # type: ignore[misc]
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    return checked


def _at_most(rows: Sequence[T], field: str) -> Sequence[T]:
    if len(rows) > MOST_POINTS:
        raise Invalid(_("Too many."), fields={field: _("At most %(most)s of these.", most=MOST_POINTS)})
    return rows


def _phone(phone: Phone, field: str) -> _Point:
    typed, extension = text.line(phone.number, field, most=60), phone.extension.strip()
    if not extension and (parts := _WITH_EXTENSION.fullmatch(typed)):
        typed, extension = parts.groups()
    number = e164(typed, current_app.config["RINGBACK_REGION"])
    if number is None:
        raise _wrong(field, _("This is not a telephone number."))
    if db.session.get(OwnNumber, number):
        raise _wrong(field, _("This is one of our own numbers; it would turn our own calls into this contact's."))
    if not _EXTENSION.fullmatch(extension):
        raise _wrong(field, _("An extension has at most 16 digits."))
    return _Point(PointKind.PHONE, number, extension, text.line(phone.label, field, most=40), phone.do_not_call)


def _email(email: Email, field: str) -> _Point:
    typed = text.line(email.address, field, most=254)
    try:
        address = email_validator.validate_email(typed, check_deliverability=False).normalized.lower()
    except email_validator.EmailNotValidError as error:
        raise _wrong(field, _("This is not an e-mail address.")) from error
    return _Point(PointKind.EMAIL, address, "", text.line(email.label, field, most=40))


def _owner_id(chosen: str | None, present: UUID | None) -> UUID | None:
    """Who is the owner already may stay it, also when they have left: nothing else of the form is refused for that."""
    if chosen is None or chosen == str(present or ""):
        return present
    if not chosen:
        return None
    try:
        owner = db.session.get(User, UUID(chosen))
    except ValueError:
        owner = None
    if owner is None:
        raise _wrong("owner", _("This cannot be used."))
    return _fit_owner(owner).id


def _fit_owner(owner: User) -> User:
    if not owner.active:
        raise _wrong("owner", _("%(name)s does not work here any more.", name=owner.name))
    return owner


def _wrong(field: str, problem: str) -> Invalid:
    return Invalid(problem, fields={field: problem})


# writing


def _write(party: Party, checked: _Checked, by: User | None) -> list[str]:
    """Returns the numbers that the party did not have before."""
    party.kind, party.name, party.note = checked.kind, checked.name, checked.note
    party.owner_id = checked.owner_id
    party.do_not_call_at = _since(party.do_not_call_at, checked.do_not_call)
    party.search_name = _search_name(party.name, "")  # a new company is flushed before the party's own is known
    party.company = _company(checked.company, party, by)
    party.search_name = _search_name(party.name, party.company.name if party.company else "")
    party.updated_at = now()
    had = {point.value for point in party.phones}
    _write_points(party, checked.points)
    db.session.flush()
    return [number for number in dict.fromkeys(point.value for point in party.phones) if number not in had]


def _write_points(party: Party, points: Sequence[_Point]) -> None:
    kept = {(point.kind, point.value, point.extension): point for point in party.points}
    wanted = {(point.kind, point.value, point.extension): point for point in reversed(points)}  # the first of twins
    for key, point in kept.items():
        if key not in wanted:
            party.points.remove(point)
    for position, key in enumerate(dict.fromkeys((point.kind, point.value, point.extension) for point in points)):
        row = kept.get(key)
        if row is None:
            row = ContactPoint(kind=key[0], value=key[1], extension=key[2])
            party.points.append(row)
        row.label, row.position = wanted[key].label, position
        row.do_not_call_at = _since(row.do_not_call_at, wanted[key].do_not_call)
    party.points.sort(key=lambda point: point.position)


def _since(before: datetime | None, wanted: bool | None) -> datetime | None:
    """Whoever says it again has said it before."""
    if wanted is None:
        return before
    return (before or now()) if wanted else None


def _company(name: str, party: Party, by: User | None) -> Party | None:
    """The company of this name, made if there is none."""
    wanted = folded(name)
    if not wanted:
        return None
    with db.session.no_autoflush:
        named = db.session.scalars(
            sa.select(Party).where(
                Party.kind == PartyKind.COMPANY, Party.search_name.startswith(wanted[:LONGEST_NAME], autoescape=True)
            )
        )
        found = next((company for company in named if folded(company.name) == wanted), None)
    if found is party:
        raise Invalid(_("Some of this cannot be saved yet."), fields={"company": _("A company is not its own.")})
    return found or add_party(Details(name=name, kind=PartyKind.COMPANY), by=by)


def _search_name(name: str, company: str) -> str:
    return folded(f"{name} {company}")[:400]


def _tell_numbers(party: Party, numbers: Sequence[str]) -> None:
    for number in numbers:
        publish(PhoneAdded(party_id=party.id, number=number, at=now()))
