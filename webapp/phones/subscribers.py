from __future__ import annotations

from webapp import jobs, live
from webapp.accounts.events import StatusChanged
from webapp.accounts.models import AgentStatus, User
from webapp.accounts.queries import ids_with_phones
from webapp.calls.events import CallFinished, RingAnswered
from webapp.db import db
from webapp.events import after_commit, after_commit_together, on
from webapp.phones.actions import unpark
from webapp.phones.events import ParkingChanged, PhoneTaken
from webapp.phones.jobs import put_away_accounts


@after_commit_together(StatusChanged)
def end_accounts(events: list[StatusChanged]) -> None:
    if any(event.status == AgentStatus.LOGGED_OUT for event in events):
        jobs.soon(put_away_accounts)


@on(StatusChanged)
def free_the_phone(event: StatusChanged) -> None:
    """Of who has logged out: whichever device they log in at next has it."""
    if event.status == AgentStatus.LOGGED_OUT:
        for line in db.session.get_one(User, event.user_id).lines:
            line.give_back()


@after_commit(PhoneTaken)
def tell_the_other_device(event: PhoneTaken) -> None:
    live.push("desk", {"kind": "phone"}, to=[event.user_id])


@on(CallFinished)
def forget_who_has_hung_up(event: CallFinished) -> None:
    unpark(event.call_id)


@on(RingAnswered)
def forget_who_was_fetched(event: RingAnswered) -> None:
    unpark(event.call_id)


@after_commit(ParkingChanged)
def show_parked(event: ParkingChanged) -> None:
    """To whoever could fetch them."""
    live.push("desk", {"kind": "parked"}, to=ids_with_phones(event.switch))
