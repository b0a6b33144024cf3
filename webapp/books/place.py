"""Where the books of a switch lie."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings, SwitchSettings
from webapp.books.models import Source

CEL, QUEUE_LOG = Path("cel-custom") / "ringback.csv", Path("queue_log")  # below Asterisk's log directory


def source_of(switch: SwitchSettings) -> Source | None:
    """None: nobody told where they are."""
    if switch.books:
        return Source.FILE
    return Source.SPOOLED if switch.books_token else None


def folder_of(settings: Settings, switch: str) -> Path:
    """Of the copy that a spooler sends."""
    return settings.data_dir / "books" / switch


def files_of(settings: Settings, switch: SwitchSettings) -> tuple[Path, Path] | None:
    """CEL and queue log."""
    if switch.books:
        return Path(switch.books) / CEL, Path(switch.books) / QUEUE_LOG
    if switch.books_token:
        folder = folder_of(settings, switch.name)
        return folder / "cel", folder / "queue_log"
    return None
