"""How calls end, in the firm's own words, as an administrator types them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import text
from webapp.calls.models import Disposition
from webapp.db import db
from webapp.errors import Invalid, NotFound

_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,38}")
_PLACES = range(1000)


def all_dispositions() -> Sequence[Disposition]:
    order = (Disposition.active.desc(), Disposition.position, Disposition.label)
    return db.session.scalars(sa.select(Disposition).order_by(*order)).all()


def by_id(disposition_id: UUID) -> Disposition:
    """Raises `NotFound`."""
    found = db.session.get(Disposition, disposition_id)
    if found is None:
        raise NotFound(_("There is no such disposition."))
    return found


def save_disposition(typed: Mapping[str, str], disposition: Disposition | None = None) -> Disposition:
    """A new one, or other facts of this one; its code stays. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    label = _line(typed, "label", problems, required=True)
    heading = _line(typed, "heading", problems)
    position = _position(typed, problems)
    code = disposition.code if disposition else _new_code(typed, problems)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    if disposition is None:
        disposition = Disposition(code=code)
        db.session.add(disposition)
    disposition.label, disposition.heading, disposition.position = label, heading, position
    disposition.asks_callback, disposition.active = bool(typed.get("asks_callback")), bool(typed.get("active"))
    db.session.flush()
    return disposition


def as_typed(disposition: Disposition | None) -> dict[str, str]:
    """What stands in the form before anybody types."""
    if disposition is None:
        return {"active": "1", "position": str(len(all_dispositions()) + 1)}
    return {
        "code": disposition.code,
        "label": disposition.label,
        "heading": disposition.heading,
        "position": str(disposition.position),
        "asks_callback": "1" if disposition.asks_callback else "",
        "active": "1" if disposition.active else "",
    }


def _line(typed: Mapping[str, str], name: str, problems: dict[str, str], *, required: bool = False) -> str:
    try:
        return text.line(typed.get(name, ""), name, most=80, required=required)
    except Invalid as error:
        problems |= error.fields
        return ""


def _position(typed: Mapping[str, str], problems: dict[str, str]) -> int:
    written = typed.get("position", "").strip() or "0"
    if re.fullmatch(r"[0-9]{1,3}", written):
        return int(written)
    problems["position"] = _("A number from %(low)s to %(high)s.", low=_PLACES[0], high=_PLACES[-1])
    return 0


def _new_code(typed: Mapping[str, str], problems: dict[str, str]) -> str:
    code = typed.get("code", "").strip()
    if not _CODE.fullmatch(code):
        problems["code"] = _("1 to 39 of a-z, 0-9, dot, dash and underscore: reports and programs know it by this.")
    elif db.session.scalar(sa.select(Disposition.id).where(Disposition.code == code)):
        problems["code"] = _("There is one with this code.")
    return code
