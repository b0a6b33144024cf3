from __future__ import annotations

from uuid import UUID, uuid4

from webapp import incoming


def reason() -> str:
    return incoming.text(incoming.body(), "reason")


def key() -> UUID:
    """Sent by the page, so that a second click is the same call; a plain form without a script has none."""
    return incoming.optional_uuid(incoming.body(), "key") or uuid4()
