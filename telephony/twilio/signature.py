"""Is this request Twilio's? Pure: a request as it came, and the secrets that it may be signed with.

The library's validator does the sums; what it does not decide is decided here:

- The address is the one that Twilio was given, so its beginning comes from the settings, never from `Host` or `X-Forwarded-*`,
  and its rest is what stood on the request's first line: a framework that reads `%2F` and writes it again changes it.
- The type of the content says what is signed: a form's fields, all of them and each as often as it came; or the very text of
  a JSON body, by a hash that stands in the address. Without that hash a JSON body is signed by nobody, and refused.
- Whatever is missing, or is no text, is not genuine; it is no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, get_signature_algorithm

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
LONGEST_SIGNATURE = 100


class Fields(Protocol):
    """A form, in which a field may come twice."""

    def getlist(self, key: str) -> list[str]: ...
    def keys(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """`tokens`: the account's, the present one and the one before while it is changed. `keys`: shared keys by their id."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


def address(public_url: str, raw_path: str) -> str:
    """What Twilio asked for: our address as it was given to it, and the path and query as they were sent."""
    return public_url.rstrip("/") + raw_path


def is_genuine(
    secrets: Secrets,
    url: str,
    *,
    signature: str | None,
    signed_by: str | None = None,
    content_type: str = "",
    fields: Fields | None = None,
    body: bytes = b"",
) -> bool:
    """`signed_by`: the header that names a shared key, if there is one. `fields`: of a form, as they came."""
    if not signature or len(signature) > LONGEST_SIGNATURE:
        return False
    algorithm = get_signature_algorithm(signed_by)
    candidates = _secrets_for(secrets, signed_by, algorithm)
    try:
        signed = _signed(url, content_type, fields, body)
        return signed is not None and any(
            RequestValidator(secret).validate(url, signed, signature, algorithm) for secret in candidates
        )
    except (ValueError, TypeError, LookupError, AttributeError):  # an address or text that is none
        return False


def _secrets_for(secrets: Secrets, signed_by: str | None, algorithm: str) -> Iterable[str]:
    """A shared key is named; the token signs in the one way only that it always did."""
    if signed_by:
        named = dict(part.strip().partition("=")[::2] for part in signed_by.split(","))
        key = secrets.keys.get(named.get("key", ""))
        return (key,) if key and algorithm in (HMAC_SHA1, HMAC_SHA256) else ()
    return secrets.tokens


def _signed(url: str, content_type: str, fields: Fields | None, body: bytes) -> dict[str, str] | _Several | str | None:
    """What the signature must cover; None where something came that it does not."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM:
        return _Several(fields) if fields is not None else None
    if kind == JSON:
        hashes = parse_qs(urlsplit(url).query).get("bodySHA256", [])
        return body.decode("utf-8") if len(hashes) == 1 else None
    return {} if not body and not kind else None


class _Several:
    """Fields as the validator asks for them."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __iter__(self) -> Iterable[str]:
        return iter(self._fields.keys())  # type: ignore[call-overload,no-any-return]

    def __bool__(self) -> bool:
        return any(True for _ in self._fields.keys())  # noqa: SIM118

    def __getitem__(self, name: str) -> str:
        return self._fields.getlist(name)[0]

    def getlist(self, name: str) -> list[str]:
        return self._fields.getlist(name)
