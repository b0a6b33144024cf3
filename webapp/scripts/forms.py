from __future__ import annotations

from webapp import incoming


def step() -> str:
    return incoming.text(incoming.body(), "step")


def way() -> int:
    """By which branch; -1: none that there is."""
    written = incoming.text(incoming.body(), "way")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 3 else -1


def typed() -> dict[str, str]:
    sent = incoming.body()
    return {name: value for name, value in sent.items() if name.startswith("answer-") and isinstance(value, str)}
