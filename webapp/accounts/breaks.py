"""Why people are on breaks: the reasons that an installation knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp import text
from webapp.accounts.models import BreakReason
from webapp.db import db
from webapp.errors import Invalid, NotFound

NO_ANSWER = "no-answer"  # the reason that nobody chooses: a rule takes them out
SEED = (  # code, English, Greek, paid, minutes
    ("short", "Short break", "Σύντομο διάλειμμα", True, 15),
    ("lunch", "Lunch", "Γεύμα", False, 45),
    ("meeting", "Meeting", "Σύσκεψη", True, None),
    ("training", "Training", "Εκπαίδευση", True, None),
    ("paperwork", "Paperwork", "Εργασία γραφείου", True, None),
    ("technical", "Technical problem", "Τεχνικό πρόβλημα", True, None),
)
_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,38}")
_MINUTES = range(1, 1441)


def plant() -> None:
    """Until the firm has its own."""
    if not db.session.scalar(sa.select(sa.func.count()).select_from(BreakReason)):
        for position, (code, english, greek, paid, minutes) in enumerate(SEED, 1):
            db.session.add(
                BreakReason(
                    code=code, label_en=english, label_el=greek, paid=paid, max_minutes=minutes, position=position
                )
            )
        db.session.flush()


def all_reasons() -> list[BreakReason]:
    return list(db.session.scalars(sa.select(BreakReason).order_by(BreakReason.position, BreakReason.code)))


def choosable() -> list[BreakReason]:
    return [reason for reason in all_reasons() if reason.active]


def reason_of(code: str) -> BreakReason | None:
    return db.session.scalar(sa.select(BreakReason).where(BreakReason.code == code)) if code else None


def may_choose(code: str) -> bool:
    found = reason_of(code)
    return found is not None and found.active


def known_as(said: str) -> str:
    """The code of what a switch calls a reason, by code or label; else its own words."""
    said = " ".join(said.split())[:80]
    for reason in all_reasons():
        if said.casefold() in (reason.code, reason.label_en.casefold(), reason.label_el.casefold()):
            return reason.code
    return said


def reason_by_id(reason_id: UUID) -> BreakReason:
    found = db.session.get(BreakReason, reason_id)
    if found is None:
        raise NotFound()
    return found


def save_reason(typed: Mapping[str, str], reason: BreakReason | None = None) -> BreakReason:
    """A new one, or other facts of this one; its code stays. Raises Invalid, by field."""
    problems: dict[str, str] = {}
    labels = {name: _label(typed, name, problems) for name in ("label_en", "label_el")}
    minutes, position = _number(typed, "max_minutes", problems), _number(typed, "position", problems)
    code = reason.code if reason else _new_code(typed, problems)
    if problems:
        raise Invalid(_("Some of this cannot be saved yet."), fields=problems)
    if reason is None:
        reason = BreakReason(code=code)
        db.session.add(reason)
    reason.label_en, reason.label_el = labels["label_en"], labels["label_el"]
    reason.max_minutes, reason.position = minutes, position or 0
    reason.paid, reason.active = bool(typed.get("paid")), bool(typed.get("active"))
    db.session.flush()
    return reason


def as_typed(reason: BreakReason | None) -> dict[str, str]:
    """What stands in the form before anybody types."""
    if reason is None:
        return {"paid": "1", "active": "1", "position": str(len(all_reasons()) + 1)}
    return {
        "code": reason.code,
        "label_en": reason.label_en,
        "label_el": reason.label_el,
        "max_minutes": str(reason.max_minutes or ""),
        "position": str(reason.position),
        "paid": "1" if reason.paid else "",
        "active": "1" if reason.active else "",
    }


def _label(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> str:
    try:
        return text.line(typed.get(name, ""), name, most=60, required=True)
    except Invalid as error:
        problems |= error.fields
        return ""


def _number(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> int | None:
    written = typed.get(name, "").strip()
    if not written:
        return None
    if re.fullmatch(r"[0-9]{1,4}", written) and int(written) in _MINUTES:
        return int(written)
    problems[name] = _("A number from %(low)s to %(high)s.", low=_MINUTES[0], high=_MINUTES[-1])
    return None


def _new_code(typed: Mapping[str, str], problems: dict[str, str]) -> str:
    code = typed.get("code", "").strip()
    if not _CODE.fullmatch(code):
        problems["code"] = _("1 to 39 of a-z, 0-9, dot, dash and underscore: telephone systems know it by this.")
    elif code == NO_ANSWER or reason_of(code):
        problems["code"] = _("There is one with this code.")
    return code
