"""A Twilio account as a switch: a table of the switches file with `kind = "twilio"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import tables

NUMBER = r"\+[1-9][0-9]{6,14}"


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """One account, or one subaccount. `numbers`: which of its numbers leads into which queue.

    The API key asks; the auth token, or a signing key in its place, only proves who asks us. While the token is changed at
    Twilio both the old and the new one are good.
    """

    name: str
    account_sid: str
    api_key: str
    api_secret: str = field(repr=False)
    public_url: str  # where Twilio reaches us, without a slash at its end
    auth_token: str | None = field(default=None, repr=False)
    old_auth_token: str | None = field(default=None, repr=False)
    signing_key: str | None = None  # its id, where requests are signed with a shared key
    signing_secret: str | None = field(default=None, repr=False)
    numbers: Mapping[str, str] = field(default_factory=dict)
    shown_number: str | None = None  # what customers see, unless another is chosen
    did_labels: Mapping[str, str] = field(default_factory=dict)
    region: str = "GR"
    calls_per_second: int = 1
    ring_seconds: int = 15
    longest_wait: int = 300  # seconds; who waits longer is asked to leave a message
    greeting: str = ""  # said before anybody waits, as where calls are recorded
    language: str = "en-US"  # in which callers are spoken to
    music_url: str | None = None  # what waiting callers hear; without it, a word now and then
    api_url: str | None = None  # of an account that is none, on this machine (`ringback demo twilio`)

    @property
    def own_numbers(self) -> tuple[str, ...]:
        return tuple(self.numbers)


_KEYS: tables.Keys = {
    "account_sid": (str, r"AC[0-9a-f]{32}", "an account's id: AC and 32 letters and digits"),
    "api_key": (str, r"SK[0-9a-f]{32}", "an API key's id: SK and 32 letters and digits"),
    "api_secret": (str, r"[0-9A-Za-z]{32,64}", "an API key's secret"),
    "auth_token": (str, r"[0-9a-f]{32}", "an auth token: 32 letters and digits"),
    "old_auth_token": (str, r"[0-9a-f]{32}", "an auth token: 32 letters and digits"),
    "signing_key": (str, r"[0-9A-Za-z_-]{8,80}", "a shared key's id"),
    "signing_secret": (str, r"[!-~]{16,200}", "a shared key's secret"),
    "public_url": (
        str,
        r"https://[0-9A-Za-z.-]+(:[0-9]{1,5})?(/[0-9A-Za-z._~-]+)*",
        "an address like https://crm.example.org, without a slash at its end",
    ),
    "numbers": (dict, r"[0-9A-Za-z_-]{1,40}", 'a table like { "+302100000100" = "sales" }: a number and its queue'),
    "shown_number": (str, NUMBER, "a number like +302100000100"),
    "did_labels": tables.LABELS,
    "region": tables.REGION,
    "calls_per_second": (int, r"[1-9][0-9]{0,2}", "a number from 1 to 999"),
    "ring_seconds": (int, r"[5-9]|[1-9][0-9]|[12][0-9]{2}", "a number from 5 to 299"),
    "longest_wait": (int, r"[1-9][0-9]{1,3}", "a number from 10 to 9999"),
    "greeting": (str, r"[^\x00-\x1f]{1,1000}", "up to 1000 characters of one line"),
    "language": (str, r"[a-z]{2,3}-[A-Z]{2}", "a language like el-GR"),
    "api_url": (str, r"http://(127\.0\.0\.1|localhost):[0-9]{1,5}", "an address of this machine"),
    "music_url": (str, r"https://[^\s?#@]{1,300}", "an address like https://example.org/music.mp3"),
}
_SECRETS = ("api_secret", "auth_token", "old_auth_token", "signing_secret")


def read(name: str, table: Mapping[str, Any], base: Path, *, region: str, url: str) -> TwilioSettings:
    """Raises ValueError naming table and key. `url`: where browsers find us, taken where the table says nothing else."""
    if not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name) or len(name) > 40:
        raise ValueError(f"[{name}] is a part of addresses: up to 40 of a-z, A-Z, 0-9, dash and underscore")
    table = {key: value for key, value in table.items() if key != "kind"}
    tables.check(name, table, _KEYS, secret=_SECRETS)
    secrets = {key: tables.take_secret(name, table, key, base, _KEYS) for key in _SECRETS}
    if "public_url" not in table and url:
        table["public_url"] = url.rstrip("/")
        tables.check(name, {"public_url": table["public_url"]}, _KEYS)
    for key in ("account_sid", "api_key", "public_url"):
        if key not in table:
            raise ValueError(f"[{name}] lacks {key}")
    if secrets["api_secret"] is None:
        raise ValueError(f"[{name}] lacks api_secret")
    if secrets["auth_token"] is None and secrets["signing_secret"] is None:
        raise ValueError(f"[{name}] lacks auth_token (or signing_key): nobody could tell Twilio's requests from others")
    if ("signing_key" in table) is not (secrets["signing_secret"] is not None):
        raise ValueError(f"[{name}] signing_key and signing_secret: each needs the other")
    given = {key: table.pop(key) for key in _KEYS if key in table}
    tables.refuse_rest(name, table)
    settings = TwilioSettings(name=name, **{"region": region} | given | secrets)
    _check_numbers(settings)
    return settings


def _check_numbers(settings: TwilioSettings) -> None:
    tables.check(settings.name, {"numbers": list(settings.numbers)}, {"numbers": (list, NUMBER, _KEYS["numbers"][2])})
    if settings.shown_number and settings.shown_number not in settings.numbers:
        raise ValueError(f"[{settings.name}] shown_number: {settings.shown_number!r} is none of its numbers")
