from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from flask_security import AsaList, RoleMixin, UserMixin
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from telephony.commands import First
from webapp.db import Identified, Model, db, enum_type, now


class AgentStatus(StrEnum):
    """What an agent declares; what is observed of the phone is a *state*, and another thing."""

    AVAILABLE = "available"
    ON_BREAK = "on_break"
    LOGGED_OUT = "logged_out"


class ChangedBy(StrEnum):
    """Who changed a status."""

    AGENT = "agent"  # on the screen, or by logging in or out
    SWITCH = "switch"  # a phone's feature code, or somebody at the telephone system
    SYSTEM = "system"  # a rule of the installation


user_role = sa.Table(
    "user_role",
    db.metadata,
    sa.Column("user_id", sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role_id", sa.ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Identified, RoleMixin, Model):  # type: ignore[misc]
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    description: Mapped[str] = mapped_column(sa.String(255), default="")
    permissions: Mapped[list[str]] = mapped_column(MutableList.as_mutable(AsaList()), default=list)
    # what the product gave to it so far: what an administrator took away of that is not given again
    given: Mapped[list[str]] = mapped_column(MutableList.as_mutable(AsaList()), default=list)


class Team(Identified, Model):
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    head_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL", use_alter=True))
    head: Mapped[User | None] = relationship(foreign_keys=[head_id], post_update=True)
    members: Mapped[list[User]] = relationship(back_populates="team", foreign_keys="User.team_id")


class User(Identified, UserMixin, Model):  # type: ignore[misc]
    """An employee. `fs_uniquifier` is the session's key: a new one ends every session of the user."""

    username: Mapped[str] = mapped_column(sa.String(80), unique=True)
    email: Mapped[str] = mapped_column(sa.String(255), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    password: Mapped[str] = mapped_column(sa.String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(sa.String(64), unique=True)
    team_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("team.id", ondelete="SET NULL"))
    status: Mapped[AgentStatus] = mapped_column(enum_type(AgentStatus), default=AgentStatus.LOGGED_OUT)
    logged_in_at: Mapped[datetime | None]  # the last time; calls before it were taken by nobody at a screen
    status_since: Mapped[datetime] = mapped_column(default=now)
    status_reason: Mapped[str] = mapped_column(sa.String(80), default="")  # of a break: see BreakReason.code
    held_back_until: Mapped[datetime | None]  # out of the queues although available: after a call, by a queue's rule
    reserved_until: Mapped[datetime | None]  # the same: a customer is rung whom they are to talk to
    did_not_answer_at: Mapped[datetime | None]  # too many rings in a row; until a call is answered, or they say so
    here_at: Mapped[datetime | None]  # when they said so: rings before it count no more
    locale: Mapped[str | None] = mapped_column(sa.String(8))
    theme: Mapped[str] = mapped_column(sa.String(8), default="auto")
    density: Mapped[str] = mapped_column(sa.String(12), default="comfortable")
    ring_volume: Mapped[int] = mapped_column(default=70)  # percent; 0 is silent
    shown_number: Mapped[str | None] = mapped_column(sa.String(40))  # which of our numbers customers see, if they chose
    rings_first: Mapped[First | None] = mapped_column(enum_type(First))  # when they call; None: as for everybody
    created_at: Mapped[datetime] = mapped_column(default=now)
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="selectin")  # type: ignore[assignment]
    team: Mapped[Team | None] = relationship(back_populates="members", foreign_keys=[team_id])
    lines: Mapped[list[Line]] = relationship(back_populates="user", lazy="selectin", order_by="Line.endpoint")

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.name.split()[:2]).upper()


class Absence(Identified, Model):
    """Somebody is ill or on holiday: nothing new is given to them, and what is theirs goes to others."""

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(sa.String(200), default="")
    user: Mapped[User] = relationship()


class Line(Identified, Model):
    """An agent's phone: an endpoint of a switch, e.g. PJSIP/alice on main. Belongs to one user."""

    __table_args__ = (sa.UniqueConstraint("switch", "endpoint"),)
    switch: Mapped[str] = mapped_column(sa.String(40))
    endpoint: Mapped[str] = mapped_column(sa.String(80))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    in_browser: Mapped[bool] = mapped_column(default=False)  # the page itself; else a thing on a desk, or an app
    told_at: Mapped[datetime | None]  # when the switch last took what the user had declared
    # of a browser phone: until when its account on the switch is good (None: it has none), and since when it is out of reach
    account_until: Mapped[datetime | None] = mapped_column(index=True)
    gone_at: Mapped[datetime | None] = mapped_column(index=True)
    user: Mapped[User] = relationship(back_populates="lines")


class BreakReason(Identified, Model):
    """Why somebody is on a break. `code` is what switches know it by, and what history keeps: it never changes."""

    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    label_en: Mapped[str] = mapped_column(sa.String(60))
    label_el: Mapped[str] = mapped_column(sa.String(60))
    paid: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)  # can be chosen
    max_minutes: Mapped[int | None]  # longer than that is shown as too long
    position: Mapped[int] = mapped_column(default=0)

    def label(self, language: str) -> str:
        return self.label_el if language == "el" else self.label_en


class StatusPeriod(Identified, Model):
    """From when to when somebody was available, on a break for one reason, or logged out. Each has one that is open.

    `reason`: a break reason's code, or what the switch said where it is none of ours.
    """

    __table_args__ = (sa.Index(None, "user_id", "began_at"), sa.Index(None, "user_id", "ended_at"))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    status: Mapped[AgentStatus] = mapped_column(enum_type(AgentStatus))
    reason: Mapped[str] = mapped_column(sa.String(80), default="")
    by: Mapped[ChangedBy] = mapped_column(enum_type(ChangedBy))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Presence(Model):
    """A heartbeat of whoever has a page open; one that is too old is nobody's. `here`: as others were told last."""

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(index=True)
    here: Mapped[bool] = mapped_column(default=True)


class QueueMember(Identified, Model):
    """A phone in a queue, as the switch told last."""

    __table_args__ = (sa.UniqueConstraint("switch", "queue", "line"), sa.Index(None, "switch", "line"))
    switch: Mapped[str] = mapped_column(sa.String(40))
    queue: Mapped[str] = mapped_column(sa.String(80))
    line: Mapped[str] = mapped_column(sa.String(80))
    paused: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(sa.String(80), default="")
    since: Mapped[datetime | None]


class LogInBrake(Model):
    """How many wrong passwords there were under one key (see `brake`), and whether there was a right one."""

    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime] = mapped_column(index=True)
    succeeded_at: Mapped[datetime | None]
