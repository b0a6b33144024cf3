"""Phone numbers: what a line or a person wrote → E.164, and back to how people read it."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, timezone

WITHHELD = frozenset({"", "<unknown>", "anonymous", "unknown", "restricted", "private", "withheld", "unavailable"})
_DIALLABLE = re.compile(r"[+0-9()\-./\s]{3,40}")


def is_withheld(raw: str) -> bool:
    return raw.strip().lower() in WITHHELD


@lru_cache(maxsize=20_000)
def e164(raw: str, region: str) -> str | None:
    """E.164 of what was written, `region` (e.g. "GR") saying whose national numbers are meant; None if it is no number.

    Only what looks like a number is parsed: letters are not keypad digits here ("call me: 210" is no number). The form
    must be possible, not assigned: number plans change faster than any table.
    """
    text = raw.strip()
    if not _DIALLABLE.fullmatch(text):
        return None
    if text.startswith("00"):
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@lru_cache(maxsize=20_000)
def display(number: str, region: str) -> str:
    """How a person in `region` reads an E.164 number: national at home, international otherwise."""
    try:
        parsed = phonenumbers.parse(number, region)
    except NumberParseException:
        return number
    home = parsed.country_code == phonenumbers.country_code_for_region(region)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL)


@lru_cache(maxsize=20_000)
def zones_of(number: str) -> tuple[str, ...]:
    """The time zones in which a number (E.164) may be; empty when that is not known."""
    try:
        found = timezone.time_zones_for_number(phonenumbers.parse(number))
    except NumberParseException:
        return ()
    return tuple(zone for zone in found if zone != timezone.UNKNOWN_TIMEZONE)


_DEAR = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UNKNOWN})


def is_ordinary(number: str, *countries_of: str) -> bool:
    """Somebody typed this number (E.164) and wants it called at our cost: it is of one of the countries that these
    numbers or regions are of, and it is neither a premium one nor of a kind that nobody knows."""
    try:
        parsed = phonenumbers.parse(number)
        codes = {
            phonenumbers.parse(each).country_code
            if each.startswith("+")
            else phonenumbers.country_code_for_region(each)
            for each in countries_of
        }
    except NumberParseException:
        return False
    return parsed.country_code in codes and phonenumbers.number_type(parsed) not in _DEAR
