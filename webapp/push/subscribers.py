from __future__ import annotations

import sqlalchemy as sa

from telephony.commands import First
from telephony.events import Direction
from webapp.accounts.events import StatusChanged, UserDeactivated
from webapp.accounts.models import AgentStatus
from webapp.calls.events import CallChanged
from webapp.calls.models import Call, CallState, Leg
from webapp.db import db
from webapp.events import after_commit, on
from webapp.jobs import soon
from webapp.notices.events import NoticesChanged
from webapp.push.actions import forget
from webapp.push.jobs import push_call, push_notices
from webapp.push.models import PushSubscription


@on(StatusChanged)
def forget_who_logged_out(event: StatusChanged) -> None:
    if event.status == AgentStatus.LOGGED_OUT.value:
        forget(event.user_id)


@on(UserDeactivated)
def forget_who_left(event: UserDeactivated) -> None:
    forget(event.user_id)


@after_commit(CallChanged)
def wake_whose_phone_rings(event: CallChanged) -> None:
    """Once for each of their phones: a page that is looked at shows it anyway, and the browser then keeps quiet."""
    if event.state != CallState.RINGING.value or not event.user_ids:
        return
    ringing = (
        sa.select(Leg.user_id)
        .join(Call, Call.id == Leg.call_id)
        .where(Leg.call_id == event.call_id, Leg.answered_at.is_(None), Leg.ended_at.is_(None))
        .where(sa.or_(Call.direction == Direction.INBOUND, Call.rings_first == First.CUSTOMER))
        .where(Leg.user_id.in_(sa.select(PushSubscription.user_id)))
    )
    for user_id in db.session.scalars(ringing.distinct()).all():
        soon(push_call, str(event.call_id), str(user_id))


@after_commit(NoticesChanged)
def wake_who_is_told(event: NoticesChanged) -> None:
    with_browser = sa.select(PushSubscription.user_id).where(PushSubscription.user_id.in_(event.user_ids)).distinct()
    for user_id in db.session.scalars(with_browser).all():
        soon(push_notices, str(user_id))
