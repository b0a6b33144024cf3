from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_security.utils import hash_password

from telephony.commands import Pause
from telephony.errors import SwitchError
from webapp import switches, text
from webapp.accounts import breaks, presence, queries, shown
from webapp.accounts.events import OutOfStep, StatusChanged, UserDeactivated
from webapp.accounts.models import Absence, AgentStatus, ChangedBy, Line, QueueMember, Role, StatusPeriod, Team, User
from webapp.accounts.permissions import ROLES, Permission
from webapp.db import db, lock, now, transaction
from webapp.errors import Conflict, Invalid, NotFound, Unavailable
from webapp.events import publish

LOCALES = ("en", "el")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_ENDPOINT = re.compile(r"(PJSIP|SIP|IAX2|SCCP)/[0-9A-Za-z_.-]{1,40}")
MIN_PASSWORD = 8
LOGGED_OUT = "logged-out"  # the reason in which a switch keeps phones of whoever logged out
WRAP_UP = "wrap-up"  # and of whoever is held back after a call
CALLING = "calling"  # and of whoever is to talk to a customer who is being rung
NO_BREAKS = frozenset({WRAP_UP, CALLING})
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_FOR_SWITCHES = re.compile(r"[^A-Za-z0-9 _.-]")


def ensure_roles() -> None:
    """The built-in roles get what this version of the product gives them and none before it did, and lose what it gives
    them no more. What an administrator added or took away stays so."""
    for name, permissions in ROLES.items():
        role = db.session.scalar(sa.select(Role).where(Role.name == name))
        if role is None:
            role = Role(name=name, permissions=[], given=[])
            db.session.add(role)
        gives, gave = {permission.value for permission in permissions}, set(role.given)
        role.permissions = sorted((set(role.permissions) | (gives - gave)) - (gave - gives))
        role.given = sorted(gives)
    db.session.flush()


def add_user(
    username: str, name: str, *, role: str, password: str, email: str = "", team: str | None = None,
    lines: tuple[str, ...] = (), browser_lines: tuple[str, ...] = (), switch: str = "main", locale: str | None = None,
) -> User:  # fmt: skip
    """A new employee. Raises Invalid, naming each field that is wrong."""
    username, email = username.strip().lower(), email.strip().lower()
    problems = _problems(username, name, role, password, email, lines + browser_lines, switch)
    if problems:
        raise Invalid(_("The user was not added."), fields=problems)
    user = User(
        username=username,
        name=" ".join(name.split()),
        email=email or f"{username}@ringback.invalid",
        password=hash_password(password),
        fs_uniquifier=uuid.uuid4().hex,
        locale=locale,
        active=True,
    )
    user.roles = [db.session.scalars(sa.select(Role).where(Role.name == role)).one()]
    user.team = _team(team) if team else None
    user.lines = [Line(switch=switch, endpoint=endpoint) for endpoint in lines]
    user.lines += [Line(switch=switch, endpoint=endpoint, in_browser=True) for endpoint in browser_lines]
    db.session.add(user)
    db.session.flush()
    return user


def move_phone(user: User, endpoint: str, *, in_browser: bool) -> None:
    """Raises NotFound for a phone that is not theirs."""
    line = next((line for line in user.lines if line.endpoint == endpoint), None)
    if line is None:
        raise NotFound(_("%(name)s has no phone %(line)s.", name=user.name, line=endpoint))
    line.in_browser = in_browser


def set_head(team_name: str, head: User) -> None:
    team = db.session.scalar(sa.select(Team).where(Team.name == team_name))
    if team is None:
        raise NotFound(_("No team is called %(name)s.", name=team_name))
    team.head = head


def set_status(
    user: User, status: AgentStatus, *, reason: str = "", by: ChangedBy = ChangedBy.AGENT, at: datetime | None = None
) -> None:  # fmt: skip
    """What the agent declares. One period ends, and the next begins at the same moment."""
    at, reason = at or now(), reason if status is AgentStatus.ON_BREAK else ""
    if (user.status, user.status_reason) == (status, reason):
        return
    db.session.execute(
        sa.update(StatusPeriod)
        .where(StatusPeriod.user_id == user.id, StatusPeriod.ended_at.is_(None))
        .values(ended_at=at)
    )
    db.session.add(StatusPeriod(user_id=user.id, status=status, reason=reason, by=by, began_at=at))
    user.status, user.status_reason, user.status_since = status, reason, at
    db.session.flush()
    publish(StatusChanged(user_id=user.id, status=status.value, at=at))


def take_break(user: User, code: str = "") -> None:
    """Raises Invalid for a reason that nobody may choose. Without one it is just a break."""
    if code and not breaks.may_choose(code):
        raise Invalid(_("There is no such reason."), fields={"break_reason": _("There is no such reason.")})
    set_status(user, AgentStatus.ON_BREAK, reason=code)


def logged_in(user: User) -> None:
    """Somebody sits at the screen now."""
    user.logged_in_at = now()
    presence.seen([user.id], user.logged_in_at)
    if user.status is AgentStatus.LOGGED_OUT:
        set_status(user, AgentStatus.AVAILABLE)


def logged_out(user: User) -> None:
    set_status(user, AgentStatus.LOGGED_OUT)


def add_absence(user: User, begins_at: datetime, ends_at: datetime, note: str = "") -> Absence:
    """Nothing new is given to them from the beginning to the end. Raises Invalid, also for one that overlaps another."""
    if ends_at <= begins_at:
        raise Invalid(_("The absence was not added."), fields={"until": _("It ends before it begins.")})
    note = text.line(note, "reason", most=200)
    lock(user)  # of two at the same moment the second sees the first
    if other := queries.absence_between(user, begins_at, ends_at):
        problem = _("%(name)s is absent already then: %(span)s.", name=user.name, span=shown.span(other))
        raise Invalid(_("The absence was not added."), fields={"from": problem})
    absence = Absence(user_id=user.id, begins_at=begins_at, ends_at=ends_at, note=note)
    db.session.add(absence)
    db.session.flush()
    return absence


def deactivate(user: User, *, at: datetime) -> None:
    """They do not work here any more: no log-in, no session, nothing new, and what is theirs goes to others.

    What they did stays theirs. Raises Conflict for the last one who may manage users.
    """
    lock(user)
    if not user.active:
        return
    managers = set(queries.users_who_may(Permission.USER_MANAGE))
    if managers == {user.id}:
        raise Conflict(_("%(name)s is the last administrator.", name=user.name))
    user.active = False
    user.fs_uniquifier = uuid.uuid4().hex  # no session of theirs is any good, nor will be when they are back
    logged_out(user)
    publish(UserDeactivated(user_id=user.id, at=at))


def activate(user: User) -> None:
    """They work here again, and log in as before."""
    user.active = True


def end_absence(absence: Absence, *, at: datetime) -> None:
    """They are back; one that has not begun is forgotten. Raises Conflict for one that is over."""
    if absence.ends_at <= at:
        raise Conflict(_("This absence is over already."))
    if absence.begins_at >= at:
        db.session.delete(absence)
    else:
        absence.ends_at = at


def hold_back(user: User, until: datetime) -> None:
    """No call comes from a queue until then. Whom somebody took out of some queues only is left as they are: the way
    back would be one into all."""
    lock(user)
    if user.held_back_until == until or (user.held_back_until is None and _is_partly_out(user)):
        return
    user.held_back_until = until
    out_of_step(user)


def let_go(user: User) -> None:
    lock(user)
    if user.held_back_until is not None:
        user.held_back_until = None
        out_of_step(user)


def reserve(user: User, until: datetime) -> None:
    """No call comes from a queue while a customer is rung whom they are to talk to; until then at most. As with
    `hold_back`, whoever is out of some queues only is left as they are, and so is who was never at a screen."""
    lock(user)
    if user.logged_in_at is None or (user.reserved_until is None and _is_partly_out(user)):
        return
    user.reserved_until = until
    out_of_step(user)


def release(user: User) -> None:
    lock(user)
    if user.reserved_until is not None:
        user.reserved_until = None
        out_of_step(user)


def out_of_step(user: User) -> None:
    """The switches are told again, at once; see `jobs.keep_in_step`."""
    db.session.execute(sa.update(Line).where(Line.user_id == user.id).values(told_at=LONG_AGO))
    publish(OutOfStep(user_id=user.id))


def is_to_be_out(user: User, at: datetime) -> bool:
    """Of queues."""
    return user.status is not AgentStatus.AVAILABLE or any(
        until is not None and until > at for until in (user.held_back_until, user.reserved_until)
    )


def in_step(user: User) -> None:
    """Tell the switches of the user's lines what the user declared. Outside a transaction. Raises Unavailable; then it
    is tried again by `jobs.keep_in_step`."""
    declared, user_id = _declared(user), user.id
    paused = is_to_be_out(user, now())
    reason = _reason_for_switches(user, now()) if paused else ""
    asked = [
        (line.id, line.switch, Pause(line.endpoint, paused, reason), _needs_word(line, paused)) for line in user.lines
    ]
    db.session.rollback()
    for line_id, switch, command, needed in asked:
        try:
            if needed:
                switches.get(switch).pause(command)
        except SwitchError as error:
            problem = _("Your status is kept, but the telephone system did not follow: %(reason)s", reason=error.reason)
            raise Unavailable(problem) from error
        _told(line_id, user_id, declared)


def _needs_word(line: Line, paused: bool) -> bool:
    """Whoever comes for the first time, and is in a queue already, is left in those in which the switch has them."""
    if paused or line.told_at:
        return True
    here = sa.select(QueueMember.paused).where(QueueMember.switch == line.switch, QueueMember.line == line.endpoint)
    return all(db.session.scalars(here))


def _is_partly_out(user: User) -> bool:
    theirs = sa.exists().where(
        Line.user_id == user.id, Line.switch == QueueMember.switch, Line.endpoint == QueueMember.line
    )
    paused = db.session.scalars(sa.select(QueueMember.paused).where(theirs)).all()
    return any(paused) and not all(paused)


_Declared = tuple[datetime, datetime | None, datetime | None]


def _declared(user: User) -> _Declared:
    """By which it is seen whether something else holds meanwhile."""
    return user.status_since, user.held_back_until, user.reserved_until


def _told(line_id: UUID, user_id: UUID, declared: _Declared) -> None:
    """A switch took it; unless something else holds meanwhile."""
    since, held, reserved = declared
    still = sa.exists().where(
        User.id == user_id,
        User.status_since == since,
        User.held_back_until.is_not_distinct_from(held),
        User.reserved_until.is_not_distinct_from(reserved),
    )
    with transaction():
        db.session.execute(sa.update(Line).where(Line.id == line_id, still).values(told_at=max(now(), since)))


def _reason_for_switches(user: User, at: datetime) -> str:
    if user.status is AgentStatus.AVAILABLE:
        return WRAP_UP if user.held_back_until and user.held_back_until > at else CALLING
    word = user.status_reason if user.status is AgentStatus.ON_BREAK else LOGGED_OUT
    return _NOT_FOR_SWITCHES.sub("-", word)[:40] or "break"


def set_preferences(
    user: User,
    *,
    theme: str | None = None,
    density: str | None = None,
    locale: str | None = None,
    ring_volume: float | None = None,
) -> None:
    """Raises Invalid for a value that does not exist."""
    if ring_volume is not None:
        if not 0 <= ring_volume <= 100 or ring_volume != int(ring_volume):
            problem = _("A whole number from %(least)s to %(most)s.", least=0, most=100)
            raise Invalid(_("There is no such choice."), fields={"ring_volume": problem})
        user.ring_volume = int(ring_volume)
    for field, value, choices in (
        ("theme", theme, ("auto", "light", "dark")),
        ("density", density, ("comfortable", "compact")),
        ("locale", locale, LOCALES),
    ):
        if value is None:
            continue
        if value not in choices:
            raise Invalid(_("There is no such choice."), fields={field: ", ".join(choices)})
        setattr(user, field, value)


def _problems(
    username: str, name: str, role: str, password: str, email: str, lines: tuple[str, ...], switch: str
) -> dict[str, str]:
    problems = {}
    if not _USERNAME.fullmatch(username):
        problems["username"] = _("2 to 39 of a-z, 0-9, dot, dash and underscore.")
    elif db.session.scalar(sa.select(User.id).where(User.username == username)):
        problems["username"] = _("Somebody has it already.")
    if not name.strip() or len(name) > 120:
        problems["name"] = _("1 to 120 characters.")
    if role not in ROLES:
        problems["role"] = _("One of %(roles)s.", roles=", ".join(ROLES))
    if len(password) < MIN_PASSWORD:
        problems["password"] = _("At least %(n)s characters.", n=MIN_PASSWORD)
    if email and not _EMAIL.fullmatch(email):
        problems["email"] = _("Not an e-mail address.")
    elif email and db.session.scalar(sa.select(User.id).where(User.email == email)):
        problems["email"] = _("Somebody has it already.")
    for endpoint in lines:
        if not _ENDPOINT.fullmatch(endpoint):
            problems["line"] = _("%(line)s is not an endpoint like PJSIP/alice.", line=endpoint)
        elif taken := db.session.scalar(sa.select(Line).where(Line.switch == switch, Line.endpoint == endpoint)):
            problems["line"] = _("%(line)s belongs to %(name)s.", line=endpoint, name=taken.user.name)
    return problems


def _team(name: str) -> Team:
    team = db.session.scalar(sa.select(Team).where(Team.name == name))
    if team is None:
        team = Team(name=name)
        db.session.add(team)
    return team
