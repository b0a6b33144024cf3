from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from webapp import leases


def test_health_tells_of_the_database_and_needs_no_log_in(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json["checks"]["database"] == {"ok": True}


def test_a_switch_that_nobody_follows_is_told(client: FlaskClient) -> None:
    answer = client.get("/health").json
    assert answer["status"] == "degraded"
    assert answer["checks"]["switch:main"]["ok"] is False


def test_a_bridge_in_another_process_is_known_by_its_lease(client: FlaskClient) -> None:
    leases.take("bridge:main", "elsewhere", facts={"ok": True, "connected": True})
    assert client.get("/health").json["checks"]["switch:main"] == {"ok": True, "connected": True}


def test_what_the_bridge_of_this_process_says_now_counts_more_than_its_lease(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases.take("bridge:main", "here", facts={"ok": True, "connected": True})
    here = {"ok": False, "connected": False, "problem": "events wait"}
    monkeypatch.setitem(client.application.extensions, "ringback.bridges", {"main": lambda: here})
    assert client.get("/health").json["checks"]["switch:main"] == here
