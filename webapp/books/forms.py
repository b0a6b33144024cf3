from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _

from webapp.books.models import RecoveryKind
from webapp.books.queries import Filters


def filters() -> Filters:
    """From the address; what is unknown there is no filter."""
    kind = request.args.get("kind", "")
    known = {each.value for each in RecoveryKind}
    return Filters(
        switch=request.args.get("switch", "").replace("\x00", "")[:40],
        kind=RecoveryKind(kind) if kind in known else None,
    )


def query(filters: Filters) -> dict[str, Any]:
    """The address that stands for these filters."""
    return {"switch": filters.switch or None, "kind": filters.kind}


def kinds() -> list[tuple[str, str]]:
    return [
        (RecoveryKind.CREATED, _("Nobody had heard of it")),
        (RecoveryKind.CLOSED, _("Its end was not seen")),
        (RecoveryKind.REPAIRED, _("It was told otherwise")),
    ]
