"""What people do with callbacks. Verbs raise and never commit; who may, the views ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _

from webapp.accounts.models import User
from webapp.accounts.permissions import Permission
from webapp.accounts.queries import absence_of
from webapp.calls import actions as calls
from webapp.calls.decision import Occasion
from webapp.calls.models import Call
from webapp.contacts.models import Party, PartyKind
from webapp.db import db, lock, lock_all, now
from webapp.errors import Conflict, Invalid, RingbackError
from webapp.tasks import oversight
from webapp.tasks.listing import SHOWN
from webapp.tasks.lookup import one_at_a_time
from webapp.tasks.models import (
    AssignedBy,
    Callback,
    CallbackAttempt,
    CallbackCall,
    CallbackKind,
    CallbackState,
    ClosedAs,
)
from webapp.tasks.people import give, hand_to
from webapp.tasks.rows import call_is_up, changed, close, is_being_called, refuse_closed, set_due

CLAIM_LASTS = timedelta(minutes=10)


def claim(callback: Callback, by: User, *, at: datetime | None = None) -> None:
    """A lease: nobody else calls them until it runs out. Raises Conflict when somebody else was faster."""
    at = at or now()
    refuse_closed(callback)
    run_out = sa.and_(Callback.claimed_until < at, ~call_is_up(Callback.id))
    mine = sa.or_(Callback.claimed_by_id == by.id, run_out)
    others_call = call_is_up(Callback.id, CallbackAttempt.by_id.is_distinct_from(by.id))
    free = sa.or_(
        sa.and_(Callback.state.in_([CallbackState.OPEN, CallbackState.WAITING]), ~others_call),
        sa.and_(Callback.state == CallbackState.CLAIMED, mine),
    )
    taken = db.session.execute(
        sa.update(Callback)
        .where(Callback.id == callback.id, free)
        .values(state=CallbackState.CLAIMED, claimed_by_id=by.id, claimed_at=at, claimed_until=at + CLAIM_LASTS)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(callback)
    if not taken.rowcount:  # type: ignore[attr-defined]
        refuse_closed(callback)
        raise _somebody_is_on(callback) if callback.claimed_by else _is_calling(callback)
    changed(callback)


def renew(callback: Callback, by: User, *, at: datetime | None = None) -> None:
    """The claimer is still at it. Raises Conflict when it is not theirs any more. Lists need not look again."""
    at = at or now()
    renewed = db.session.execute(
        sa.update(Callback)
        .where(Callback.id == callback.id, Callback.state == CallbackState.CLAIMED, Callback.claimed_by_id == by.id)
        .values(claimed_until=at + CLAIM_LASTS)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(callback)
    if not renewed.rowcount:  # type: ignore[attr-defined]
        refuse_closed(callback)
        raise Conflict(_("This callback is not yours."))


def release(callback: Callback, by: User, *, at: datetime | None = None) -> None:
    """Raises Conflict (not theirs, and while the call that was made for it is up: a second one would ring beside it)."""
    lock(callback)
    refuse_closed(callback)
    if callback.claimed_by_id != by.id:
        raise Conflict(_("This callback is not yours."))
    if is_being_called(callback.id):
        raise _is_calling(callback)
    give_back(callback, at or now())


def give_back(callback: Callback, at: datetime) -> None:
    """Nobody is on it any more. A retry that was planned for later stays planned."""
    later = callback.retry_at is not None and callback.retry_at > at
    callback.state = CallbackState.WAITING if later else CallbackState.OPEN
    callback.claimed_by = callback.claimed_at = callback.claimed_until = None
    changed(callback)


def give_up_all(user_id: UUID, at: datetime) -> None:
    """They are gone: nothing lies with them. Only the one that they are calling this moment ends first."""
    theirs = sa.or_(Callback.claimed_by_id == user_id, Callback.assigned_to_id == user_id)
    query = sa.select(Callback).where(Callback.open_key.is_not(None), theirs).order_by(Callback.id)
    for callback in lock_all(query, Callback):
        if callback.claimed_by_id == user_id and not is_being_called(callback.id):
            give_back(callback, at)
        if callback.assigned_to_id == user_id:
            hand_to(callback, None, None, at=at)
            db.session.flush()
            give(callback, at)
            changed(callback)


def call_back(callback: Callback, by: User, key: str, *, is_out_of_reach: bool = False) -> Call:
    """Claim it, and write the call down that is made for it; `calls.actions.dial` it once this is committed.

    The same key is the same call. Raises Conflict (somebody else is on it, in a call, no number), Invalid.
    """
    if callback.number is None:
        if callback.number_raw:
            raise Conflict(_("%(number)s is not a telephone number.", number=callback.number_raw))
        raise Conflict(_("This caller's number is not known."))
    claim(callback, by)
    call = calls.request_call(
        by,
        callback.number,
        key,
        party_id=callback.party_id,
        occasion=occasion_of(callback),
        is_out_of_reach=is_out_of_reach,
    )
    if db.session.get(CallbackAttempt, call.id) is None:
        db.session.add(CallbackAttempt(call_id=call.id, callback_id=callback.id, by_id=by.id, at=call.started_at))
        db.session.flush()
    return call


def occasion_of(callback: Callback) -> Occasion:
    """They called us or heard our promise then; to a promise, and to being called in their turn, they have agreed."""
    return Occasion(
        queue=callback.queue,
        called_us_at=callback.last_missed_at,
        is_agreed=callback.kind is not CallbackKind.MISSED,
    )


def dismiss(callback: Callback, by: User, reason: str, *, at: datetime | None = None) -> None:
    """Nobody will call back, and somebody answers for that. Raises Invalid without a reason."""
    reason = checked_reason(reason)
    lock(callback)
    refuse_closed(callback)
    if callback.claimed_by_id not in (None, by.id):
        raise _somebody_is_on(callback)
    callback.reason, callback.closed_by_id = reason, by.id
    close(callback, ClosedAs.DISMISSED, at=at or now())
    changed(callback)


def checked_reason(reason: str) -> str:
    """Raises Invalid, naming the field."""
    reason = " ".join(reason.replace("\x00", "").split())
    if not reason:
        raise Invalid(_("Say why nobody is to call back."), fields={"reason": _("Say why nobody is to call back.")})
    if len(reason) > 500:
        raise Invalid(_("The reason is too long."), fields={"reason": _("At most 500 characters.")})
    return reason


def assign(callback: Callback, to: User, by: User, *, at: datetime | None = None) -> None:
    """It is `to`'s from now on. Whoever had claimed it is told, unless they are calling this very moment.

    Raises Invalid (who cannot have it), Conflict (closed, being called).
    """
    at = at or now()
    _refuse_unfit(to, at)
    _assign(callback, to, by, at)
    oversight.tell_assigned(callback, to, by, at)


def take_away(callback: Callback, by: User, *, at: datetime | None = None) -> None:
    """It is nobody's from now on. Raises Conflict (closed, being called)."""
    at = at or now()
    lock(callback)
    refuse_closed(callback)
    _take_from_claimer(callback, by, at)
    hand_to(callback, None, None, at=at)
    changed(callback)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one of many was left as it was."""

    callback_id: UUID
    callback: Callback | None
    reason: str


def change_many(ids: Sequence[UUID], verb: Callable[[Callback], None]) -> list[Refusal]:
    """Each for itself: what was refused is told, with the others it is done. `verb` decides before it writes."""
    query = sa.select(Callback).where(Callback.id.in_(ids)).order_by(Callback.id).options(*SHOWN)
    found = {callback.id: callback for callback in lock_all(query, Callback)}
    refused = []
    for callback_id in dict.fromkeys(ids):
        callback = found.get(callback_id)
        if callback is None:
            refused.append(Refusal(callback_id, None, _("There is no such callback.")))
            continue
        try:
            verb(callback)
        except RingbackError as error:
            refused.append(Refusal(callback_id, callback, error.message))
    return refused


def assign_many(ids: Sequence[UUID], to: User, by: User, *, at: datetime | None = None) -> list[Refusal]:
    """`to` is told by `oversight.tell_assigned_many`: two thousand notices are none. Raises Invalid when nobody could
    give `to` any."""
    at = at or now()
    _refuse_unfit(to, at)
    return change_many(ids, lambda callback: _assign(callback, to, by, at))


def merge(source: Callback, into: Callback) -> None:
    """Both are of the same caller: `into` goes on with the calls of both. Raises Conflict when somebody is on each."""
    if source.id == into.id:
        raise Conflict(_("This is one and the same callback."))
    for callback in sorted((source, into), key=lambda each: each.id):
        lock(callback)
        refuse_closed(callback)
    if source.claimed_by and source.claimed_by_id != into.claimed_by_id:
        raise _somebody_is_on(source)
    take_over(source, into, at=now())
    into.overdue_told_at = into.overdue_told_at or source.overdue_told_at
    set_due(into, min(source.due_at, into.due_at), at=now())
    changed(source)
    changed(into)


def take_over(source: Callback, into: Callback, *, at: datetime) -> None:
    """What was counted for `source` counts for `into`. Both are locked."""
    for row in (CallbackCall, CallbackAttempt):
        db.session.execute(sa.update(row).where(row.callback_id == source.id).values(callback_id=into.id))
    into.missed += source.missed
    into.attempts += source.attempts
    into.first_missed_at = min(into.first_missed_at, source.first_missed_at)
    into.last_missed_at = max(into.last_missed_at, source.last_missed_at)
    into.party_id, into.name_raw = into.party_id or source.party_id, into.name_raw or source.name_raw
    if source.kind is CallbackKind.PROMISE and into.kind is not CallbackKind.PROMISE:
        _keep_promise(source, into, at)
    elif source.kind is CallbackKind.TICKET and into.kind is CallbackKind.MISSED:
        into.kind, into.queue, into.queued_at, into.remind_at = source.kind, source.queue, source.queued_at, None
    source.merged_into_id = into.id
    close(source, ClosedAs.MERGED, at=at)
    db.session.flush()


def _keep_promise(source: Callback, into: Callback, at: datetime) -> None:
    """What was promised for `source` is promised for `into`, by whoever gave their word, and lies with whom it lay."""
    into.kind, into.promised_for, into.promised_zone = source.kind, source.promised_for, source.promised_zone
    into.promised_by_id, into.note = source.promised_by_id, into.note or source.note
    into.remind_at = None
    if into.state is CallbackState.WAITING and into.retry_at is None:  # for its turn in a queue: a promise has none
        into.state = CallbackState.OPEN
    if source.assigned_to and into.assigned_by != AssignedBy.PERSON:
        hand_to(into, source.assigned_to, AssignedBy(source.assigned_by), at=at)


def adopt(number: str, party_id: UUID) -> None:
    """It became known whose number this is: the entry is theirs, and one with what is open for them elsewhere."""
    named = db.session.scalar(sa.select(Callback).where(Callback.open_key == f"tel:{number}"))
    if named is None or named.party_id not in (None, party_id):
        return
    _name(named, party_id)


def follow_choice(call_id: UUID, party_id: UUID) -> None:
    """Somebody said whose call this is: so is the entry that it counts in, or that it was made for."""
    one_at_a_time(party_id)
    counted = sa.select(CallbackCall.callback_id).where(CallbackCall.call_id == call_id)
    made_for = sa.select(CallbackAttempt.callback_id).where(CallbackAttempt.call_id == call_id)
    theirs = sa.select(Callback).where(sa.or_(Callback.id.in_(counted), Callback.id.in_(made_for)))
    for entry in db.session.scalars(theirs.order_by(Callback.id).with_for_update(of=Callback)).unique().all():
        if entry.is_open and entry.party_id != party_id:
            _name(entry, party_id)
            _pass_to_owner(entry)
        elif entry.party_id != party_id:
            entry.party_id = party_id
            changed(entry)


def _name(named: Callback, party_id: UUID) -> None:
    """It is this party's. Of a person all that is open is one entry."""
    named.party_id = party_id
    db.session.flush()
    db.session.expire(named, ["party"])
    changed(named)
    party = db.session.get_one(Party, party_id)
    others = sa.select(Callback).where(
        Callback.open_key.is_not(None), Callback.party_id == party_id, Callback.id != named.id
    )
    for other in db.session.scalars(others.order_by(Callback.first_missed_at)).unique().all():
        if party.kind is PartyKind.PERSON and not (named.claimed_by_id and other.claimed_by_id):
            # whoever is on one of them stays on it
            source, named = (other, named) if named.claimed_by_id else (named, other)
            merge(source, named)


def _pass_to_owner(entry: Callback) -> None:
    """It was with the owner of another contact."""
    if entry.is_open and entry.assigned_by == AssignedBy.OWNER and entry.claimed_by_id is None:
        hand_to(entry, None, None, at=now())
        db.session.flush()
        give(entry, now())


def _assign(callback: Callback, to: User, by: User, at: datetime) -> None:
    lock(callback)
    refuse_closed(callback)
    if callback.claimed_by_id != to.id:
        _take_from_claimer(callback, by, at)
    hand_to(callback, to, AssignedBy.PERSON, at=at)
    changed(callback)


def _take_from_claimer(callback: Callback, by: User, at: datetime) -> None:
    if callback.claimed_by is None:
        return
    if is_being_called(callback.id):
        raise _is_calling(callback)
    oversight.tell_taken(callback, callback.claimed_by, by, at)
    give_back(callback, at)


def _refuse_unfit(to: User, at: datetime) -> None:
    problem = ""
    if not to.active or not to.has_permission(Permission.CALLBACK_WORK.value):
        problem = _("%(name)s may not call back.", name=to.name)
    elif absence_of(to, at):
        problem = _("%(name)s is absent.", name=to.name)
    if problem:
        raise Invalid(problem, fields={"to": problem})


def _somebody_is_on(callback: Callback) -> Conflict:
    return Conflict(_("%(name)s is already on it.", name=callback.claimed_by.name if callback.claimed_by else ""))


def _is_calling(callback: Callback) -> Conflict:
    up = sa.select(User.name).join(CallbackAttempt, CallbackAttempt.by_id == User.id)
    up = up.where(CallbackAttempt.callback_id == callback.id, CallbackAttempt.failed_at.is_(None))
    name = db.session.scalar(up.order_by(CallbackAttempt.at.desc()).limit(1))
    return Conflict(_("%(name)s is calling them now.", name=name or ""))
