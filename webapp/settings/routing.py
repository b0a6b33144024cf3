"""The page on which it is said whose callers come first, what they need, and who is good at what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, url_for

from webapp import incoming
from webapp.accounts.permissions import Permission, requires
from webapp.db import transaction
from webapp.errors import Invalid
from webapp.routing import rules
from webapp.settings.views import bp


@bp.get("/settings/routing")
@requires(Permission.QUEUE_MANAGE)
def routing() -> Any:
    return _page()


@bp.post("/settings/routing")
@requires(Permission.QUEUE_MANAGE)
def save_routing() -> Any:
    sent = incoming.body()
    typed = {name: incoming.text(sent, name) for name in sent}
    try:
        with transaction():
            rules.save(typed)
    except Invalid as error:
        if incoming.wants_json():
            raise
        return _page(typed, error.fields), 422
    return redirect(url_for(".routing", saved=1), 303) if not incoming.wants_json() else ("", 204)


def _page(typed: Mapping[str, str] | None = None, problems: Mapping[str, str] | None = None) -> str:
    queues, agents = rules.queue_rules(), rules.agent_rules()
    stands = {f"{queue.key}-priority": str(queue.priority) for queue in queues}
    stands |= {f"{queue.key}-needs": queue.needs for queue in queues} | {agent.key: agent.skills for agent in agents}
    return render_template(
        "settings/routing.html", queues=queues, agents=agents, typed=stands | dict(typed or {}), problems=problems or {}
    )
