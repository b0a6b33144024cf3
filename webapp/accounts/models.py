from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from flask_security import AsaList, RoleMixin, UserMixin
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Identified, Model, db, enum_type, now


class AgentStatus(StrEnum):
    """What an agent declares; what is observed of the phone is a *state*, and another thing."""

    AVAILABLE = "available"
    ON_BREAK = "on_break"
    LOGGED_OUT = "logged_out"


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
    locale: Mapped[str | None] = mapped_column(sa.String(8))
    theme: Mapped[str] = mapped_column(sa.String(8), default="auto")
    density: Mapped[str] = mapped_column(sa.String(12), default="comfortable")
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
    user: Mapped[User] = relationship(back_populates="lines")


class LogInBrake(Model):
    """How many wrong passwords there were under one key (see `brake`), and whether there was a right one."""

    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime] = mapped_column(index=True)
    succeeded_at: Mapped[datetime | None]
