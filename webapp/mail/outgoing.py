"""How letters leave: one connection to the configured server for all that are due, and a new one where it breaks off."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit
from uuid import UUID

TIMEOUT = 10.0  # seconds for each step of the talk with the server


@dataclass(frozen=True, slots=True)
class Letter:
    id: UUID
    to: str
    name: str
    subject: str
    text: str
    written_at: datetime


class Refused(Exception):
    """`for_good`: trying again changes nothing, the address is wrong."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


def send(letters: Iterable[Letter], *, url: str, sender: str) -> Iterator[tuple[Letter, Refused | None]]:
    """Each with its fate, as soon as it is known. A server that cannot be reached refuses all; one that hangs up at a
    letter refuses that one, and the others go through a connection of their own."""
    waiting = list(letters)
    while waiting:
        at_hand = False
        try:
            with _connected(url) as server:
                while waiting and server.sock is not None:  # a 421 has closed it
                    at_hand = True
                    fate = _hand_over(server, waiting[0], sender)
                    at_hand = False
                    yield waiting.pop(0), fate
        except (OSError, smtplib.SMTPException) as error:
            refused, waiting = (waiting[:1], waiting[1:]) if at_hand else (waiting, [])
            yield from ((letter, Refused(_reason(error))) for letter in refused)


def message(letter: Letter, sender: str) -> EmailMessage:
    """The library encodes what stands in headers, and refuses a line break in one."""
    built = EmailMessage(policy=SMTP)
    built["From"] = sender
    built["To"] = Address(letter.name.replace("\r", " ").replace("\n", " "), addr_spec=letter.to)
    built["Subject"] = letter.subject
    built["Date"] = format_datetime(letter.written_at)
    # the same at each attempt, so that a server or a reader may notice a letter that came twice
    built["Message-ID"] = f"<{letter.id}@{_domain(sender)}>"
    built["Auto-Submitted"] = "auto-generated"
    built.set_content(letter.text)
    return built


def _domain(sender: str) -> str:
    return sender.rstrip("> ").rpartition("@")[2] or make_msgid().rpartition("@")[2].rstrip(">")


def _hand_over(server: smtplib.SMTP, letter: Letter, sender: str) -> Refused | None:
    try:
        server.send_message(message(letter, sender))
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        return Refused(f"{code} {_text(reason)}", for_good=code >= 500)
    except smtplib.SMTPResponseException as error:
        return Refused(f"{error.smtp_code} {_text(error.smtp_error)}")
    except (ValueError, MessageError, smtplib.SMTPNotSupportedError) as error:  # an address that is none, or not there
        return Refused(str(error), for_good=True)
    return None


@contextmanager
def _connected(url: str) -> Iterator[smtplib.SMTP]:
    parts = urlsplit(url)
    secure, host = parts.scheme == "smtps", parts.hostname or ""
    open_: Callable[..., smtplib.SMTP] = smtplib.SMTP_SSL if secure else smtplib.SMTP
    more = {"context": ssl.create_default_context()} if secure else {}
    with open_(host, parts.port or (465 if secure else 25), timeout=TIMEOUT, **more) as server:
        server.ehlo_or_helo_if_needed()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(reason: bytes | str) -> str:
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
