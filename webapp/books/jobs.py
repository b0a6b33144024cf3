from __future__ import annotations

from datetime import timedelta

from webapp.books.checking import check_what_is_due
from webapp.db import now
from webapp.jobs import job


@job(every=timedelta(minutes=10))
def check_ledgers() -> None:
    """By night, soon after the firm's midnight; and what nights were missed, when there is somebody again."""
    check_what_is_due(now())
