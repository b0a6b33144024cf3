from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Identified, Model, enum_type, now


class PartyKind(StrEnum):
    PERSON = "person"
    COMPANY = "company"


class PointKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


class Party(Identified, Model):
    """A person or a company: whoever can call, be called, or be written to."""

    kind: Mapped[PartyKind] = mapped_column(enum_type(PartyKind), default=PartyKind.PERSON)
    name: Mapped[str] = mapped_column(sa.String(200))
    search_name: Mapped[str] = mapped_column(sa.String(400), index=True)  # folded: case and accents do not matter
    company_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("party.id", ondelete="SET NULL"), index=True)
    note: Mapped[str] = mapped_column(sa.Text, default="")
    do_not_call_at: Mapped[datetime | None]  # when they asked not to be called, under any number
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    created_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"))
    owner_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id", ondelete="SET NULL"), index=True)
    company: Mapped[Party | None] = relationship(remote_side="Party.id")
    points: Mapped[list[ContactPoint]] = relationship(
        back_populates="party", cascade="all, delete-orphan", order_by="ContactPoint.position", lazy="selectin"
    )

    @property
    def phones(self) -> list[ContactPoint]:
        return [point for point in self.points if point.kind is PointKind.PHONE]

    @property
    def emails(self) -> list[ContactPoint]:
        return [point for point in self.points if point.kind is PointKind.EMAIL]


class ContactPoint(Identified, Model):
    """One way to reach a party. Phones are E.164 and indexed, not unique: families and offices share them."""

    __table_args__ = (sa.Index(None, "kind", "value"), sa.UniqueConstraint("party_id", "kind", "value", "extension"))
    party_id: Mapped[UUID] = mapped_column(sa.ForeignKey("party.id", ondelete="CASCADE"), index=True)
    kind: Mapped[PointKind] = mapped_column(enum_type(PointKind))
    value: Mapped[str] = mapped_column(sa.String(255))
    extension: Mapped[str] = mapped_column(sa.String(16), default="")
    label: Mapped[str] = mapped_column(sa.String(40), default="")
    position: Mapped[int] = mapped_column(default=0)
    do_not_call_at: Mapped[datetime | None]  # when its owner asked not to be called under it
    party: Mapped[Party] = relationship(back_populates="points")


class OwnNumber(Model):
    """A number of the firm itself: never a client, however often it calls. `shown`: customers may see it when they are
    called over `switch` ("": over any)."""

    value: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    switch: Mapped[str] = mapped_column(sa.String(40), default="")
    shown: Mapped[bool] = mapped_column(default=False)
    label: Mapped[str] = mapped_column(sa.String(80), default="")
