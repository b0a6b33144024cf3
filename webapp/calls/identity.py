"""Who called: from what the line said to a number, and from the number to a contact. Only `capture` writes with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from telephony.events import Caller, Direction
from telephony.numbers import e164, is_withheld
from webapp import switches
from webapp.calls import why
from webapp.calls.events import NumberWithheld
from webapp.calls.models import Call, NumberChoice, StepKind
from webapp.contacts.queries import parties_with_number
from webapp.db import db
from webapp.events import publish

LONGEST_TEXT = 16_000  # characters of a caller's name or number that are kept


@dataclass(frozen=True, slots=True)
class Identity:
    number: str | None
    raw: str
    name: str
    withheld: bool


def read(customer: Caller, switch: str) -> Identity:
    """What the line said, by the rules of that switch's country."""
    raw = storable(customer.number)
    withheld = customer.withheld or is_withheld(raw)
    number = None if withheld else e164(raw, switches.region_of(switch))
    # a number whose owner does not want it shown is not kept either
    return Identity(number, "" if withheld else raw, "" if withheld else storable(customer.name), withheld)


def storable(text: str) -> str:
    """Verbatim, but for what no database keeps (NUL, half characters) and for what is longer than any name."""
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]
    return text.encode("utf-8", "replace").decode("utf-8")


def identify(call: Call, customer: Caller) -> None:
    if call.requested_by_id or (call.number and not customer.withheld):
        return  # we know whom we asked for; and the first telling of a number is the true one
    identity = read(customer, call.switch)
    if identity.withheld and call.direction is Direction.OUTBOUND:
        return  # not told yet
    was_told, told = bool(call.number or call.number_raw), call.number
    call.withheld = identity.withheld
    call.number, call.number_raw, call.name_raw = identity.number, identity.raw, identity.name
    if call.withheld:
        call.party_id = None
    if call.withheld and was_told:
        why.forget_caller(call)
        publish(NumberWithheld(call_id=call.id, number=told))
    why.note(call, StepKind.NUMBER, asdict(identity) | {"region": switches.region_of(call.switch)})
    if call.number and call.party_id is None:
        call.party_id = party_for(call.number)
        why.note(call, StepKind.MATCH, _matching(call.number, call.party_id))


def _matching(number: str, chosen: UUID | None) -> dict[str, Any]:
    with db.session.no_autoflush:
        owners = sorted({str(party.id) for party in parties_with_number(number)})
    return {"parties": owners[:20], "of": len(owners), "chosen": str(chosen) if chosen else None}


def party_for(number: str) -> UUID | None:
    """The one who has this number; of several the one chosen last time, else nobody yet."""
    with db.session.no_autoflush:  # a new call is written once, with its party
        parties = {party.id for party in parties_with_number(number)}
    if len(parties) < 2:
        return parties.pop() if parties else None
    choice = db.session.get(NumberChoice, number)
    return choice.party_id if choice and choice.party_id in parties else None
