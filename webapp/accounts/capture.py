"""The only writer of what switches say of phones in queues, and of what that means for whose phones they are.

On a break is who was taken out of every queue that their phones are in; who is put back into any of them gets calls, and
is available; who is out of some and in others is left as they are.

Screen and switch may be changed at the same time, or while nobody listens: the later change holds. It is told by the clocks
of both, so they must be right. After an outage the switch lists who is in and who is out:

- out since later than what was declared: somebody took them out, so they are on a break;
- out since earlier: the screen is later, and the switch is told again;
- in, though the switch had taken the break that was declared: somebody has put them back, so they are available;
- in, and the switch was never told, or was restarted and forgot: the break holds, and the switch is told again.

A queue that is joined during a break knows nothing of the break: it is told at once. Whoever is logged out stays so;
nobody is there who could be available. Who is out because a call of theirs has just ended, or is about to come, is on no
break.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from telephony.events import Member, MemberEvent, MemberJoined, MemberLeft, MemberPaused, MembersListed
from webapp.accounts.actions import NO_BREAKS, is_to_be_out, out_of_step, set_status
from webapp.accounts.breaks import known_as
from webapp.accounts.models import AgentStatus, ChangedBy, Line, QueueMember, User
from webapp.db import db, lock, now, transaction

SKEW = timedelta(seconds=2)  # so far two clocks that are right may be apart


def record(event: MemberEvent, *, switch: str) -> None:
    with transaction():
        match event:
            case MemberPaused():
                _paused(event, switch)
            case MemberJoined():
                _joined(event, switch)
            case MemberLeft():
                _left(event, switch)
            case MembersListed():
                _listed(event, switch)


def _paused(event: MemberPaused, switch: str) -> None:
    _keep(switch, [event.member])
    user = db.session.scalar(_owners(switch, [event.member.line]))
    if user is None:
        return
    lock(user)
    members = _members_of(user)
    if user.status is not AgentStatus.LOGGED_OUT and event.at > user.status_since:
        _follow(user, event.member, members, event.at)
    as_declared = all(member.paused is is_to_be_out(user, event.at) for member in members)
    if as_declared or user.status_since == event.at:  # what the switch said last is what holds: it needs not be told
        _is_in_step(user)


def _joined(event: MemberJoined, switch: str) -> None:
    _keep(switch, [event.member])
    user = db.session.scalar(_owners(switch, [event.member.line]))
    if user is None:
        return
    lock(user)
    if user.status is AgentStatus.ON_BREAK and not event.member.paused:
        out_of_step(user)


def _left(event: MemberLeft, switch: str) -> None:
    """What is said later of the other queues is then all that there is to say."""
    db.session.execute(
        sa.delete(QueueMember).where(
            QueueMember.switch == switch,
            QueueMember.queue == event.member.queue,
            QueueMember.line == event.member.line,
        )
    )


def _follow(user: User, member: Member, members: list[QueueMember], at: datetime) -> None:
    if not member.paused:
        if user.status is AgentStatus.ON_BREAK:
            set_status(user, AgentStatus.AVAILABLE, by=ChangedBy.SWITCH, at=at)
    elif member.reason not in NO_BREAKS and all(each.paused for each in members):
        reason = known_as(member.reason)
        same = reason in ("", user.status_reason or _UNNAMED)
        if user.status is AgentStatus.AVAILABLE or not same:
            set_status(user, AgentStatus.ON_BREAK, reason=reason, by=ChangedBy.SWITCH, at=at)


_UNNAMED = "break"  # what a switch is told of a break without a reason


def _listed(event: MembersListed, switch: str) -> None:
    _keep(switch, event.members)
    there = {(member.queue, member.line) for member in event.members}
    for row in db.session.scalars(sa.select(QueueMember).where(QueueMember.switch == switch)).all():
        if (row.queue, row.line) not in there:
            db.session.delete(row)
    db.session.flush()
    for user in db.session.scalars(_owners(switch, {member.line for member in event.members})).unique().all():
        lock(user)
        _reconcile(user, event)


def _reconcile(user: User, event: MembersListed) -> None:
    members = _members_of(user)
    out = [member for member in members if member.paused]
    if user.status is AgentStatus.LOGGED_OUT or not members:
        return
    if user.status is AgentStatus.AVAILABLE:
        if len(out) < len(members) or is_to_be_out(user, event.at):
            return
        since = max((member.since for member in out if member.since), default=None)
        if since and since > user.status_since and out[-1].reason not in NO_BREAKS:
            reason = known_as(out[-1].reason)
            set_status(user, AgentStatus.ON_BREAK, reason=reason, by=ChangedBy.SWITCH, at=since)
            _is_in_step(user)
        else:
            out_of_step(user)
    elif not out and _was_told(user, event):
        set_status(user, AgentStatus.AVAILABLE, by=ChangedBy.SWITCH, at=event.at)
        _is_in_step(user)
    elif len(out) < len(members):
        out_of_step(user)


def _was_told(user: User, event: MembersListed) -> bool:
    """The break that holds, before this list was made; and it cannot have been forgotten."""
    told = [line.told_at for line in user.lines if line.told_at and line.told_at >= user.status_since]
    return len(told) == len(user.lines) and not event.restarted and event.at > max(told) + SKEW


def _keep(switch: str, members: Iterable[Member]) -> None:
    members = list(members)
    query = sa.select(QueueMember).where(QueueMember.switch == switch, QueueMember.line.in_({m.line for m in members}))
    known = {(row.queue, row.line): row for row in db.session.scalars(query)}
    for member in members:
        row = known.get((member.queue, member.line))
        if row is None:
            row = known[member.queue, member.line] = QueueMember(switch=switch, queue=member.queue, line=member.line)
            db.session.add(row)
        row.paused, row.reason, row.since = member.paused, member.reason, member.since
    db.session.flush()


def _owners(switch: str, lines: Iterable[str]) -> sa.Select[User]:
    return sa.select(User).join(Line).where(Line.switch == switch, Line.endpoint.in_(lines)).order_by(User.id)


def _members_of(user: User) -> list[QueueMember]:
    theirs = sa.exists().where(
        Line.user_id == user.id, Line.switch == QueueMember.switch, Line.endpoint == QueueMember.line
    )
    return list(db.session.scalars(sa.select(QueueMember).where(theirs).order_by(QueueMember.queue)))


def _is_in_step(user: User) -> None:
    at = max(now(), user.status_since)  # the switch's clock may be ahead of ours
    db.session.execute(sa.update(Line).where(Line.user_id == user.id).values(told_at=at))
