from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from telephony.events import Direction
from webapp.accounts.models import User
from webapp.db import Identified, Model, enum_type, now
from webapp.wrapup.models import FieldKind, Question


@dataclass(frozen=True, slots=True)
class Branch:
    """A way on from a step; to no step: the script is done."""

    label: str
    to: UUID | None


class Script(Identified, Model):
    """For calls of a queue ("": any) and a direction (None: any). `opens`: by itself, when such a call is answered."""

    name: Mapped[str] = mapped_column(sa.String(80))
    queue: Mapped[str] = mapped_column(sa.String(80), default="")
    direction: Mapped[Direction | None] = mapped_column(enum_type(Direction))
    opens: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)

    steps: Mapped[list[ScriptStep]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="ScriptStep.position"
    )

    def step(self, step_id: UUID | str | None) -> ScriptStep | None:
        return next((step for step in self.steps if str(step.id) == str(step_id)), None)


class ScriptStep(Identified, Model):
    """What is said, asked and done next. Without branches the next one by position follows."""

    script_id: Mapped[UUID] = mapped_column(sa.ForeignKey("script.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(sa.String(80))
    text: Mapped[str] = mapped_column(sa.Text, default="")
    asks: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list)
    ways: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list)

    @property
    def questions(self) -> list[Question]:
        return [Question(**(row | {"kind": FieldKind(row["kind"])})) for row in self.asks]

    @questions.setter
    def questions(self, rows: list[Question]) -> None:
        self.asks = [
            {
                "key": row.key,
                "label": row.label,
                "kind": row.kind.value,
                "required": row.required,
                "options": row.options,
            }
            for row in rows
        ]

    @property
    def branches(self) -> list[Branch]:
        return [Branch(row["label"], UUID(row["to"]) if row["to"] else None) for row in self.ways]

    @branches.setter
    def branches(self, rows: list[Branch]) -> None:
        self.ways = [{"label": row.label, "to": str(row.to) if row.to else None} for row in rows]


class ScriptRun(Identified, Model):
    """One agent's way through a script in one call. `path`: the steps so far, the present one last; `done`: beyond it."""

    __table_args__ = (sa.UniqueConstraint("call_id", "user_id"),)
    call_id: Mapped[UUID] = mapped_column(sa.ForeignKey("call.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    script_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("script.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(sa.String(80))  # of the script, as it was
    path: Mapped[list[str]] = mapped_column(default=list)
    done: Mapped[bool] = mapped_column(default=False)
    typed: Mapped[dict[str, Any]] = mapped_column(default=dict)  # and not saved yet: by step, by field
    begun_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    user: Mapped[User] = relationship(lazy="joined")
    script: Mapped[Script | None] = relationship(lazy="select")
    answers: Mapped[list[ScriptAnswer]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="ScriptAnswer.position"
    )


class ScriptAnswer(Identified, Model):
    """As it was given, with the words in which it was asked."""

    run_id: Mapped[UUID] = mapped_column(sa.ForeignKey("script_run.id", ondelete="CASCADE"), index=True)
    step_id: Mapped[str] = mapped_column(sa.String(36))
    key: Mapped[str] = mapped_column(sa.String(36))
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[FieldKind] = mapped_column(enum_type(FieldKind))
    value: Mapped[str] = mapped_column(sa.Text)
