"""The bell, and the page of all that one was told."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("notices", __name__)
