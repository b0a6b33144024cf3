"""Plants the agents of `centre` into the installation of the environment: `python -m tests.chaos.people`."""

from __future__ import annotations

from config.settings import Settings
from tests.chaos.centre import chaos_cast
from webapp import install
from webapp.accounts.actions import add_user
from webapp.app import create_app
from webapp.db import transaction

PASSWORD = "correct horse battery"


def plant() -> None:
    app = create_app(Settings.from_env())
    install.prepare(app)
    with app.test_request_context(), transaction():
        for agent in chaos_cast().agents:
            add_user(agent.username, agent.name, role="agent", password=PASSWORD, team="Chaos", lines=(agent.endpoint,))


if __name__ == "__main__":
    plant()
