from __future__ import annotations

from webapp import live
from webapp.accounts.events import UserDeactivated
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import users_who_may
from webapp.calls.events import (
    CallbackAsked,
    CallFinished,
    CallMerged,
    CallMissed,
    CallNotInbound,
    CallRetold,
    CustomerNotReached,
    CustomerReached,
    NumberWithheld,
)
from webapp.calls.models import Call
from webapp.contacts.events import PhoneAdded
from webapp.contacts.queries import parties_with_number
from webapp.db import db
from webapp.events import after_commit_together, on
from webapp.tasks import corrections, tickets
from webapp.tasks.actions import adopt, give_up_all
from webapp.tasks.events import CallbacksChanged
from webapp.tasks.ledger import attempt_over, close_reached, follow_merge, hide_number, open_or_join, take_back

MOST_TOLD = 50  # callbacks by name


@on(CallMissed)
def open_callback(event: CallMissed) -> None:
    open_or_join(db.session.get_one(Call, event.call_id))


@on(CustomerReached)
def close_callback(event: CustomerReached) -> None:
    take_back(event.call_id, direction=event.direction, at=event.at)
    close_reached(event.number, call_id=event.call_id, direction=event.direction, at=event.at)


@on(CustomerNotReached)
def reopen_callback(event: CustomerNotReached) -> None:
    corrections.undo_conversation(event.call_id)


@on(CallRetold)
def move_callback(event: CallRetold) -> None:
    corrections.move_in_time(event.call_id)
    corrections.move_conversation(event.call_id)


@on(UserDeactivated)
def pass_everything_on(event: UserDeactivated) -> None:
    give_up_all(event.user_id, event.at)


@on(CallNotInbound)
def leave_out_callback(event: CallNotInbound) -> None:
    corrections.leave_out(event.call_id)


@on(NumberWithheld)
def forget_number(event: NumberWithheld) -> None:
    hide_number(db.session.get_one(Call, event.call_id), event.number)


@on(CallFinished)
def count_attempt(event: CallFinished) -> None:
    attempt_over(db.session.get_one(Call, event.call_id))


@on(CallbackAsked)
def open_ticket(event: CallbackAsked) -> None:
    call = db.session.get_one(Call, event.call_id)
    tickets.open_ticket(call, queue=event.queue, number=event.number, at=event.at)


@on(CallMerged)
def keep_callbacks_of_merged(event: CallMerged) -> None:
    follow_merge(event.call_id, event.merged_id)


@on(PhoneAdded)
def name_open_callback(event: PhoneAdded) -> None:
    """Now it is known who called; and what was open for them under another number is the same."""
    if [party.id for party in parties_with_number(event.number)] != [event.party_id]:
        return  # several share the number: nobody knows yet who called
    adopt(event.number, event.party_id)


@after_commit_together(CallbacksChanged)
def refresh_lists(events: list[CallbacksChanged]) -> None:
    """Which ones, as long as asking for each is less than asking for the list."""
    ids = list(dict.fromkeys(str(event.callback_id) for event in events))
    told = {"kind": "callbacks"} | ({"ids": ids} if len(ids) <= MOST_TOLD else {})
    live.push("desk", told, to=users_who_may(Permission.CALLBACK_WORK))
