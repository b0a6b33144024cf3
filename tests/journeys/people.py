"""Plants the people of the stories into the installation of the environment: `python -m tests.journeys.people`."""

from __future__ import annotations

from config.settings import Settings
from webapp import schema
from webapp.accounts.actions import add_user, ensure_roles, set_head
from webapp.app import create_app
from webapp.contacts.models import OwnNumber
from webapp.db import db, transaction
from webapp.trial.people import cast

PASSWORD = "correct horse battery"
TEAMS = {"alice": "Sales", "bob": "Sales", "charlie": "Support", "dora": "Support", "erin": "Sales", "frank": "Support"}


def plant() -> None:
    app, people = create_app(Settings.from_env()), cast()
    schema.upgrade(app)
    with app.test_request_context(), transaction():
        ensure_roles()
        for agent in people.agents:
            team = TEAMS[agent.username]
            phone = {"browser_lines" if agent.in_browser else "lines": (agent.endpoint,)}
            add_user(agent.username, agent.name, role="agent", password=PASSWORD, team=team, **phone)
        head = add_user(*people.supervisor, role="supervisor", password=PASSWORD, team="Sales")
        for name in dict.fromkeys(TEAMS.values()):
            set_head(name, head)
        add_user(*people.admin, role="admin", password=PASSWORD)
        db.session.add_all(
            OwnNumber(value=number, label=label, shown=True) for number, label in people.did_labels.items()
        )


if __name__ == "__main__":
    plant()
