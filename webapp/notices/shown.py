"""Notices as the bell and their page show them, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from webapp.notices import texts
from webapp.notices.models import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    id: UUID
    title: str
    body: str
    urgent: bool
    sounds: bool
    at: datetime
    read: bool
    link: str


def rows(notices: Iterable[Notice]) -> list[Row]:
    return [
        Row(
            id=notice.id,
            title=texts.title(notice.kind, notice.facts),
            body=texts.body(notice.kind, notice.facts),
            urgent=texts.is_urgent(notice.kind),
            sounds=texts.sounds(notice.kind),
            at=notice.at,
            read=notice.read_at is not None,
            link=notice.link,
        )
        for notice in notices
    ]
