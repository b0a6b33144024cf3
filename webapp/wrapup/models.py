from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.calls.models import Disposition
from webapp.db import Identified, Model, enum_type, now
from webapp.tasks.models import Callback


class FieldKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class Question:
    """Of a form or of a script. `key` stays when it is worded anew; `options`: what may be chosen, where one chooses."""

    key: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    options: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the answer is sent as."""
        return f"answer-{self.key}"


class WrapUpForm(Model):
    """What agents say after a call of a queue, and how long they have; the row named "" is for all without their own.

    `limit_seconds`: then they are ready again, whatever they wrote; 0: when they say so, and meanwhile calls come as
    ever. `more_seconds`: what asking for more time adds; 0: there is no more.
    """

    queue: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    limit_seconds: Mapped[int] = mapped_column(default=0)
    more_seconds: Mapped[int] = mapped_column(default=60)
    disposition_required: Mapped[bool] = mapped_column(default=True)
    next_step: Mapped[bool] = mapped_column(default=True)  # promising a call is offered

    choices: Mapped[list[WrapUpChoice]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    fields: Mapped[list[WrapUpField]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="WrapUpField.position"
    )

    @property
    def questions(self) -> list[Question]:
        return [field.question for field in self.fields]

    @property
    def extendable(self) -> bool:
        return bool(self.limit_seconds and self.more_seconds)

    def offers(self, disposition: Disposition) -> bool:
        """Without a choice of its own a form offers all that are in use."""
        chosen = {choice.disposition_id for choice in self.choices}
        return disposition.active and (not chosen or disposition.id in chosen)


class WrapUpChoice(Model):
    """A disposition that a form offers."""

    queue: Mapped[str] = mapped_column(sa.ForeignKey("wrap_up_form.queue", ondelete="CASCADE"), primary_key=True)
    disposition_id: Mapped[UUID] = mapped_column(sa.ForeignKey("disposition.id", ondelete="CASCADE"), primary_key=True)


class WrapUpField(Identified, Model):
    """A question of the firm's own."""

    queue: Mapped[str] = mapped_column(sa.ForeignKey("wrap_up_form.queue", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[FieldKind] = mapped_column(enum_type(FieldKind), default=FieldKind.TEXT)
    required: Mapped[bool] = mapped_column(default=False)
    options: Mapped[list[str]] = mapped_column(default=list)

    @property
    def question(self) -> Question:
        return Question(str(self.id), self.label, self.kind, self.required, self.options)


class WrapUp(Identified, Model):
    """What one agent said of a call; each has their own. `draft`: what was typed and is not saved yet, by field."""

    __table_args__ = (sa.UniqueConstraint("call_id", "user_id"),)
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    disposition_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("disposition.id", ondelete="RESTRICT"))
    callback_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("callback.id", ondelete="SET NULL"))
    draft: Mapped[dict[str, Any]] = mapped_column(default=dict)
    saved_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    user: Mapped[User] = relationship(lazy="joined")
    disposition: Mapped[Disposition | None] = relationship(lazy="joined")
    callback: Mapped[Callback | None] = relationship(lazy="select")
    answers: Mapped[list[WrapUpAnswer]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="WrapUpAnswer.position"
    )

    @property
    def version(self) -> str:
        return self.updated_at.isoformat()


class WrapUpAnswer(Identified, Model):
    """An answer as it was given: its question may be worded anew, or be gone, since."""

    wrap_up_id: Mapped[UUID] = mapped_column(sa.ForeignKey("wrap_up.id", ondelete="CASCADE"), index=True)
    field_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("wrap_up_field.id", ondelete="SET NULL"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[FieldKind] = mapped_column(enum_type(FieldKind))
    value: Mapped[str] = mapped_column(sa.Text)
