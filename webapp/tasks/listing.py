"""The list of callbacks: which ones, in which order, page by page, and how many there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, lazyload, selectinload

from telephony.numbers import e164
from webapp.accounts.models import User
from webapp.contacts.models import Party
from webapp.contacts.text import folded
from webapp.db import db, now
from webapp.errors import Invalid
from webapp.paging import Page, newest_first
from webapp.tasks.models import Callback, CallbackKind, CallbackState

MOST_URGENT = 3  # as `Callback.priority`
PAGE = 100
LONGEST_PAGE = 500  # of a list that is asked for again as long as it stands on a screen
FEWEST_DIGITS = 3  # of a number that is searched by a part of it


class Tab(StrEnum):
    OPEN = "open"  # to be done
    MINE = "mine"  # which the reader has claimed, or was given
    WAITING = "waiting"  # tried, and not to be tried again before a time
    PROMISES = "promises"  # which we said we would make
    CLOSED = "closed"


class Sort(StrEnum):
    URGENCY = "urgency"
    DUE = "due"
    LONGEST = "longest"  # who waits longest
    MISSED = "missed"
    NAME = "name"


class Due(StrEnum):
    OVERDUE = "overdue"
    TODAY = "today"


Holder = UUID | Literal["me", "nobody"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    tab: Tab = Tab.OPEN
    q: str = ""  # words of a name, or a part of a number
    queue: str = ""
    holder: Holder = None
    due: Due | None = None
    kind: CallbackKind | None = None
    priority: int | None = None
    team: UUID | None = None  # of whoever has it
    sort: Sort = Sort.URGENCY

    @property
    def narrow(self) -> bool:
        """Whether more than the tab decides what is shown."""
        return self != Filters(tab=self.tab, sort=self.sort)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What there is of all that is not closed."""

    open: int
    mine: int
    waiting: int
    promises: int
    overdue: int
    nobodys: int
    oldest: datetime | None

    def of(self, tab: Tab) -> int | None:
        return None if tab is Tab.CLOSED else int(getattr(self, tab.value))


_NAME_ONLY = (lazyload(User.roles), lazyload(User.lines))
# what lists show of a callback, and no more
SHOWN = (
    joinedload(Callback.party).options(joinedload(Party.company).lazyload(Party.points), lazyload(Party.points)),
    joinedload(Callback.claimed_by).options(*_NAME_ONLY),
    joinedload(Callback.assigned_to).options(*_NAME_ONLY),
    joinedload(Callback.closed_by).options(*_NAME_ONLY),
    selectinload(Callback.closed_by_call),
)


def page(reader: User, filters: Filters, after: str | None = None, size: int = PAGE) -> Page[Callback]:
    """`after` is the last one seen, and counts where it stands now: who became more urgent meanwhile may be seen twice,
    and nobody is left out. Raises `Invalid` for one that never was."""
    query = matching(reader, filters).options(*SHOWN)
    if filters.tab is Tab.CLOSED:
        return newest_first(query, Callback.closed_at, Callback.id, after=after, size=size)
    keys = _keys(filters, now())
    query = _with_names(query)
    if after:
        query = query.where(sa.tuple_(*keys) > sa.tuple_(*_place_of(after, keys)))
    rows = db.session.scalars(query.order_by(*keys).limit(size + 1)).unique().all()
    return Page(rows[:size], str(rows[size - 1].id) if len(rows) > size else None)


def those(reader: User, filters: Filters, ids: list[UUID]) -> list[Callback]:
    """Which of these are (still) in this list."""
    query = matching(reader, filters).where(Callback.id.in_(ids)).options(*SHOWN)
    return list(db.session.scalars(query).unique())


def ids_of(reader: User, filters: Filters) -> list[UUID]:
    """All of the list, in its order."""
    query = _with_names(matching(reader, filters)).with_only_columns(Callback.id)
    return list(db.session.scalars(query.order_by(*_keys(filters, now()))))


def how_many(reader: User, filters: Filters) -> int:
    return db.session.scalar(matching(reader, filters).with_only_columns(sa.func.count(Callback.id))) or 0


def figures(reader: User) -> Figures:
    """In one question."""
    at = now()

    def count(condition: sa.ColumnElement[bool]) -> Any:
        return sa.func.count(sa.case((condition, 1)))

    query = sa.select(
        count(_in_tab(Tab.OPEN, reader)), count(_in_tab(Tab.MINE, reader)), count(_in_tab(Tab.WAITING, reader)),
        count(_in_tab(Tab.PROMISES, reader)), count(Callback.due_at < at), count(_holder_id.is_(None)),
        sa.func.min(sa.case((_in_tab(Tab.OPEN, reader), Callback.first_missed_at))),
    ).where(Callback.state != CallbackState.CLOSED)  # fmt: skip
    found = db.session.execute(query).one()
    names = ("open", "mine", "waiting", "promises", "overdue", "nobodys", "oldest")
    return Figures(**dict(zip(names, found, strict=True)))


def queues() -> list[str]:
    """Of all callbacks, also of closed ones, which can be filtered as well.

    Each name asks the index for the next one: as many steps as there are queues, however many callbacks they have."""
    known = sa.select(sa.func.min(Callback.queue).label("queue")).cte("known", recursive=True)
    following = sa.select(sa.func.min(Callback.queue)).where(Callback.queue > known.c.queue).scalar_subquery()
    known = known.union_all(sa.select(following).where(known.c.queue.is_not(None)))
    query = sa.select(known.c.queue).where(known.c.queue.is_not(None)).order_by(known.c.queue)
    return [queue for queue in db.session.scalars(query) if queue]


def matching(reader: User, filters: Filters) -> sa.Select[Callback]:
    query = sa.select(Callback).where(_in_tab(filters.tab, reader))
    if filters.q:
        query = query.where(_says(filters.q))
    if filters.queue:
        query = query.where(Callback.queue == filters.queue)
    if filters.holder == "nobody":
        query = query.where(_holder_id.is_(None))
    elif filters.holder:
        query = query.where(_holder_id == (reader.id if filters.holder == "me" else filters.holder))
    if filters.due is Due.OVERDUE:
        query = query.where(Callback.due_at < now())
    elif filters.due is Due.TODAY:
        query = query.where(Callback.due_at < _tomorrow(now()))
    if filters.kind:
        query = query.where(Callback.kind == filters.kind)
    if filters.priority:
        query = query.where(_priority <= 1 if filters.priority == 1 else _priority == filters.priority)
    if filters.team:
        query = query.where(_holder_id.in_(sa.select(User.id).where(User.team_id == filters.team)))
    return query


def order_key(callback: Callback, filters: Filters, at: datetime) -> str:
    """Where it stands in the list, as text that sorts as `page` does: so a page can put a single row in its place."""
    pieces: tuple[str, ...]
    match _order(filters):
        case "retry":
            pieces = (_sortable(callback.retry_at or callback.due_at),)
        case Sort.URGENCY:
            pieces = (str(int(callback.due_at >= at)), str(9 - callback.priority), _sortable(callback.due_at))
        case Sort.DUE:
            pieces = (_sortable(callback.due_at),)
        case Sort.LONGEST:
            pieces = (_sortable(callback.first_missed_at),)
        case Sort.MISSED:
            pieces = (f"{99_999 - callback.missed:05}", _sortable(callback.due_at))
        case _:
            name = callback.party.search_name if callback.party else callback.name_raw.lower()
            number = callback.number or callback.number_raw
            pieces = ("0" if name else "1" if number else "2", name or number)
    return "\t".join((*pieces, callback.id.hex))  # a tab sorts before whatever a name goes on with


# whoever is on it has it, else whoever it was given to
_holder_id = sa.func.coalesce(Callback.claimed_by_id, Callback.assigned_to_id, type_=sa.Uuid())
_priority = sa.case((Callback.missed > MOST_URGENT, MOST_URGENT), else_=Callback.missed)


def _in_tab(tab: Tab, reader: User) -> sa.ColumnElement[bool]:
    not_closed = Callback.state != CallbackState.CLOSED
    match tab:
        case Tab.OPEN:
            return Callback.state.in_([CallbackState.OPEN, CallbackState.CLAIMED])
        case Tab.MINE:
            return sa.and_(not_closed, _holder_id == reader.id)
        case Tab.WAITING:
            untried = sa.and_(Callback.kind == CallbackKind.PROMISE, Callback.attempts == 0)
            return sa.and_(Callback.state == CallbackState.WAITING, ~untried)
        case Tab.PROMISES:
            return sa.and_(not_closed, Callback.kind == CallbackKind.PROMISE)
        case Tab.CLOSED:
            return Callback.state == CallbackState.CLOSED


def _order(filters: Filters) -> Sort | Literal["retry"]:
    if filters.sort is not Sort.URGENCY:
        return filters.sort
    return {Tab.WAITING: "retry", Tab.PROMISES: Sort.DUE}.get(filters.tab, Sort.URGENCY)  # type: ignore[return-value]


def _keys(filters: Filters, at: datetime) -> tuple[Any, ...]:
    """What the list is ordered by, always upwards; as `order_key`."""
    keys: tuple[Any, ...]
    match _order(filters):
        case "retry":
            keys = (sa.func.coalesce(Callback.retry_at, Callback.due_at, type_=Callback.due_at.type),)
        case Sort.URGENCY:
            keys = (sa.case((Callback.due_at < at, 0), else_=1), -_priority, Callback.due_at)
        case Sort.DUE:
            keys = (Callback.due_at,)
        case Sort.LONGEST:
            keys = (Callback.first_missed_at,)
        case Sort.MISSED:
            keys = (-Callback.missed, Callback.due_at)
        case _:
            name = sa.func.coalesce(Party.search_name, sa.func.nullif(sa.func.lower(Callback.name_raw), ""))
            number = sa.func.coalesce(Callback.number, Callback.number_raw)
            known = sa.case((name.is_not(None), 0), (number != "", 1), else_=2)  # whom nobody can name comes last
            keys = (known, sa.func.coalesce(name, number))
    return (*keys, Callback.id)


def _with_names(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.outerjoin(Party, Callback.party_id == Party.id)


def _place_of(cursor: str, keys: tuple[Any, ...]) -> list[Any]:
    try:
        query = _with_names(sa.select(*keys).select_from(Callback)).where(Callback.id == UUID(cursor))
        found = db.session.execute(query).one_or_none()
    except ValueError:
        found = None
    if found is None:
        raise Invalid(_("This page does not exist."), fields={"after": "not a cursor"})
    return [sa.literal(value, key.type) for value, key in zip(found, keys, strict=True)]


def _says(text: str) -> sa.ColumnElement[bool]:
    """All its words in the customer's name, company or what the line called them; or digits of the number."""
    words = folded(text).split()
    named = sa.select(Party.id).where(*(Party.search_name.contains(word, autoescape=True) for word in words))
    ways = [Callback.party_id.in_(named), Callback.name_raw.icontains(text, autoescape=True)] if words else []
    digits = re.sub(r"\D", "", text).lstrip("0")
    if re.fullmatch(r"[+0-9()\-./\s]+", text) and len(digits) >= FEWEST_DIGITS:
        whole = e164(text, current_app.config["RINGBACK_REGION"])
        ways += [Callback.number == (whole or ""), Callback.number.contains(digits, autoescape=True)]
    return sa.or_(*ways) if ways else sa.false()


def _tomorrow(at: datetime) -> datetime:
    """When the day ends, on the firm's clock."""
    zone = ZoneInfo(current_app.config["BABEL_DEFAULT_TIMEZONE"])
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time.min, zone)


def _sortable(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
