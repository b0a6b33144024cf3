"""Where a remote switch's spooler delivers its books. Its token is the only key to it; no browser comes here."""

from __future__ import annotations

import hmac
import re
import shutil
from typing import Any

import structlog
from flask import Blueprint, current_app, jsonify, request
from flask_babel import gettext as _

from config.settings import Settings
from webapp import switches
from webapp.books.copy import KINDS, Copy, Gap
from webapp.books.place import folder_of
from webapp.errors import Invalid, NotFound, Unavailable

bp = Blueprint("books_intake", __name__)
log = structlog.get_logger(__name__)

RESERVED = 64 << 20  # bytes of the disk that stay free for everything else
_GENERATION = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OFFSET = re.compile(r"[0-9]{1,15}")


@bp.post("/books/<switch>/<kind>")
def receive(switch: str, kind: str) -> Any:
    """Bytes of one file from `offset` on. The answer says up to where they are here, on the disk; a gap is answered
    with 409 and the offset that is wanted. At most as much as any request may bring."""
    if not _knows_token(switch):
        return jsonify(error={"code": "unauthenticated", "message": _("This token is not known.")}), 401
    if kind not in KINDS:
        raise NotFound()
    generation = _parameter("generation", _GENERATION)
    offset = int(_parameter("offset", _OFFSET))
    settings: Settings = current_app.extensions["ringback.settings"]
    data = request.get_data()
    if shutil.disk_usage(settings.data_dir).free < RESERVED + len(data):
        raise Unavailable(_("The disk is full."))
    try:
        return {"offset": Copy(folder_of(settings, switch), kind).accept(generation, offset, data)}
    except Gap as gap:
        return {"offset": gap.wanted}, 409
    except OSError as error:
        log.exception("books could not be kept", switch=switch, kind=kind)
        raise Unavailable(_("The books could not be kept.")) from error


def _knows_token(switch: str) -> bool:
    """Of a switch that there is not, as of one whose token is another."""
    found = switches.settings_of(switch)
    wanted = (found.books_token if found else None) or ""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
    return same and bool(wanted) and scheme.lower() == "bearer"


def _parameter(name: str, form: re.Pattern[str]) -> str:
    """From the address, or from a header of its own (X-Books-Generation, X-Books-Offset)."""
    value = request.args.get(name) or request.headers.get(f"X-Books-{name.title()}", "")
    if not form.fullmatch(value):
        raise Invalid(_("This cannot be used."), fields={name: _("This cannot be used.")})
    return value
