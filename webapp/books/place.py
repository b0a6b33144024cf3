"""Where the books of a switch lie."""

from __future__ import annotations

from datetime import UTC, datetime
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


def mark_of(file: Path) -> Path:
    """Touched whenever the spooler says that there is nothing more of this file."""
    return file.with_name(f".{file.name}.end")


def end_of(files: tuple[Path, Path], at: datetime) -> datetime | None:
    """Until when the copies of a remote switch's books are all that it wrote. A PBX may have no queues at all."""
    cel, queue_log = files
    ends = [_moment(mark_of(cel)), *([_moment(mark_of(queue_log))] if queue_log.exists() else [])]
    known = [end for end in ends if end]
    return min(*known, at) if len(known) == len(ends) else None


def _moment(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def files_of(settings: Settings, switch: SwitchSettings) -> tuple[Path, Path] | None:
    """CEL and queue log."""
    if switch.books:
        return Path(switch.books) / CEL, Path(switch.books) / QUEUE_LOG
    if switch.books_token:
        folder = folder_of(settings, switch.name)
        return folder / "cel", folder / "queue_log"
    return None
