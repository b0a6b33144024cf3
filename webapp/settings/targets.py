"""The page on which whoever answers for a team says what it, and each of its people, is to reach in a day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, url_for
from flask_login import current_user

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.agents import targets as reached
from webapp.agents.models import Measure
from webapp.agents.words import measure_word
from webapp.db import transaction
from webapp.errors import Invalid
from webapp.settings.views import bp


@bp.get("/settings/targets")
@requires(Permission.TARGET_SET)
def targets() -> Any:
    return _page()


@bp.post("/settings/targets")
@requires(Permission.TARGET_SET)
def save_targets() -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    try:
        with transaction():
            reached.save(current_user, typed)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _page(typed, error.fields), 422
    return redirect(url_for(".targets", saved=1), 303) if not incoming.wants_json() else ("", 204)


def _page(typed: Mapping[str, str] | None = None, problems: Mapping[str, str] | None = None) -> str:
    scopes = reached.scopes(current_user)
    stands = {
        f"{scope.key}-{measure.value}": str(scope.own.get(measure, "")) for scope in scopes for measure in Measure
    }
    return render_template(
        "settings/targets.html",
        scopes=scopes,
        measures=[(measure, measure_word(measure)) for measure in Measure],
        typed=stands | dict(typed or {}),
        problems=problems or {},
    )
