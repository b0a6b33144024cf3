from __future__ import annotations

from webapp import jobs
from webapp.accounts.events import StatusChanged
from webapp.accounts.models import AgentStatus
from webapp.events import after_commit_together
from webapp.phones.jobs import put_away_accounts


@after_commit_together(StatusChanged)
def end_accounts(events: list[StatusChanged]) -> None:
    if any(event.status == AgentStatus.LOGGED_OUT for event in events):
        jobs.soon(put_away_accounts)
