"""Callbacks: opened by missed calls, closed by conversations or by a person who says why."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from telephony.events import Direction
from webapp.accounts.models import User
from webapp.calls.models import Call
from webapp.db import db, lock, now
from webapp.errors import Conflict, Invalid
from webapp.events import publish
from webapp.tasks.events import CallbacksChanged
from webapp.tasks.models import Callback, CallbackCall, CallbackState, ClosedAs


def open_or_join(call: Call) -> None:
    """Nobody talked to this caller: one open callback per number; who calls again joins it and becomes more urgent."""
    assert call.ended_at is not None
    if db.session.get(CallbackCall, call.id):
        return
    key = _key(call)
    callback = db.session.scalar(sa.select(Callback).where(Callback.open_key == key).with_for_update(of=Callback))
    if callback is None:
        callback = _opened(call, key)
    else:
        callback.missed += 1
        callback.last_missed_at = max(callback.last_missed_at, call.ended_at)
        callback.party_id = callback.party_id or call.party_id
        callback.name_raw = callback.name_raw or call.name_raw
    db.session.add(CallbackCall(call_id=call.id, callback_id=callback.id))
    if reached := _reached_since(call):
        _close(callback, _how(reached), at=reached.answered_at or now(), call_id=reached.id)
    _changed(callback)


def close_reached(number: str, *, call_id: UUID, direction: Direction, at: datetime) -> None:
    """Somebody talked to this number: whatever was open for it before is done."""
    callback = db.session.scalar(
        sa.select(Callback).where(Callback.open_key == f"tel:{number}").with_for_update(of=Callback)
    )
    if callback and callback.last_missed_at <= at:
        how = ClosedAs.RANG_IN if direction is Direction.INBOUND else ClosedAs.REACHED
        _close(callback, how, at=at, call_id=call_id)
        _changed(callback)


def take_back(call_id: UUID, *, direction: Direction, at: datetime) -> None:
    """A call that counted as missed turns out to have been answered: its callback counts one less, or was none."""
    link = db.session.get(CallbackCall, call_id)
    if link is None:
        return
    callback = db.session.get_one(Callback, link.callback_id, with_for_update={"of": Callback})
    db.session.delete(link)
    callback.missed = max(1, callback.missed - 1)
    db.session.flush()
    others = sa.select(sa.func.count()).select_from(CallbackCall).where(CallbackCall.callback_id == callback.id)
    if callback.is_open and not db.session.scalar(others):
        how = ClosedAs.RANG_IN if direction is Direction.INBOUND else ClosedAs.REACHED
        _close(callback, how, at=at, call_id=call_id)
    _changed(callback)


def follow_merge(call_id: UUID, merged_id: UUID) -> None:
    """What was said of a call that is another one now is said of that."""
    counted = db.session.get(CallbackCall, call_id)
    link = db.session.get(CallbackCall, merged_id)
    if link is not None and counted is None:
        db.session.add(CallbackCall(call_id=call_id, callback_id=link.callback_id))
    if link is not None:
        db.session.delete(link)
    db.session.execute(
        sa.update(Callback).where(Callback.closed_by_call_id == merged_id).values(closed_by_call_id=call_id)
    )
    db.session.flush()


def claim(callback: Callback, by: User) -> None:
    """Raises Conflict when somebody else was faster."""
    _refuse_closed(callback)
    taken = db.session.execute(
        sa.update(Callback)
        .where(
            Callback.id == callback.id,
            sa.or_(
                Callback.state == CallbackState.OPEN,
                sa.and_(Callback.state == CallbackState.CLAIMED, Callback.claimed_by_id == by.id),
            ),
        )
        .values(state=CallbackState.CLAIMED, claimed_by_id=by.id, claimed_at=now())
    )
    db.session.refresh(callback)
    if not taken.rowcount:  # type: ignore[attr-defined]
        _refuse_closed(callback)
        name = callback.claimed_by.name if callback.claimed_by else ""
        raise Conflict(_("%(name)s is already on it.", name=name))
    _changed(callback)


def release(callback: Callback, by: User) -> None:
    lock(callback)
    _refuse_closed(callback)
    if callback.claimed_by_id != by.id:
        raise Conflict(_("This callback is not yours."))
    callback.state, callback.claimed_by_id, callback.claimed_at = CallbackState.OPEN, None, None
    _changed(callback)


def dismiss(callback: Callback, by: User, reason: str) -> None:
    """Nobody will call back, and somebody answers for that. Raises Invalid without a reason."""
    reason = checked_reason(reason)
    lock(callback)
    _refuse_closed(callback)
    if callback.claimed_by_id not in (None, by.id):
        name = callback.claimed_by.name if callback.claimed_by else ""
        raise Conflict(_("%(name)s is already on it.", name=name))
    callback.reason, callback.closed_by_id = reason, by.id
    _close(callback, ClosedAs.DISMISSED, at=now(), call_id=None)
    _changed(callback)


def checked_reason(reason: str) -> str:
    """Raises Invalid, naming the field."""
    reason = " ".join(reason.replace("\x00", "").split())
    if not reason:
        raise Invalid(_("Say why nobody is to call back."), fields={"reason": _("Say why nobody is to call back.")})
    if len(reason) > 500:
        raise Invalid(_("The reason is too long."), fields={"reason": _("At most 500 characters.")})
    return reason


def _key(call: Call) -> str:
    if call.number:
        return f"tel:{call.number}"
    if call.withheld:
        return f"call:{call.id}"
    return f"raw:{call.number_raw}"[:180]


def _opened(call: Call, key: str) -> Callback:
    assert call.ended_at is not None
    within = timedelta(minutes=current_app.config["RINGBACK_CALLBACK_MINUTES"])
    callback = Callback(
        open_key=key, number=call.number, number_raw=call.number_raw, name_raw=call.name_raw, party_id=call.party_id,
        switch=call.switch, queue=call.queue, did=call.did, state=CallbackState.OPEN, missed=1,
        first_missed_at=call.ended_at, last_missed_at=call.ended_at, due_at=call.ended_at + within,
    )  # fmt: skip
    db.session.add(callback)
    db.session.flush()
    return callback


def _reached_since(call: Call) -> Call | None:
    """A missed call that is told late may be of somebody who was talked to in the meantime."""
    if call.number is None:
        return None
    return db.session.scalar(
        sa.select(Call)
        .where(Call.number == call.number, Call.answered_at > call.ended_at)
        .order_by(Call.answered_at)
        .limit(1)
    )


def _how(call: Call) -> ClosedAs:
    return ClosedAs.RANG_IN if call.direction is Direction.INBOUND else ClosedAs.REACHED


def _close(callback: Callback, how: ClosedAs, *, at: datetime, call_id: UUID | None) -> None:
    callback.state, callback.open_key = CallbackState.CLOSED, None
    callback.closed_as, callback.closed_at, callback.closed_by_call_id = how, at, call_id


def _refuse_closed(callback: Callback) -> None:
    if not callback.is_open:
        raise Conflict(_("This callback is already closed."))


def _changed(callback: Callback) -> None:
    db.session.flush()
    publish(CallbacksChanged(callback_id=callback.id, at=now()))
