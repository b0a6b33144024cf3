from __future__ import annotations

from webapp import incoming
from webapp.calls import notes


def typed() -> tuple[dict[str, str], str | None]:
    """What was answered, by field; and the last state of the note if the page sent it along. Raises `Invalid`."""
    sent = incoming.body()
    answers = {name: incoming.text(sent, name) for name in sent if name not in ("note", "csrf_token")}
    return answers, notes.read(incoming.text(sent, "note"), "note") if "note" in sent else None


def draft() -> dict[str, str]:
    """As `typed`, but nothing of it has to be right yet."""
    return {name: value for name, value in incoming.body().items() if isinstance(value, str) and len(name) < 80}
