"""What a request brought, JSON or form alike. Everything in it is a string until a reader here has looked at it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from flask import redirect, request
from flask_babel import gettext as _

from webapp.errors import Invalid


def body() -> Mapping[str, Any]:
    """The JSON object or the form. Raises `Invalid` for JSON that is no object."""
    if not request.is_json:
        return request.form
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict):
        raise Invalid(_("A JSON object was expected."))
    return sent


def text(sent: Mapping[str, Any], field: str) -> str:
    """Raises `Invalid` for what is neither text nor absent (a list, a number ...)."""
    value = sent.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unusable(field)
    return value


def uuid(sent: Mapping[str, Any], field: str) -> UUID:
    found = optional_uuid(sent, field)
    if found is None:
        raise Invalid(_("This is missing."), fields={field: _("This is missing.")})
    return found


def optional_uuid(sent: Mapping[str, Any], field: str) -> UUID | None:
    value = text(sent, field)
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError as error:
        raise _unusable(field) from error


def number(sent: Mapping[str, Any], field: str) -> float:
    """A finite number, from JSON or as text."""
    value = sent.get(field)
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not math.isfinite(found):
        raise _unusable(field)
    return found


def wants_json() -> bool:
    """Asked by a script, not by a page that is to be shown."""
    accepts = request.accept_mimetypes
    return request.is_json or accepts["application/json"] > accepts["text/html"]


def _unusable(field: str) -> Invalid:
    problem = _("This cannot be used.")
    return Invalid(problem, fields={field: problem})


def back() -> Any:
    """To the page they were at; never to another site, however its address is written."""
    if request.is_json or "X-Requested-With" in request.headers:
        return "", 204
    here = urlsplit(request.headers.get("Referer", ""))
    ours = here.netloc == request.host and here.path.startswith("/") and not here.path.startswith(("//", "/\\"))
    return redirect(urlunsplit(("", "", here.path, here.query, "")) if ours else "/desk", 303)
